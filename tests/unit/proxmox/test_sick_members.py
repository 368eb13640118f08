"""One sick member must not speak for the cluster: what it alone says is not believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paddock.base.vault import Secret
from paddock.proxmox import errors
from paddock.proxmox.address import Endpoint
from paddock.proxmox.answers import Answer
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential
from paddock.proxmox.members import Member
from paddock.proxmox.request import Request
from tests.unit.proxmox.test_failover import FINE, OFF, Now, Script, calls

TOKEN = TokenCredential("root@pam!t", Secret("x"))
PASSWORD = PasswordCredential("root@pam", Secret("x"))
REFUSED = Answer(401, "authentication failure")
BROKEN = Answer(500, "ipcc_send_rec[1] failed: Connection refused")


class Refusing(Script):
    """The sign-in is answered by the function too where it says 401."""

    async def request(self, endpoint: Endpoint, policy: object, request: Request, **rest: float) -> Answer:
        if request.path == "/access/ticket" and self.answer(endpoint.host, request).status != 401:
            return await super().request(endpoint, OFF, request)
        self.asked.append((endpoint.host, request.call))
        return self.answer(endpoint.host, request)


def connection(
    answer: Callable[[str, Request], Answer],
    credential: Credential = TOKEN,
    now: Now | None = None,
    members: tuple[str, ...] = ("a", "b", "c"),
) -> tuple[Connection, Refusing]:
    script = Refusing(answer)
    listed = [Member(name, Endpoint(name), OFF) for name in members]
    return Connection("c", listed, credential, script, now=now or Now()), script


def sick(name: str, answer: Answer) -> Callable[[str, Request], Answer]:
    return lambda host, _: answer if host == name else FINE


@pytest.mark.parametrize("credential", [TOKEN, PASSWORD])
async def test_a_401_of_one_member_does_not_open_the_breaker(credential: Credential) -> None:
    made, script = connection(sick("a", REFUSED), credential)
    for _ in range(6):
        assert await made.get("/version") == "fine"
    assert made.sign_in_refusal is None
    assert made.member_states()[0].resting
    assert sum(host == "a" for host, _ in script.asked) == 1


async def test_a_change_refused_with_401_by_one_member_is_done_once_by_another() -> None:
    made, script = connection(sick("a", REFUSED))
    assert await made.post("/nodes/a/lxc", {"vmid": 1}) == "fine"
    assert len(calls(script)) == 2


async def test_two_members_that_agree_open_the_breaker_and_are_not_at_fault() -> None:
    now = Now()
    made, script = connection(lambda *_: REFUSED, now=now)
    for _ in range(4):
        with pytest.raises(errors.LoginRefused):
            await made.get("/version")
    assert len(script.asked) == 2
    assert all(state.error is None for state in made.member_states())
    script.answer = lambda *_: FINE
    now.value += 73
    assert await made.get("/version") == "fine"
    assert made.sign_in_refusal is None


async def test_a_trial_that_is_refused_doubles_the_wait() -> None:
    now = Now()
    made, script = connection(lambda *_: REFUSED, now=now)
    for wait in (0, 73, 73):
        now.value += wait
        with pytest.raises(errors.LoginRefused):
            await made.get("/version")
    assert len(script.asked) == 4


async def test_a_token_that_may_do_nothing_any_more_is_still_accepted() -> None:
    now = Now()
    made, script = connection(lambda *_: REFUSED, now=now)
    with pytest.raises(errors.LoginRefused):
        await made.get("/version")
    script.answer = lambda *_: Answer(403, "Permission check failed (/, Sys.Audit)")
    now.value += 73
    with pytest.raises(errors.Forbidden):
        await made.get("/version")
    assert made.sign_in_refusal is None


async def test_a_lone_member_is_believed() -> None:
    made, script = connection(lambda *_: REFUSED, members=("a",))
    for _ in range(3):
        with pytest.raises(errors.LoginRefused):
            await made.get("/version")
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        BROKEN,
        Answer(500, "unable to read pmxcfs status"),
        Answer(500, "Transport endpoint is not connected"),
        Answer(200, "OK", b"<html>"),
    ],
)
async def test_a_read_is_passed_over_by_a_member_whose_cluster_file_system_is_broken(answer: Answer) -> None:
    made, _ = connection(sick("a", answer))
    for _ in range(6):
        assert await made.get("/cluster/status") == "fine"
    assert made.member_states()[0].resting


@pytest.mark.parametrize("answer", [BROKEN, Answer(200, "OK", b"<html>")])
async def test_a_change_is_never_repeated_for_such_an_answer(answer: Answer) -> None:
    made, script = connection(lambda *_: answer)
    with pytest.raises((errors.Refused, errors.Unreadable)):
        await made.post("/nodes/a/lxc", {"vmid": 1})
    assert calls(script) == ["a"]


async def test_an_answer_to_a_change_that_is_too_large_does_not_repeat_it() -> None:
    def answer(host: str, _: Request) -> Answer:
        raise errors.Unreadable("too large", code="too_large")

    made, script = connection(answer)
    with pytest.raises(errors.Unreadable):
        await made.post("/nodes/a/lxc", {"vmid": 1})
    assert calls(script) == ["a"]


async def test_what_two_members_say_is_believed() -> None:
    made, script = connection(lambda *_: BROKEN)
    with pytest.raises(errors.Refused, match="ipcc_send_rec"):
        await made.get("/cluster/status")
    assert len(calls(script)) == 2
    assert all(state.ok for state in made.member_states() if state.at)


async def test_a_handshake_does_not_bring_a_member_back_whose_answers_are_wrong() -> None:
    now = Now()
    made, script = connection(sick("a", BROKEN), now=now)

    async def contact(*_: object) -> None:
        return None

    script.contact = contact  # type: ignore[method-assign, assignment]
    for _ in range(3):
        await made.get("/version")
    await made.contact("a")
    assert made.member_states()[0].resting
    now.value += 61
    await made.contact("a")
    assert made.member_states()[0].ok
