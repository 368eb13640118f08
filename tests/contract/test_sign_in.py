from __future__ import annotations

import asyncio

import pytest

from paddock.base.errors import Upstream
from paddock.proxmox import TokenCredential, TrustChoice, TrustMode, errors, reach, reads
from paddock.proxmox.connection import Connection
from pvesim import ClusterScene, NodeScene
from tests.contract.lab import Lab, make_lab

TICKET = "/access/ticket"


async def refused(connection: Connection) -> errors.LoginRefused:
    with pytest.raises(errors.LoginRefused) as caught:
        await reads.version(connection)
    return caught.value


async def test_many_calls_at_once_sign_in_once(lab: Lab) -> None:
    connection = lab.connection(lab.password())
    await asyncio.gather(*(reads.version(connection) for _ in range(30)))
    assert lab.received(TICKET) == 1


async def test_a_stale_password_is_tried_at_two_members_and_not_hammered(lab: Lab) -> None:
    connection = lab.connection(lab.password("wrong"))
    results = await asyncio.gather(*(reads.version(connection) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(r, errors.LoginRefused) and r.code == "password_refused" for r in results)
    assert (await refused(connection)).code == "password_refused"
    assert lab.received(TICKET) == 2
    lab.now.offset += 299
    await refused(connection)
    assert lab.received(TICKET) == 2
    assert connection.sign_in_refusal is not None


async def test_the_sign_in_is_tried_again_when_asked_or_with_another_credential(lab: Lab) -> None:
    connection = lab.connection(lab.password("wrong"))
    await refused(connection)
    connection.retry_sign_in()
    await refused(connection)
    assert lab.received(TICKET) == 4
    connection.replace_credential(lab.password())
    await reads.version(connection)
    assert connection.sign_in_refusal is None


async def test_a_deleted_token_is_not_hammered(lab: Lab) -> None:
    connection = lab.connection()
    await reads.version(connection)
    lab.sim.fault("token-deleted", cluster="c")
    for _ in range(5):
        assert (await refused(connection)).code == "token_refused"
    assert len(lab.sim.requests) == 3
    lab.sim.clear()
    connection.retry_sign_in()
    await reads.version(connection)


async def test_a_ticket_is_renewed_with_itself_after_an_hour(lab: Lab) -> None:
    connection = lab.connection(lab.password())
    await reads.version(connection)
    lab.sim.fault("password-changed", cluster="c")  # so that only the ticket can renew
    lab.sim.advance(3700)
    lab.now.offset += 3700
    await reads.version(connection)
    assert lab.received(TICKET) == 2
    lab.sim.advance(3700)
    lab.now.offset += 3700
    await reads.version(connection)
    assert connection.sign_in_refusal is None


async def test_an_expired_ticket_is_replaced_by_one_fresh_sign_in(lab: Lab) -> None:
    connection = lab.connection(lab.password())
    await reads.version(connection)
    lab.sim.advance(3 * 3600)
    lab.now.offset += 60  # Paddock's own clock says that the ticket is young
    await asyncio.gather(*(reads.version(connection) for _ in range(5)))
    assert lab.received(TICKET) == 2


async def test_when_ticket_and_password_are_both_stale_nothing_is_hammered(lab: Lab) -> None:
    connection = lab.connection(lab.password())
    await reads.version(connection)
    lab.sim.fault("password-changed", cluster="c")
    lab.sim.advance(3 * 3600)
    lab.now.offset += 60
    for _ in range(4):
        assert (await refused(connection)).code == "password_refused"
    assert lab.received(TICKET) == 3  # the first sign-in, and the old password at two members


async def test_a_token_that_counts_again_is_noticed_without_help(lab: Lab) -> None:
    connection = lab.connection()
    lab.sim.fault("token-deleted", cluster="c")
    await refused(connection)
    lab.sim.clear()
    await refused(connection)
    lab.now.offset += 73
    await reads.version(connection)
    assert connection.sign_in_refusal is None


async def test_a_password_that_counts_again_is_noticed_without_help(lab: Lab) -> None:
    connection = lab.connection(lab.password())
    lab.sim.fault("password-changed", cluster="c")
    await refused(connection)
    lab.sim.clear()
    lab.now.offset += 361
    await reads.version(connection)
    assert connection.sign_in_refusal is None


async def test_a_change_with_a_ticket_carries_the_csrf_token_and_a_read_does_not(lab: Lab) -> None:
    connection = lab.connection(lab.password())
    await reads.version(connection)
    with pytest.raises(Upstream):
        await connection.put("/nodes/pve1/lxc/99999/config", {"description": "x"})
    change = next(r for r in lab.sim.requests if r.method == "PUT")
    read = next(r for r in lab.sim.requests if r.path.endswith("/version"))
    assert "csrfpreventiontoken" in change.headers
    assert "csrfpreventiontoken" not in read.headers
    assert change.status != 401


async def test_an_account_with_two_factors_is_told_to_use_a_token(lab: Lab) -> None:
    lab.sim.fault("tfa-demanded", cluster="c")
    connection = lab.connection(lab.password())
    error = await refused(connection)
    assert error.code == "two_factor_required"
    assert "API token" in (error.hint or "")
    await refused(connection)
    assert lab.received(TICKET) == 1


async def test_a_password_may_hold_any_sign() -> None:
    password = "pä ß&=%+#ß漢字\"'\\;"
    scene = ClusterScene(name="c", nodes=[NodeScene(name="pve1")], root_password=password)
    async with make_lab(scene) as lab:
        assert (await reads.version(lab.connection(lab.password(password)))).version
        assert (await refused(lab.connection(lab.password(password + " ")))).code == "password_refused"


async def test_a_token_without_rights_is_told_what_it_lacks(lab: Lab) -> None:
    with pytest.raises(errors.Forbidden) as caught:
        await reach(lab.endpoint("pve1"), TrustChoice(TrustMode.OFF), lab.token("privsep"))
    assert (caught.value.privilege, caught.value.path) == ("Sys.Audit", "/")


async def test_a_disabled_user_is_refused(lab: Lab) -> None:
    lab.sim.fault("user-disabled", cluster="c")
    assert (await refused(lab.connection(lab.token("auditor")))).code == "token_refused"


async def test_no_secret_shows_in_an_error_or_a_representation(lab: Lab) -> None:
    token = lab.token()
    secret = token.secret.reveal()
    bad = TokenCredential(token.token_id, type(token.secret)(secret[:-4] + "0000"))
    error = await refused(lab.connection(bad))
    shown = f"{error!r} {error.message} {error.hint} {error.extra()} {error.__dict__} {bad!r}"
    assert secret[:-4] not in shown


async def test_an_auditors_token_sees_and_is_told_what_it_cannot_do(lab: Lab) -> None:
    reached = await reach(lab.endpoint("pve1"), TrustChoice(TrustMode.OFF), lab.token("auditor"))
    assert reached.permissions.watches_everything
    assert "create and delete containers" in reached.permissions.cannot
    await reached.connection.close()
