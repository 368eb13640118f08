"""The round over the members and the sign-in, with a transport that is told what to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from paddock.base.vault import Secret
from paddock.proxmox import errors
from paddock.proxmox.address import Endpoint
from paddock.proxmox.answers import Answer
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import PasswordCredential
from paddock.proxmox.members import Member
from paddock.proxmox.request import Request
from paddock.proxmox.trust import TlsPolicy, TrustMode

OFF = TlsPolicy(TrustMode.OFF)
FINE = Answer(200, "OK", b'{"data":"fine"}')
STALE = Answer(401, "permission denied - invalid PVE ticket")


class Script:
    """A transport that answers by a function and notes what was asked of whom."""

    def __init__(self, answer: Callable[[str, Request], Answer]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []
        self.tickets = 0

    async def request(
        self, endpoint: Endpoint, policy: TlsPolicy, request: Request, *, timeout: float = 25.0
    ) -> Answer:
        self.asked.append((endpoint.host, request.call))
        if request.path == "/access/ticket":
            self.tickets += 1
            data = {"ticket": f"PVE:{self.tickets}", "CSRFPreventionToken": f"csrf{self.tickets}"}
            return Answer(200, "OK", json.dumps({"data": data}).encode())
        return self.answer(endpoint.host, request)

    async def contact(
        self, endpoint: Endpoint, policy: TlsPolicy, sign_of_life: Request | None = None
    ) -> Certificate:
        raise errors.Unreachable("not part of this")

    async def close(self) -> None:
        pass


class Now:
    value = 1000.0

    def __call__(self) -> float:
        return self.value


def connection(answer: Callable[[str, Request], Answer], now: Now | None = None) -> tuple[Connection, Script]:
    script = Script(answer)
    members = [Member(name, Endpoint(name), OFF) for name in ("a", "b", "c")]
    credential = PasswordCredential("root@pam", Secret("x"))
    return Connection("c", members, credential, script, now=now or Now()), script


def calls(script: Script) -> list[str]:
    return [host for host, call in script.asked if "ticket" not in call]


async def test_a_member_whose_clock_differs_is_passed_over_without_signing_in_again() -> None:
    made, script = connection(lambda host, _: STALE if host == "b" else FINE)
    assert await made.get("/version", node="b") == "fine"
    assert calls(script)[0] == "b"
    assert len(calls(script)) == 2
    assert script.tickets == 1
    assert made.sign_in_refusal is None
    state = next(s for s in made.member_states() if s.member.name == "b")
    assert state.error is not None
    assert state.error.code == "ticket_refused"


async def test_a_csrf_token_that_went_stale_is_replaced_and_the_change_is_done_once() -> None:
    now = Now()
    done: list[str] = []

    def answer(host: str, request: Request) -> Answer:
        if request.method == "POST" and request.headers["CSRFPreventionToken"] == "csrf1":
            return Answer(401, "Permission denied - invalid csrf token")
        done.append(request.call)
        return FINE

    made, script = connection(answer, now)
    await made.get("/version")
    now.value += 60
    assert await made.post("/nodes/a/lxc/1/status/start") == "fine"
    assert done == ["GET /version", "POST /nodes/a/lxc/1/status/start"]
    assert script.tickets == 2


async def test_a_change_ends_with_the_first_member_that_may_have_got_it() -> None:
    def answer(host: str, request: Request) -> Answer:
        raise errors.OutcomeUnknown("the connection broke off")

    made, script = connection(answer)
    with pytest.raises(errors.OutcomeUnknown):
        await made.post("/nodes/a/lxc", {"vmid": 1})
    assert calls(script) == ["a"]


async def test_a_refusal_is_a_sign_of_life_and_is_not_asked_again_elsewhere() -> None:
    made, script = connection(lambda *_: Answer(500, "CT 101 already running"))
    with pytest.raises(errors.Refused) as caught:
        await made.get("/nodes/a/lxc/101/status/current")
    assert calls(script) == ["a"]
    assert (caught.value.cluster, caught.value.node) == ("c", "a")
    assert caught.value.call == "GET /nodes/a/lxc/101/status/current"
    assert made.member_states()[0].ok


async def test_a_member_whose_own_backend_is_down_is_passed_over() -> None:
    def answer(host: str, _: Request) -> Answer:
        return FINE if host == "c" else Answer(595, "Connection refused")

    made, script = connection(answer)
    assert await made.get("/cluster/options") == "fine"
    assert calls(script)[-1] == "c"


async def test_a_node_out_of_reach_is_asked_directly_when_it_is_a_member() -> None:
    def answer(host: str, _: Request) -> Answer:
        return FINE if host == "c" else Answer(595, "No route to host")

    made, script = connection(answer)
    assert await made.get("/nodes/c/status", node="a") == "fine"
    assert calls(script) == ["a", "c"]


async def test_every_member_failing_ends_with_the_last_reason() -> None:
    def answer(host: str, _: Request) -> Answer:
        raise errors.Unreachable(f"{host} is gone", code="no_route")

    made, script = connection(answer)
    with pytest.raises(errors.Unreachable, match="is gone"):
        await made.get("/version")
    assert sorted(calls(script)) == ["a", "b", "c"]


async def test_the_time_limit_bounds_the_whole_round() -> None:
    now = Now()

    def answer(host: str, _: Request) -> Answer:
        now.value += 10
        raise errors.TimedOut("too slow")

    made, script = connection(answer, now)
    with pytest.raises(errors.TimedOut):
        await made.get("/version", timeout=15)
    assert len(calls(script)) == 2


async def test_a_value_of_the_wrong_kind_is_unreadable() -> None:
    made, _ = connection(lambda *_: FINE)
    with pytest.raises(errors.Unreadable):
        await made.get("/version", as_type=dict[str, Any])


async def test_a_ticket_that_no_member_accepts_does_not_lead_to_one_sign_in_after_the_other() -> None:
    made, script = connection(lambda *_: STALE)
    for _ in range(5):
        with pytest.raises(errors.LoginRefused) as caught:
            await made.get("/version")
        assert caught.value.code == "ticket_refused"
    assert script.tickets == 1
    assert len(calls(script)) == 6  # each of the three members twice, then they rest
