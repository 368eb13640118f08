"""A whole Paddock, watching and importing, while somebody stands on a node's address. He never gets a credential."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pvesim import ClusterScene, Running
from pvesim.certificates import Authority, Certificate
from tests.app.conftest import Estates
from tests.contract.interceptor import Interceptor, intercepting
from tests.harness import Paddock


@pytest.fixture
async def small(estates: Estates) -> AsyncIterator[Running]:
    """The cluster `prod`: three nodes."""
    async with estates(ClusterScene.simple("prod", nodes=3, containers=3)) as running:
        yield running


def forged(running: Running, node: str) -> Certificate:
    """The right names, by a CA that calls itself as the cluster's does."""
    state = running["prod"].nodes[node].state
    return Authority.create(state.cluster.uuid).leaf(state.fqdn, state.names())


async def got_nothing(him: Interceptor, running: Running) -> None:
    await him.until_talked_to(3)
    him.assert_got_no(running["prod"].root_password)
    assert him.received == b"", "not even a question"


@pytest.mark.parametrize("mode", ["cluster_ca", "pinned"])
async def test_he_takes_a_members_address_after_it_was_trusted(
    paddock: Paddock, small: Running, mode: str
) -> None:
    """The cluster stays readable over the others; the member is told as not trusted."""
    trust = {"mode": mode, "fingerprint": small["prod"].first.fingerprint}
    await paddock.imported(await paddock.site(), small["prod"], trust=trust)
    for name in ("pve1", "pve2", "pve3"):
        await paddock.until_status(name, "online")
    async with intercepting(small, "prod", "pve1", forged(small, "pve1")) as him:
        node = await paddock.until_status("pve1", "untrusted")
        assert node["status_code"] in ("unknown_authority", "fingerprint_changed")
        await got_nothing(him, small)
        (cluster,) = (await paddock.api.get("/clusters"))["items"]
        assert cluster["trouble"] == ""
    await paddock.until_status("pve1", "online")


async def test_he_uses_the_moment_of_a_renewal(paddock: Paddock, small: Running) -> None:
    """The cluster tells of a new certificate of pve2, and at its address stands he with another new one."""
    await paddock.imported(await paddock.site(), small["prod"])
    await paddock.until_status("pve2", "online")
    small.fault("certificate-custom", cluster="prod", node="pve2")
    reported = small["prod"].nodes["pve2"].fingerprint
    async with intercepting(small, "prod", "pve2", forged(small, "pve2")) as him:
        await paddock.until_status("pve2", "untrusted")
        await got_nothing(him, small)
        cluster = (await paddock.api.get("/clusters"))["items"][0]["id"]
        async with asyncio.timeout(15):
            while True:
                trust = await paddock.api.get(f"/clusters/{cluster}/trust")
                member = next(one for one in trust["members"] if one["name"] == "pve2")
                if member["fingerprint"] == reported and member["refused"]:
                    break
                await asyncio.sleep(0.1)
        assert member["refused"]["sha256"] == him.fingerprint
        await got_nothing(him, small)
    await paddock.until_status("pve2", "online")


async def test_he_is_there_when_everybody_else_fails(paddock: Paddock, small: Running) -> None:
    """Two members die; the third is his. Paddock would rather read nothing."""
    await paddock.imported(await paddock.site(), small["prod"])
    await paddock.until_status("pve3", "online")
    async with intercepting(small, "prod", "pve3", forged(small, "pve3")) as him:
        small.fault("daemon-down", cluster="prod", node="pve1")
        small.fault("daemon-down", cluster="prod", node="pve2")
        await paddock.until_status("pve3", "untrusted")
        async with asyncio.timeout(20):
            while not (await paddock.api.get("/clusters"))["items"][0]["trouble"]:
                await asyncio.sleep(0.1)
        await got_nothing(him, small)


async def test_he_comes_between_the_review_and_the_import(paddock: Paddock, small: Running) -> None:
    prod = small["prod"]
    seen = await paddock.preview(await paddock.site(), prod.first, prod)
    async with intercepting(small, "prod", prod.first.name, forged(small, prod.first.name)) as him:
        started = await paddock.api.post(
            "/imports", {"preview_id": seen["preview_id"], "members": ["pve1", "pve2", "pve3"]}
        )
        job = await paddock.ended(started["job_id"], seconds=60)
        assert job["state"] == "failed"
        him.assert_got_no(prod.root_password)
        assert him.received == b""
    assert (await paddock.api.get("/nodes"))["total"] == 0


async def test_he_is_there_at_first_contact_with_a_confirmed_fingerprint(
    paddock: Paddock, small: Running
) -> None:
    prod, site = small["prod"], await paddock.site()
    first = prod.nodes["pve1"]
    confirmed = first.fingerprint
    async with intercepting(small, "prod", "pve1", forged(small, "pve1")) as him:
        for mode in ("cluster_ca", "pinned"):
            trust = {"mode": mode, "fingerprint": confirmed}
            seen = await paddock.preview(site, first, prod, trust=trust)
            assert (seen.status, seen["code"]) == (502, "fingerprint_changed")
        token = prod.tokens["full"]
        seen = await paddock.preview(
            site, first, prod, trust={"mode": "system"}, token_id=token.id, token_secret=token.secret
        )
        assert seen.status == 502
        assert him.handshakes >= 3
        him.assert_got_no(prod.root_password, token.secret)
        assert him.received == b""
