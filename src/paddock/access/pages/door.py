"""Pages before the sign-in: sign in, set up, choose a password; and sign out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import actions, passwords, queries
from paddock.access.guard import visitor_context
from paddock.access.schemas import NewPassword, SetupIn, SignIn
from paddock.base.context import Context
from paddock.base.errors import Denied, Invalid, NotFound, PaddockError, Throttled, WrongState
from paddock.web import problems
from paddock.web.csrf import session_cookie
from paddock.web.forms import Form
from paddock.web.render import page, redirect

router = APIRouter()
Visitor = Annotated[Context, Depends(visitor_context)]


@router.get("/signin")
async def sign_in_page(request: Request, ctx: Visitor) -> Response:
    wanted = local_path(request.query_params.get("next", ""))
    if ctx.actor.user_id is not None:
        return redirect(request, wanted)
    return await page(
        request, "access/signin.html", form=Form(), wanted=wanted, ready=await queries.any_user(ctx)
    )


@router.post("/signin")
async def sign_in(request: Request, ctx: Visitor) -> Response:
    form = await Form.read(request)
    wanted = local_path(form.raw("next"))
    status, headers = 422, {}
    if (wish := form.bind(SignIn)) is not None:
        try:
            cookie = await actions.sign_in(
                ctx,
                wish.name,
                wish.password.get_secret_value(),
                agent=_agent(request),
                old_cookie=_cookie(request, ctx),
            )
            return with_session(redirect(request, wanted), ctx, cookie)
        except (Denied, Throttled) as error:
            form.fail(error)
            if isinstance(error, Throttled):
                form.errors["password"] = error.message
            status, headers = problems.status_of(error), problems.headers_of(error)
    answer = await page(
        request,
        "access/signin.html",
        status=status,
        form=form,
        wanted=wanted,
        ready=await queries.any_user(ctx),
    )
    answer.headers.update(headers)
    return answer


@router.post("/signout")
async def sign_out(request: Request, ctx: Visitor) -> Response:
    if cookie := _cookie(request, ctx):
        await actions.sign_out(ctx, cookie)
    answer = redirect(request, "/signin")
    answer.delete_cookie(session_cookie(ctx.settings), **_cookie_manner(ctx))
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@router.get("/setup")
async def setup_page(request: Request, ctx: Visitor) -> Response:
    return await _setup_page(request, ctx, request.query_params.get("token", ""), Form())


@router.post("/setup")
async def set_up(request: Request, ctx: Visitor) -> Response:
    form = await Form.read(request)
    token = form.raw("token")
    purpose = await actions.find_link(ctx, token)
    fields = {"password": form.raw("password")}
    if form.raw("password") != form.raw("repeat"):
        form.errors["repeat"] = "The two passwords differ."
    try:
        if purpose.user is None:
            wish = form.bind(SetupIn)
            if wish is not None and not form.errors:
                cookie = await actions.set_up(ctx, token, wish, agent=_agent(request))
                return with_session(redirect(request, "/"), ctx, cookie)
        elif not form.errors:
            chosen = NewPassword.model_validate(fields).password.get_secret_value()
            cookie = await actions.choose_password(ctx, token, chosen, agent=_agent(request))
            return with_session(redirect(request, "/"), ctx, cookie)
    except (Invalid, WrongState) as error:
        form.fail(error)
    return await _setup_page(request, ctx, token, form, status=422)


async def _setup_page(
    request: Request, ctx: Context, token: str, form: Form, *, status: int = 200
) -> Response:
    problem: PaddockError | None = None
    purpose = None
    try:
        purpose = await actions.find_link(ctx, token)
    except NotFound as error:
        problem, status = error, 404
    return await page(
        request,
        "access/setup.html",
        status=status,
        form=form,
        token=token,
        purpose=purpose,
        problem=problem,
        least=passwords.LEAST,
    )


def with_session(answer: Response, ctx: Context, cookie: str) -> Response:
    answer.set_cookie(
        session_cookie(ctx.settings), cookie, max_age=ctx.settings.session_hours * 3600, **_cookie_manner(ctx)
    )
    return answer


def local_path(wanted: str) -> str:
    """Where to go after the sign-in: a path of ours, never another server."""
    fine = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/signin", "/signout", "/setup"))
    return wanted if fine and not any(ord(c) < 32 or c == "\\" for c in wanted) else "/"


def _cookie_manner(ctx: Context) -> dict[str, Any]:
    settings = ctx.settings
    return {
        "path": settings.root_path or "/",
        "secure": settings.secure,
        "httponly": True,
        "samesite": "lax",
    }


def _cookie(request: Request, ctx: Context) -> str:
    return request.cookies.get(session_cookie(ctx.settings), "")


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
