"""Puts the furniture into an application, in the right order."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from paddock.base.context import Services
from paddock.web import problems, render
from paddock.web.live import Live
from paddock.web.render import FrameProvider, Templates
from paddock.web.security import SecurityMiddleware

_NOT_PACKED = ("/api/v1/", "/static/", "/live")
"""Static files are packed already; REST is read by programs nearby, where packing costs more than the bytes."""


def install(app: FastAPI, services: Services, *, frame: FrameProvider | None = None) -> Templates:
    """Templates, static files, problems, compression, security; `app.state.services` and the part `Live`.

    Call it once, before any other middleware is added. `Live` is to be started and stopped by the lifespan.
    """
    app.state.services = services
    services.parts[Live] = Live(services.bus, services.clock)
    templates = render.install(app, services.settings, services.clock, frame=frame)
    problems.install(app)
    app.add_middleware(PackPages)
    app.add_middleware(SecurityMiddleware, settings=services.settings)
    return templates


class PackPages:
    """gzip for pages and fragments."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.packed = GZipMiddleware(app, minimum_size=1000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        plain = scope["type"] != "http" or path.startswith(_NOT_PACKED)
        await (self.app if plain else self.packed)(scope, receive, send)
