"""Further people with an API token each, gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from sqlalchemy import delete

from paddock.access import setup
from paddock.access.doorkeeper import Doorkeeper
from paddock.access.model import User
from paddock.access.rights import Role
from paddock.base.ids import new_id
from tests.harness import Api, Paddock


@asynccontextmanager
async def person(paddock: Paddock, name: str, role: str = Role.AUDITOR) -> AsyncIterator[Api]:
    """REST as this person."""
    services = paddock.services
    user_id = new_id()
    async with services.db.write() as session:
        session.add(
            User(
                id=user_id,
                name=name,
                role=role,
                password_hash="",
                created_at=services.clock.now(),
                signed_in_at=None,
            )
        )
    token = await setup.issue_token(services, name, "tests")
    client = aiohttp.ClientSession(paddock.base, headers={"Authorization": f"Bearer {token}"})
    try:
        yield Api(client)
    finally:
        await client.close()
        async with services.db.write() as session:
            await session.execute(delete(User).where(User.id == user_id))
        services.parts[Doorkeeper].forget()
