"""Steps that the tests of sign-ins share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pvesim import Running
from pvesim.identity import Identity
from pvesim.running import ClusterOf
from tests.harness import Api, Paddock


@dataclass
class Signed:
    """A cluster that Paddock has imported, and the way to its sign-in."""

    paddock: Paddock
    prod: ClusterOf
    id: str

    @property
    def api(self) -> Api:
        return self.paddock.api

    @property
    def path(self) -> str:
        return f"/clusters/{self.id}/sign-in"

    @property
    def identity(self) -> Identity:
        """What the simulated cluster itself has written down."""
        return self.prod.state.identity

    @property
    def root(self) -> dict[str, str]:
        return {"username": "root@pam", "password": self.prod.root_password}

    async def now(self) -> Any:
        return await self.api.get(self.path)

    async def change(self, **wish: str) -> Any:
        return await self.api.call("PUT", self.path, wish)

    async def ceremony(self, **wish: Any) -> Any:
        """The job of making a token, ended."""
        started = await self.api.post(f"{self.path}/token", {**self.root, **wish})
        assert started.status == 202, started
        return await self.paddock.ended(started["job_id"])

    async def rotated(self, **wish: Any) -> Any:
        started = await self.api.post(f"{self.path}/rotate", {**self.root, **wish})
        assert started.status == 202, started
        return await self.paddock.ended(started["job_id"])

    def entries(self) -> dict[str, Any]:
        """Users, custom roles and tokens on the cluster, to be compared."""
        users = {name: sorted(user.tokens) for name, user in self.identity.users.items()}
        return {"users": users, "roles": dict(self.identity.custom_roles), "acl": self.identity.listing()}


async def signed(paddock: Paddock, estate: Running, name: str = "prod", **credential: str) -> Signed:
    """The cluster, imported by its root user or by the given token."""
    cluster = estate[name]
    job = await paddock.imported(await paddock.site(f"Site of {name}"), cluster, **credential)
    assert job["state"] == "done", job
    return Signed(paddock, cluster, job["result"]["cluster_id"])
