"""Each fault alone is named; of two the first one on the way; and no fault is without a word."""

from __future__ import annotations

import asyncio
import errno
import re
import shutil
import socket
from asyncio.subprocess import PIPE
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from paddock.clusters.examination import Key, Outcome, Subject, commands
from paddock.clusters.examination.commands import Values
from paddock.clusters.examination.looking import Look, Patience
from paddock.clusters.examination.remedies import KNOWN
from paddock.proxmox import Endpoint, TlsPolicy, TrustMode
from paddock.proxmox.errors import LoginRefused
from pvesim import FAULTS, ClusterScene
from pvesim.gate import Gate
from pvesim.strangers import silence
from pvesim.wire import Answer
from tests.contract.diagnosing import (
    NODE,
    QUICK,
    TABLE,
    Case,
    Unseen,
    auditor,
    cause,
    diagnosed,
    root,
    scene,
    subject,
    token,
)
from tests.contract.lab import make_lab

COMMANDLESS = {"others_silent"}

SEEN = [
    pytest.param(name, case, id=f"{name}-{number}" if number else name)
    for name, cases in TABLE.items()
    if not isinstance(cases, Unseen)
    for number, case in enumerate(cases)
]


def test_every_fault_of_the_simulator_has_its_row() -> None:
    assert set(TABLE) == set(FAULTS)
    assert all(entry.why for entry in TABLE.values() if isinstance(entry, Unseen))


async def test_a_healthy_node_passes_every_step() -> None:
    async with make_lab(scene()) as lab:
        found = await diagnosed(subject(lab))
        assert [step.outcome for step in found.steps] == [Outcome.PASSED] * 13, found
        assert (found.code, found.headline) == ("ok", "Everything works")


@pytest.mark.parametrize(("name", "case"), SEEN)
async def test_each_fault_alone_is_named(name: str, case: Case) -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab, case.by, off=case.off)
        cause(lab.sim, name, case)
        found = await diagnosed(before)
        told = [(str(step.key), str(step.outcome), step.code, step.text) for step in found.steps]
        assert found.code == case.code, told
        if case.code != "ok":
            step = next(step for step in found.steps if step.code == case.code)
            assert step.text[-1] in ".!?", step.text
            assert step.next
            assert step.proof
            assert step.commands or step.code in COMMANDLESS


# -- pairs ----------------------------------------------------------------------------------------------------

SLOW = {"power-cut", "slow", "drip", "backlog-full", "black-hole"}
"""Each is like another one, and takes its time."""

ALONE = {
    name: cases[0]
    for name, cases in TABLE.items()
    if not isinstance(cases, Unseen)
    and cases[0].by is root
    and cases[0].code != "ok"
    and FAULTS[name].reversible
    and name not in SLOW
}


SILENT_OTHERS = {"ca-replaced", "password-changed", "tfa-demanded"}
"""While these are in effect the other members cannot be asked either."""
WITHOUT_OTHERS = {
    "node-down": "connection_refused",
    "address-changed": "connection_refused",
    "node-removed": "connection_refused",
    "certificate-custom": "fingerprint_changed",
}
"""What can be said without them."""


def expected(first: str, second: str) -> str:
    case = ALONE[first]
    if second == "node-renamed" and first == "certificate-custom":
        return "fingerprint_changed"  # it has a certificate for the new name since
    if second in SILENT_OTHERS and first in WITHOUT_OTHERS:
        return WITHOUT_OTHERS[first]
    if second == "node-renamed" and place(case) == list(Key).index(Key.CONNECT):
        return "left_cluster"  # they do not know the old name any more
    return case.code


def place(case: Case) -> int:
    """Where on the way the fault shows."""
    return list(Key).index(case.at or KNOWN[case.code].key)


