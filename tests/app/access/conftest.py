"""An application made of this slice and the furniture alone, on a loopback address of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI, Request

from paddock.access import guard, setup
from paddock.access.api import router as api_router
from paddock.access.pages import router as pages_router
from paddock.access.passwords import Passwords
from paddock.base.clock import ManualClock
from paddock.base.context import Context, Services
from paddock.base.db import Database, Row, sqlite_url
from paddock.base.events import Bus
from paddock.base.figures import Figures
from paddock.base.vault import Vault
from paddock.settings import Settings
from paddock.web import furniture, live, render
from paddock.web.live import Live
from tests import addresses

NAME = "m.huber"
PASSWORD = "winter fence post 7"
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def frame(request: Request) -> render.Frame | None:
    ctx = guard.context_of(request) or await guard.visitor_context(request)
    if ctx.actor.user_id is None:
        return None
    nav = (
        render.NavItem("Overview", "/", "layout-dashboard"),
        render.NavItem("Nodes", "/nodes", "server", 9, bad=2),
        render.NavItem("Access", "/access", "users"),
    )
    sites = (render.Choice("s1", "Vienna"), render.Choice("s2", "Graz"))
    return render.Frame(ctx.actor.name, ctx.actor.role, nav, sites, jobs=2)


def build(services: Services) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.parts[Live].start()
        yield
        await services.parts[Live].stop()

    app = FastAPI(lifespan=lifespan)
    furniture.install(app, services, frame=frame)
    app.include_router(api_router, prefix="/api/v1")
    app.include_router(pages_router)
    app.include_router(live.router(guard.api_context, lambda request: services.parts[Live]))

    @app.get("/")
    async def home(request: Request, ctx: Context = Depends(guard.page_context)) -> Any:
        return {"name": ctx.actor.name}

    @app.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError("secret detail")

    return app


@dataclass
class Running:
    services: Services
    app: FastAPI
    base: str
    clients: list[aiohttp.ClientSession] = field(default_factory=list)

    @property
    def clock(self) -> ManualClock:
        clock = self.services.clock
        assert isinstance(clock, ManualClock)
        return clock

    def client(self, **options: Any) -> Browser:
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(self.base, cookie_jar=jar, **options)
        self.clients.append(session)
        return Browser(session, self.base)

    async def signed_in(self, name: str = NAME, password: str = PASSWORD) -> Browser:
        browser = self.client()
        status, _, _ = await browser.post("/signin", name=name, password=password)
        assert status == 303
        return browser


@dataclass
class Browser:
    session: aiohttp.ClientSession
    base: str
    csrf: str = ""

    async def get(self, path: str, **options: Any) -> tuple[int, str, Any]:
        async with self.session.get(path, allow_redirects=False, **options) as answer:
            text = await answer.text()
            if found := re.search(r'name="_csrf" value="([^"]+)"', text):
                self.csrf = found[1]
            return answer.status, text, answer.headers

    async def post(
        self, path: str, *, headers: dict[str, str] | None = None, **form: str
    ) -> tuple[int, str, Any]:
        data = {"_csrf": self.csrf, **form}
        async with self.session.post(path, data=data, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        headers = {"X-CSRF-Token": self.csrf, **{k.replace("_", "-"): v for k, v in headers.items()}}
        async with self.session.request(method, path, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, await answer.json(content_type=None) if text else None, answer.headers


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[Running]:
    host = addresses.address()
    settings = replace(Settings(data_dir=folder, listen=f"{host}:0", time_zone="Europe/Vienna"), **changes)
    database = Database(sqlite_url(folder / "paddock.sqlite"))
    async with database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    clock = ManualClock(datetime(2026, 11, 23, 2, 12, 40, tzinfo=UTC))
    services = Services(settings, database, clock, Bus(), Vault({"k": bytes(32)}, "k"), Figures())
    setup.install(services, hasher=CHEAP)
    app = build(services)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=host, port=0, log_level="critical", proxy_headers=False, timeout_graceful_shutdown=1
        )
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    run = Running(services, app, f"http://{host}:{port}")
    try:
        yield run
    finally:
        for session in run.clients:
            await session.close()
        server.should_exit = True
        await task
        await database.close()


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Running]:
    """Nobody has been created yet."""
    async with running(tmp_path) as run:
        yield run


@pytest.fixture
async def paddock(empty: Running) -> Running:
    """With one administrator, m.huber."""
    await setup.create_administrator(empty.services, NAME, PASSWORD)
    return empty
