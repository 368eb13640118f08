"""What goes wrong, told in the visitor's way: problem+json (RFC 9457), a page, or a toast.

`STATUS` is the one table from class of error to HTTP status; the nearest class decides.
"""

from __future__ import annotations

import json
import logging
import secrets
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paddock.base import errors
from paddock.base.errors import PaddockError
from paddock.web import render, validation

log = logging.getLogger(__name__)

SIGN_IN = "/signin"


class HostRefused(PaddockError):
    """A request for a host name that Paddock does not go by."""

    default_code = "host_refused"


class TooLarge(PaddockError):
    """A body beyond the limit."""

    default_code = "too_large"


class Malformed(PaddockError):
    """A request that is not in order as a whole."""

    default_code = "malformed"


class Busy(PaddockError):
    """More than this server takes at once; `seconds` says when to try again."""

    default_code = "busy"

    def __init__(self, message: str, *, seconds: float, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.seconds = seconds


class NotAllowed(PaddockError):
    """The address is there, the method is not."""

    default_code = "method_not_allowed"


STATUS: dict[type[PaddockError], int] = {
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.NotLoggedIn: 401,
    errors.Denied: 403,
    errors.Throttled: 429,
    errors.Prerequisite: 409,
    errors.StaleVersion: 412,
    errors.Upstream: 502,
    errors.Bug: 500,
    HostRefused: 400,
    Malformed: 400,
    Busy: 503,
    TooLarge: 413,
    NotAllowed: 405,
}


def status_of(error: PaddockError) -> int:
    """The status of the nearest class in the table; 500 where there is none."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return 504 if STATUS[kind] == 502 and error.code == "timed_out" else STATUS[kind]
    return 500


def problem(error: PaddockError) -> dict[str, Any]:
    """The members of problem+json."""
    status = status_of(error)
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
    }
    if error.hint:
        body["hint"] = error.hint.strip()
    if error.details:
        body["errors"] = [{"field": d.field, "message": d.message} for d in error.details]
    return {**error.extra(), **body}


async def respond(request: Request, error: PaddockError) -> Response:
    """The answer to an error, in the form that the visitor understands."""
    status = status_of(error)
    headers = headers_of(error)
    if wants_json(request):
        # In ASCII: a sentence may quote what was sent, and JSON can hold half a character that UTF-8 cannot.
        said = json.dumps(problem(error)).encode("ascii")
        return Response(said, status, headers, media_type="application/problem+json")
    if isinstance(error, errors.NotLoggedIn):
        return _to_sign_in(request)
    if render.is_htmx(request):
        answer: Response = render.fragment(request, "web/toast.html", status=status, error=error)
        answer.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", **headers})
        return answer
    data = {"error": error, "number": status, "title": HTTPStatus(status).phrase}
    answer = await render.templates_of(request).page(
        request, "web/error.html", status=status, framed=status in {403, 404, 409, 412, 422, 502, 504}, **data
    )
    answer.headers.update(headers)
    return answer


def wants_json(request: Request) -> bool:
    path = render.own_path(request)
    if (path.startswith("/api/") and path != "/api/docs") or path in {"/api", "/live"}:
        return True
    accept = request.headers.get("accept", "")
    return "json" in accept and "html" not in accept


def install(app: FastAPI) -> None:
    """Registers the handlers. Call before other middleware is added, so that the catch-all stands innermost."""
    app.add_exception_handler(PaddockError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(CatchAll)


class CatchAll:
    """Turns what nobody expected into a Bug with an id to quote; the traceback goes to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            quoted = secrets.token_hex(4)
            log.exception("%s %s failed, id %s", scope["method"], scope["path"], quoted)
            if started:
                raise
            answer = await _last_resort(Request(scope, receive), _bug(error, quoted))
            await answer(scope, receive, send)


async def _last_resort(request: Request, bug: errors.Bug) -> Response:
    """The answer to a bug, in plain text where even the error page fails."""
    try:
        return await respond(request, bug)
    except Exception:
        log.exception("the page for an error failed itself")
        return PlainTextResponse(f"{bug.message} {bug.hint}", 500)


def _bug(error: Exception, quoted: str) -> errors.Bug:
    message = error.message if isinstance(error, errors.Bug) else "Something went wrong inside Paddock."
    return errors.Bug(message, hint=f"Quote the id {quoted}: it is in Paddock's log beside the cause.")


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, PaddockError)
    if status_of(error) == 500:
        quoted = secrets.token_hex(4)
        log.error("%s %s failed, id %s", request.method, request.url.path, quoted, exc_info=error)
        if isinstance(error, errors.Bug):
            error = _bug(error, quoted)
    return await respond(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = validation.details(error.errors())
    return await respond(request, errors.Invalid(_summary(found), details=found))


async def _http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    translated: PaddockError
    if error.status_code == 404:
        translated = errors.NotFound(f"There is nothing at {render.own_path(request)}.")
    elif error.status_code == 405:
        translated = NotAllowed(f"{request.method} is not possible at {render.own_path(request)}.")
    elif error.status_code < 500:
        translated = errors.Invalid(str(error.detail))
    else:
        translated = errors.Bug(str(error.detail))
    answer = await respond(request, translated)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def _summary(found: list[errors.Detail]) -> str:
    named = [f"{d.field}: {d.message}" if d.field else d.message for d in found[:3]]
    more = len(found) - len(named)
    return " ".join(named) + (f" And {more} more." if more else "")


def headers_of(error: PaddockError) -> dict[str, str]:
    """Header fields that belong to an error."""
    if isinstance(error, errors.Throttled | Busy):
        return {"Retry-After": str(max(1, round(error.seconds)))}
    if isinstance(error, errors.NotLoggedIn):
        return {"WWW-Authenticate": 'Bearer realm="paddock"'}
    return {}


def _to_sign_in(request: Request) -> Response:
    """The way to the sign-in, and back: the address of the page one wanted, or of the page htmx runs on."""
    templates = render.templates_of(request)
    if render.is_htmx(request):
        wanted = _htmx_page(request, templates.settings.root_path)
    elif request.method in {"GET", "HEAD"}:
        wanted = _with_query(render.own_path(request), request.url.query)
    else:
        wanted = "/"
    target = templates.url(SIGN_IN)
    if wanted not in {"", "/"}:
        target += f"?next={quote(wanted, safe='/')}"
    if render.is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": target})
    return RedirectResponse(target, status_code=303)


def _htmx_page(request: Request, root: str) -> str:
    """The page that htmx runs on, as it says itself; empty where that is no address."""
    try:
        at = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:
        return ""
    return _with_query(at.path.removeprefix(root), at.query)


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