@pytest.mark.parametrize("first", ALONE)
async def test_of_two_faults_the_first_on_the_way_is_named(first: str) -> None:
    case = ALONE[first]
    wrong = {}
    async with make_lab(scene()) as lab:
        for second, other in ALONE.items():
            if place(other) <= place(case):
                continue
            before, node = subject(lab), lab.cluster.nodes[NODE]
            cause(lab.sim, second, other)
            cause(lab.sim, first, case, node.name)  # the second may have given it another name
            found = await diagnosed(before, patience=Patience())
            lab.sim.clear()
            if found.code != expected(first, second):
                wrong[second] = (found.code, [step.text for step in found.steps])
    assert not wrong


SIGNING_IN = (
    "token-deleted", "token-expired", "token-stripped", "role-emptied", "acl-removed", "user-disabled",
)  # fmt: skip
AROUND = (
    "daemon-down", "certificate-expired", "certificate-misnamed", "wrong-product",
    "node-renamed", "quorum-lost", "clock-skew", "storage-inactive",
)  # fmt: skip
"""On the way before the sign-in, and after the rights."""


@pytest.mark.parametrize("name", SIGNING_IN)
async def test_of_a_fault_in_signing_in_and_another_the_first_on_the_way_is_named(name: str) -> None:
    case = TABLE[name][0]  # type: ignore[index]
    wrong = {}
    async with make_lab(scene()) as lab:
        for around in AROUND:
            other, before = ALONE[around], subject(lab, case.by)
            cause(lab.sim, around, other)
            cause(lab.sim, name, case)
            found = await diagnosed(before, patience=Patience())
            lab.sim.clear()
            if found.code != min(case, other, key=place).code:
                wrong[around] = (found.code, [step.text for step in found.steps])
    assert not wrong


# -- besides the simulator's faults ---------------------------------------------------------------------------


async def test_packets_that_only_paddock_loses_are_called_a_firewall() -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab)
        lab.sim.fault("backlog-full", cluster="c", node=NODE)
        lab.cluster.nodes[NODE].state.trouble.full_backlog = False  # for the other members all is well
        found = await diagnosed(before)
        assert found.code == "firewall"
        commands = [command.text for command in found.cause.commands] if found.cause else []
        assert any("--dport 8006 --source 127." in text for text in commands)


async def test_a_port_that_takes_connections_and_says_nothing_is_told() -> None:
    async with silence() as other:
        found = await diagnosed(Subject(Endpoint(other.address, other.port)))
        assert (found.code, found.steps[3].key) == ("timed_out", Key.CERTIFICATE)
        assert "TLS handshake" in found.steps[3].text


async def test_the_next_steps_of_an_address_that_refuses_name_the_service() -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab)
        lab.sim.fault("daemon-down", cluster="c", node=NODE)
        found = await diagnosed(before)
        host = before.endpoint.host
        assert found.cause is not None
        texts = [command.text for command in found.cause.commands]
        assert f"ssh root@{host} systemctl status pveproxy" in texts
        assert f"nc -vz -w 5 {host} 8006" in texts
        assert found.headline == "Stopped at step 3 of 13: TCP"
        assert found.counts == "2 passed, 1 to look at, 1 failed, 9 skipped"


async def test_a_name_that_does_not_resolve_is_told() -> None:
    found = await diagnosed(Subject(Endpoint("no-such-host.invalid")))
    assert found.code == "name_not_found"
    assert found.cause is not None
    assert [command.text for command in found.cause.commands] == ["getent hosts no-such-host.invalid"]


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "0.0.0.0"])
async def test_nobody_is_led_to_a_link_local_or_metadata_address(host: str) -> None:
    found = await diagnosed(Subject(Endpoint(host)))
    assert found.code == "forbidden_address"
    assert found.step(Key.CONNECT).outcome is Outcome.SKIPPED


async def test_a_name_that_leads_to_a_metadata_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, *rest: object, **more: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    found = await diagnosed(Subject(Endpoint("pve1.example.org")))
    assert found.code == "forbidden_address"
    assert found.step(Key.RESOLVE).code == "forbidden_address"
    assert found.step(Key.CONNECT).outcome is Outcome.SKIPPED


