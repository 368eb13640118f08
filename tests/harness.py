"""The real Paddock, served on a loopback address, and the ways to talk to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from argon2 import PasswordHasher

from paddock.access import setup
from paddock.access.passwords import Passwords
from paddock.app import create_app
from paddock.base.context import SYSTEM, Context, Services
from paddock.base.db import Row
from paddock.containers.events import ContainersChanged
from paddock.installation import database_url
from paddock.jobs.events import JobMoved
from paddock.migrations.upgrade import upgrade
from paddock.nodes.events import NodeRemoved
from paddock.settings import Settings
from paddock.sites.events import SiteChanged
from paddock.watch.loop import Watcher
from pvesim.running import ClusterOf, NodeOf
from tests import addresses

ADMIN = "m.huber"
PASSWORD = "winter fence post 7"
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
KEPT = {"users", "api_tokens", "alembic_version"}


class Answered(dict[str, Any]):
    """The body of an answer, with its status and headers."""

    status: int
    headers: Any


@dataclass
class Api:
    """REST with an API token."""

    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, f"/api/v1{path}", json=body, headers=given) as answer:
            text = await answer.text()
            found = await answer.json(content_type=None) if text else None
            body = Answered(found if isinstance(found, dict) else {"items": found})
            body.status, body.headers = answer.status, answer.headers
            return body

    async def get(self, path: str) -> Any:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.call("POST", path, body)


@dataclass
class Browser:
    """Pages, as a signed-in browser without scripts gets them. Follows no redirect by itself."""

    session: aiohttp.ClientSession
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(path, allow_redirects=False, headers=given) as answer:
            text = await answer.text()
            if found := re.search(r'name="_csrf" value="([^"]+)"', text):
                self.csrf = found[1]
            return answer.status, text, answer.headers

    async def post(self, path: str, form: dict[str, Any] | None = None) -> tuple[int, str, Any]:
        pairs = [("_csrf", self.csrf)]
        for name, value in (form or {}).items():
            pairs += [(name, item) for item in (value if isinstance(value, list) else [value])]
        async with self.session.post(path, data=pairs, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers


@dataclass
class Paddock:
    """A running Paddock."""

    services: Services
    base: str
    token: str
    api: Api
    browser: Browser

    @property
    def ctx(self) -> Context:
        """As Paddock itself, for looking into the database."""
        return Context(self.services, SYSTEM)

    async def site(self, name: str = "Vienna", **fields: str) -> str:
        made = await self.api.post("/sites", {"name": name, **fields})
        assert made.status == 201, made
        return str(made["id"])

    async def preview(self, site_id: str, node: NodeOf, cluster: ClusterOf, **changes: Any) -> Any:
        """As root with the confirmed fingerprint, unless told otherwise."""
        wish: dict[str, Any] = {
            "site_id": site_id,
            "url": node.url,
            "username": "root@pam",
            "password": cluster.root_password,
            "trust": {"mode": "cluster_ca", "fingerprint": node.fingerprint},
        }
        if "token_id" in changes:
            del wish["username"], wish["password"]
        return await self.api.post("/imports/preview", wish | changes)

    async def imported(
        self,
        site_id: str,
        cluster: ClusterOf,
        *,
        node: str | None = None,
        members: list[str] | None = None,
        **changes: Any,
    ) -> Any:
        """Imports all selectable members and waits for the end of the job, which it returns."""
        seen = await self.preview(site_id, cluster.nodes[node] if node else cluster.first, cluster, **changes)
        assert seen.status == 200, seen
        chosen = members or [one["name"] for one in seen["members"] if one["selectable"]]
        started = await self.api.post("/imports", {"preview_id": seen["preview_id"], "members": chosen})
        assert started.status == 202, started
        return await self.ended(started["job_id"])

    async def ended(self, job_id: str, seconds: float = 20) -> Any:
        async with asyncio.timeout(seconds):
            while (job := await self.api.get(f"/jobs/{job_id}"))["state"] in {"queued", "running"}:
                await asyncio.sleep(0.02)
        return job

    async def nodes(self) -> dict[str, Any]:
        return {node["name"]: node for node in (await self.api.get("/nodes?size=2000"))["items"]}

    async def until_status(self, name: str, status: str, seconds: float = 20) -> Any:
        """Waits until the node is shown so."""
        found: Any = None
        try:
            async with asyncio.timeout(seconds):
                while (found := (await self.nodes()).get(name)) is None or found["status"] != status:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(
                f"{name} is {found and found['status']} ({found and found['status_reason']}), not {status}"
            ) from None
        return found

    async def clean(self) -> None:
        """Forgets everything but the person and the token."""
        watcher = self.services.parts[Watcher]
        await watcher.forget_all()
        for kind in ("node", "container", "storage"):
            self.services.figures.forget(kind, list(self.services.figures.all(kind)))
        async with self.services.db.write() as session:
            for table in reversed(Row.metadata.sorted_tables):
                if table.name not in KEPT | {"sessions"}:
                    await session.execute(table.delete())
        self.services.bus.deliver([NodeRemoved(""), ContainersChanged(""), SiteChanged(""), JobMoved("")])
        self.services.bus.touch(("nodes", "containers"))


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[Paddock]:
    """One per test process: the job engine is a singleton."""
    host = addresses.address()
    settings = replace(
        Settings(
            data_dir=folder,
            listen=f"{host}:0",
            time_zone="Europe/Vienna",
            watch_interval=1.0,
            contact_interval=2.0,
            details_per_second=100.0,
        ),
        **changes,
    )
    await asyncio.to_thread(upgrade, database_url(settings))
    app = create_app(settings)
    services: Services = app.state.services
    setup.install(services, hasher=CHEAP)
    await setup.create_administrator(services, ADMIN, PASSWORD)
    token = await setup.issue_token(services, ADMIN, "tests")
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=host, port=0, log_config=None, proxy_headers=False, timeout_graceful_shutdown=1
        )
    )
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    base = f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}"
    rest = aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {token}"})
    pages = aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True))
    browser = Browser(pages)
    await browser.get("/signin")
    status, _, _ = await browser.post("/signin", {"name": ADMIN, "password": PASSWORD})
    assert status == 303
    try:
        yield Paddock(services, base, token, Api(rest), browser)
    finally:
        await rest.close()
        await pages.close()
        server.should_exit = True
        await task
