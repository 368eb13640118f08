"""Every route of the application, and one of everything to fill their paths with."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import delete

from paddock.access.doorkeeper import Doorkeeper
from paddock.access.model import ApiToken, Session, User
from paddock.app import create_app
from paddock.proxmox import faults, handshake
from paddock.proxmox.address import Endpoint
from paddock.settings import Settings
from pvesim import Running
from tests.app.persons import person
from tests.harness import ADMIN, Paddock

Crashes = Callable[[], list[str]]
OTHER = "b.huber"

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str

    @property
    def rest(self) -> bool:
        return self.path.startswith("/api/v1/")

    def filled(self, ids: dict[str, str]) -> str:
        path = self.path
        for name, value in ids.items():
            path = path.replace("{" + name + "}", value)
        return path.replace("{", "").replace("}", "")


def _routes(app: Any) -> Iterable[Route]:
    for found in iter_route_contexts(app.routes):
        for method in sorted(getattr(found, "methods", None) or ()):
            if method not in {"HEAD", "OPTIONS"}:
                yield Route(method, str(found.path))


@pytest.fixture(scope="session")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Route]:
    """Whatever the application answers to, but for static files."""
    found = list(_routes(create_app(Settings(data_dir=tmp_path_factory.mktemp("routes")))))
    assert Route("POST", "/signin") in found
    assert Route("DELETE", "/api/v1/sites/{site_id}") in found
    return found


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What REST promises."""
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("promise"))).openapi()


@pytest.fixture
async def ids(paddock: Paddock, estate: Running) -> AsyncIterator[dict[str, str]]:
    """One of everything, by the name that it has in paths; user, token and session are another person's."""
    services = paddock.services
    site = await paddock.site()
    job = await paddock.imported(site, estate["prod"])
    found = {"site_id": site, "job_id": job["id"], "name": "pve1", "member": "pve1"}
    for kind in ("cluster", "node", "container"):
        found[f"{kind}_id"] = (await paddock.api.get(f"/{kind}s"))["items"][0]["id"]
    async with person(paddock, OTHER):
        found["user_id"] = (await paddock.api.get(f"/users?q={OTHER}"))["items"][0]["id"]
        tokens = (await paddock.api.get("/tokens?size=2000"))["items"]
        found["token_id"] = next(one["id"] for one in tokens if one["user"] == OTHER)
        found["session_id"] = "0" * 64
        now = services.clock.now()
        times = {"created_at": now, "seen_at": now, "expires_at": now + timedelta(hours=1)}
        async with services.db.write() as session:
            session.add(
                Session(id=found["session_id"], user_id=found["user_id"], remote="", agent="", **times)
            )
        yield found


@pytest.fixture(autouse=True)
async def nobody_else(paddock: Paddock) -> AsyncIterator[None]:
    """Whoever was made meanwhile is gone afterwards: people and tokens outlive a test."""
    yield
    async with paddock.services.db.write() as session:
        await session.execute(delete(User).where(User.name != ADMIN))
        await session.execute(delete(ApiToken).where(ApiToken.name != "tests"))
    paddock.services.parts[Doorkeeper].forget()


@pytest.fixture
def crashes(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What Paddock has written down as its own fault so far."""
    return lambda: [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever address is asked for, nothing leaves this machine."""

    def refuse(endpoint: Endpoint) -> None:
        raise faults.forbidden_address(endpoint)

    monkeypatch.setattr(handshake, "admit", refuse)