async def test_before_anything_is_registered_no_credential_goes_to_an_unknown_certificate() -> None:
    async with make_lab(scene()) as lab:
        found = await diagnosed(Subject(lab.endpoint(NODE), credential=root(lab)))
        certificate = found.step(Key.CERTIFICATE)
        assert (certificate.outcome, certificate.code) == (Outcome.WARNED, "unknown_authority")
        assert certificate.shown is not None
        assert certificate.shown.sha256 == lab.cluster.nodes[NODE].fingerprint
        assert found.step(Key.PRODUCT).outcome is Outcome.PASSED
        signing = found.step(Key.SIGN_IN)
        assert (signing.outcome, signing.code) == (Outcome.SKIPPED, "not_sent")
        assert certificate.shown.sha256 in signing.commands[-1].text
        assert lab.sim.credentials() == []
        pinned = TlsPolicy(TrustMode.PINNED, fingerprint=certificate.shown.sha256)
        found = await diagnosed(Subject(lab.endpoint(NODE), pinned, root(lab)))
        assert found.code == "ok"
        assert found.step(Key.OTHERS).text == "No other member is known"


async def test_a_url_with_a_name_that_the_certificate_is_not_for_is_told_with_its_names() -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab)
        lab.sim.fault("certificate-misnamed", cluster="c", node=NODE)
        found = await diagnosed(before)
        assert "it is for other.example.org" in found.steps[3].text
        assert found.cause is not None
        assert "getent hosts other.example.org" in [command.text for command in found.cause.commands]


async def test_a_lone_host_that_became_a_cluster_is_told() -> None:
    async with make_lab(ClusterScene.simple("c", nodes=1)) as lab:
        before = replace(subject(lab, node="pve1"), lone=True)
        assert (await diagnosed(before)).code == "ok"
        lab.sim.fault("cluster-formed", cluster="c")
        assert (await diagnosed(before)).code == "joined_cluster"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("token-deleted", "token_unknown"),
        ("token-expired", "token_expired"),
        ("token-replaced", "token_secret_wrong"),
    ],
)
async def test_an_older_proxmox_tells_tokens_apart(fault: str, code: str) -> None:
    async with make_lab(msgspec.structs.replace(scene(), version="8.4.1")) as lab:
        before = subject(lab, token)
        lab.sim.fault(fault, cluster="c")
        assert (await diagnosed(before)).code == code


async def test_a_refusal_that_stands_is_not_tried_again() -> None:
    async with make_lab(scene()) as lab:
        refusal = LoginRefused("Proxmox VE does not accept the user name and password.")
        found = await diagnosed(subject(lab), refusal=refusal, peers=None)
        assert found.code == "password_refused"
        assert "not tried again" in found.steps[5].text
        assert lab.sim.credentials() == []


# -- what is shown --------------------------------------------------------------------------------------------


async def test_a_server_that_sends_the_credential_back_does_not_get_it_into_the_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def echo(self: Gate, request: Any) -> Answer:
        given = request.headers.get("authorization", "") + request.headers.get("cookie", "")
        if request.path.endswith("/domains"):
            return whole(self, request)
        return Answer(401, f"bad {given} {request.body[:300]!r}", b"", "text/plain")

    whole = Gate._answer
    monkeypatch.setattr(Gate, "_answer", echo)
    async with make_lab(scene()) as lab:
        for by in (root, token):
            before = subject(lab, by)
            found = await diagnosed(before)
            assert found.step(Key.SIGN_IN).outcome is Outcome.FAILED
            shown = repr(found)
            assert before.secret not in shown
            assert "[left out]" in shown


HOWS = (
    "markup", "control", "long", "invalid-json", "not-json", "mistyped", "empty", "wrong-type", "binary", "deep",
    "huge", "header", "headers", "endless",
)  # fmt: skip


@pytest.mark.parametrize("how", HOWS)
async def test_rubbish_of_any_kind_neither_breaks_nor_hangs_nor_fills_a_diagnosis(how: str) -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab)
        for path in (".", "/version", "/access/permissions", "/cluster/status", "/storage", "/nodes$"):
            lab.sim.fault("rubbish", cluster="c", how=how, path=path)
            found = await diagnosed(before)
            lab.sim.clear()
            assert len(found.steps) == 13
            text = repr(found)
            assert len(text) < 60_000
            assert "\x1b" not in text
            assert "Traceback" not in text


