"""Pages and fragments out of templates.

The template `nodes/list.html` is the file `nodes/templates/list.html` of the slice `nodes`: there is
nothing to register. The frame around a page (person, navigation, counts) is handed in by `app` as a
`FrameProvider`, because this floor knows nothing of nodes or jobs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from markupsafe import Markup

import paddock
from paddock.base.clock import Clock
from paddock.settings import Settings
from paddock.web import csrf, drawing, filters
from paddock.web.assets import Assets

ROOT = Path(paddock.__file__).parent


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the navigation. `bad` counts what needs attention and is shown instead of `count`."""

    label: str
    path: str
    icon: str
    count: int | None = None
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the site switcher."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page. Entries that the person may not see are left out by the provider."""

    person: str = ""
    role: str = ""
    nav: tuple[NavItem, ...] = ()
    sites: tuple[Choice, ...] = ()
    jobs: int = 0
    """Running jobs."""
    attention: int = 0
    """Things on the overview that need somebody."""
    searchable: bool = True


FrameProvider = Callable[[Request], Awaitable[Frame | None]]
"""Called once per page; None where nobody is signed in. Keep it to one or two queries."""


class SliceLoader(BaseLoader):
    """Finds `nodes/list.html` in the folder `templates` of the slice `nodes`."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        slice_, _, rest = template.partition("/")
        parts = Path(rest).parts
        path = ROOT / slice_ / "templates" / rest
        if not slice_.isidentifier() or not rest or ".." in parts or not path.is_file():
            raise TemplateNotFound(template)
        changed = path.stat().st_mtime
        return path.read_text(), str(path), lambda: path.is_file() and path.stat().st_mtime == changed


class Templates:
    """The Jinja2 environment of one Paddock."""

    def __init__(
        self, settings: Settings, clock: Clock, *, assets: Assets, frame: FrameProvider | None = None
    ) -> None:
        self.settings = settings
        self._frame = frame
        self._base = settings.root_path.rstrip("/")
        self.zone, self.zone_name = _zone(settings.time_zone)
        self.environment = Environment(
            loader=SliceLoader(),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.filters.update(filters.build(clock, self.zone))
        self.environment.globals.update(
            url=self.url,
            static=lambda name: self._base + assets.path(name),
            now=clock.now,
            zone_name=self.zone_name,
        )
        drawn = drawing.build(self._base + assets.path("icons.svg"))
        self.environment.globals.update(drawn)
        ui = self.environment.get_template("web/ui.html").module
        vars(ui).update(drawn)
        self.environment.globals["ui"] = ui

    def url(self, path: str, **query: Any) -> str:
        """Address of one of our paths, below the root path; parameters that are None or empty are left out."""
        pairs = [(name.rstrip("_"), value) for name, value in query.items() if value not in (None, "")]
        return self._base + path + (f"?{urlencode(pairs)}" if pairs else "")

    async def page(
        self, request: Request, template: str, *, status: int = 200, framed: bool = True, **data: Any
    ) -> HTMLResponse:
        frame = await self._frame(request) if framed and self._frame else None
        answer = self._render(request, template, status, {"frame": frame, **data})
        signed_in = csrf.session_cookie(self.settings) in request.cookies
        # of those who are not, it may be the page of a setup link
        if signed_in and request.method == "POST" and status >= 400:
            # a form that comes back with what is wrong, no secret in it: Back leads to it, not to a browser's error
            answer.headers["Cache-Control"] = "private, no-cache"
        return answer

    def fragment(self, request: Request, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
        return self._render(request, template, status, data)

    def text(self, template: str, **data: Any) -> str:
        """A template without a request, for example one message out of many."""
        return self.environment.get_template(template).render(data)

    def _render(self, request: Request, template: str, status: int, data: Mapping[str, Any]) -> HTMLResponse:
        body = self.environment.get_template(template).render({**self._context(request), **data})
        return HTMLResponse(body, status_code=status)

    def _context(self, request: Request) -> dict[str, Any]:
        cookie = request.cookies.get(csrf.session_cookie(self.settings), "")
        token = csrf.masked_token(cookie) if cookie else ""
        here_path = self._base + own_path(request)

        given = request.query_params.multi_items()
        known: dict[Any, str] = {}  # tags and sorts are linked to by many rows alike

        def here(**changes: Any) -> str:
            """The address of this page with some parameters changed; None takes one out. The page number starts anew."""
            key = tuple(changes.items())
            if (found := known.get(key)) is not None:
                return found
            wanted = {name.rstrip("_"): value for name, value in changes.items()}
            keep = [
                pair for pair in given if pair[0] not in wanted and (pair[0] != "page" or "page" in wanted)
            ]
            pairs = [*keep, *((n, str(v)) for n, v in wanted.items() if v not in (None, ""))]
            known[key] = here_path + (f"?{urlencode(pairs)}" if pairs else "")
            return known[key]

        return {
            "request": request,
            "path": own_path(request),
            "query": request.query_params,
            "here": here,
            "site_id": request.query_params.get("site", ""),
            "csrf_token": token,
            "csrf_field": Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, token),
            "host_name": request.url.hostname or "",
        }


def install(
    app: FastAPI, settings: Settings, clock: Clock, *, frame: FrameProvider | None = None
) -> Templates:
    """Builds the templates, mounts /static, and keeps both where `page` and `fragment` find them."""
    assets = Assets()
    templates = Templates(settings, clock, assets=assets, frame=frame)
    app.state.templates = templates
    app.mount("/static", assets)
    return templates


def templates_of(request: Request) -> Templates:
    found: Templates = request.app.state.templates
    return found


async def page(request: Request, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """A whole page, in its frame."""
    return await templates_of(request).page(request, template, status=status, **data)


def fragment(request: Request, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """A part of a page, for htmx."""
    return templates_of(request).fragment(request, template, status=status, **data)


def redirect(request: Request, path: str, **query: Any) -> RedirectResponse | HTMLResponse:
    """The way on after a form was done: 303, or `HX-Redirect` for htmx."""
    target = templates_of(request).url(path, **query)
    if is_htmx(request):
        return HTMLResponse(status_code=204, headers={"HX-Redirect": target})
    return RedirectResponse(target, status_code=303)


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def own_path(request: Request) -> str:
    """The path below the root path."""
    root = request.app.state.templates.settings.root_path.rstrip("/")
    path: str = request.url.path
    return path[len(root) :] or "/" if root and path.startswith(root + "/") else path


def _zone(name: str) -> tuple[Any, str]:
    if not name:
        return filters.local_zone()
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError):
        return filters.local_zone()