async def test_every_code_has_a_next_step_and_commands_without_blanks_of_values() -> None:
    nobody = Values(host="192.0.2.11")
    for code, remedy in KNOWN.items():
        assert remedy.means[-1] == ".", code
        assert remedy.next[-1] == ".", code
        for command in remedy.commands(nobody):
            assert "None" not in command.text
            assert "  " not in command.text


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_the_commands_that_try_the_sign_in_work_when_pasted() -> None:
    async with make_lab(scene()) as lab:
        for by in (root, token):
            before = subject(lab, by)
            values = Look(before, QUICK, lab.transport()).values()
            assert await pasted(commands.unverified(values).text) == "401\n"
            assert '"realm":"pam"' in await pasted(commands.realms(values).text)
            assert "200" in await pasted(commands.sign_in(values).text, before.secret + "\n")
            assert "401" in await pasted(commands.sign_in(values).text, "wrong\n")


async def pasted(command: str, typed: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    out, _ = await process.communicate(typed.encode())
    return out.decode()


def test_what_comes_from_outside_is_quoted_in_commands() -> None:
    evil = "x; touch /tmp/owned #"
    for token_id in ("", f"{evil}!t"):
        values = Values(host="192.0.2.11", user=evil, token=token_id, names=(evil, "a.example.org"))
        for code, remedy in KNOWN.items():
            for command in remedy.commands(values):
                assert evil not in " ".join(unquoted(command.text)), (code, command.text)


def unquoted(text: str) -> list[str]:
    """The words of a command that stand outside quotes."""
    return re.split(r"'[^']*'", text)


async def test_a_network_without_a_way_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab)
        real = asyncio.open_connection

        async def unroutable(host: str, *rest: Any, **more: Any) -> Any:
            if host == before.endpoint.host:
                raise OSError(errno.EHOSTUNREACH, "No route to host")
            return await real(host, *rest, **more)

        monkeypatch.setattr(asyncio, "open_connection", unroutable)
        found = await diagnosed(before)
        assert found.code == "no_route"
        assert "The other members reach it" in found.steps[2].text
        assert found.cause is not None
        assert f"ip route get {before.endpoint.host}" in [one.text for one in found.cause.commands]


async def test_a_missing_privilege_is_no_wrong_credential_and_comes_with_the_command_that_gives_it() -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab, auditor)
        lab.sim.fault("token-stripped", cluster="c")
        found = await diagnosed(before)
        assert found.step(Key.SIGN_IN).outcome is Outcome.PASSED
        rights = found.step(Key.RIGHTS)
        assert {need.privilege for need in rights.needs if need.required} >= {"Sys.Audit", "VM.Audit"}
        token_id = lab.cluster.tokens["auditor"].id
        user = token_id.partition("!")[0]
        given = f"pveum acl modify / --users {user} --tokens '{token_id}' --roles PVEAuditor"
        assert given in [command.text for command in rights.commands]


async def test_an_untrusted_certificate_names_both_ways_out() -> None:
    async with make_lab(scene()) as lab:
        found = await diagnosed(Subject(lab.endpoint(NODE)))
        certificate = found.step(Key.CERTIFICATE)
        assert "Install a valid certificate on the node" in certificate.next
        assert "enable “Disable TLS Verification”" in certificate.next


async def test_a_name_in_another_case_is_told_with_what_proxmox_calls_it() -> None:
    async with make_lab(scene()) as lab:
        found = await diagnosed(subject(lab), node=NODE.upper(), peers=None)
        assert found.code == "name_mismatch"
        assert (
            "The node name doesn't match: Proxmox calls it pve2, registered is PVE2." in found.steps[8].text
        )
        assert found.cause is not None
        assert [one.text for one in found.cause.commands] == [f"ssh root@{lab.endpoint(NODE).host} hostname"]
