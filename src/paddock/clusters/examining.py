"""A look at one node, step by step as every request goes. Sends no credential to a peer that is not trusted.

Each step has its own time-out, so that a silent node costs seconds, and the other members are asked meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from paddock.base.errors import PaddockError, Upstream
from paddock.clusters.diagnosis import (
    Diagnosis,
    Key,
    Leaf,
    Line,
    Outcome,
    Step,
    complete,
    sharpened,
)
from paddock.clusters.judging import (
    judge_clock,
    judge_membership,
    judge_name,
    judge_others,
    judge_rights,
    judge_storages,
    refused_code,
)
from paddock.clusters.remedies import Values, with_remedy
from paddock.proxmox import faults, reads
from paddock.proxmox.address import Endpoint, is_forbidden
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential, TokenCredential
from paddock.proxmox.errors import LoginRefused, NodeUnreachable, Untrusted
from paddock.proxmox.first_contact import ROOT_CA
from paddock.proxmox.handshake import probe_certificate
from paddock.proxmox.identify import identify
from paddock.proxmox.members import Member
from paddock.proxmox.shapes import Version
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.trust import TlsPolicy, TrustMode

CONNECT_SECONDS = 4.0
ANSWER_SECONDS = 4.0
OTHERS_SECONDS = 4.0
WARN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at, and what is expected. Without a policy nothing is trusted and nobody signs in."""

    endpoint: Endpoint
    policy: TlsPolicy | None = None
    credential: Credential | None = field(default=None, repr=False)
    node: str = ""
    """Its name as registered; empty before anything is."""
    cluster: str = ""
    identity: str = ""
    """SHA-256 of the cluster's CA, as registered."""
    reported: str = ""
    """The fingerprint that the cluster reports for it."""
    lone: bool = False
    peers: Connection | None = None
    """The cluster's other members."""
    peer_names: tuple[str, ...] = ()
    refusal: LoginRefused | None = None
    """A refusal that still stands: the sign-in is not tried again, so that nobody is locked out."""

    @property
    def user(self) -> str:
        if isinstance(self.credential, TokenCredential):
            return self.credential.token_id.partition("!")[0]
        return self.credential.username if self.credential else ""

    @property
    def token(self) -> str:
        return self.credential.token_id if isinstance(self.credential, TokenCredential) else ""


async def examine(subject: Subject, *, automatic: bool = False) -> Diagnosis:
    """All steps. Never raises for what is wrong with the node."""
    began, at = time.perf_counter(), datetime.now(UTC)
    transport = HttpTransport(connect_seconds=CONNECT_SECONDS)
    look = _Look(subject, transport)
    others = asyncio.create_task(look.timed(Key.OTHERS, look.others))
    try:
        await look.on_the_way()
        look.steps.append(await others)
    finally:
        others.cancel()
        await transport.close()
    found = sharpened(
        Diagnosis(
            subject.endpoint.url,
            at,
            round((time.perf_counter() - began) * 1000),
            complete(look.steps),
            subject.node,
            subject.cluster,
            automatic,
        )
    )
    values = look.values()
    return replace(found, steps=tuple(with_remedy(step, values) for step in found.steps))


class _Look:
    """One look on its way: what is known so far."""

    def __init__(self, subject: Subject, transport: HttpTransport) -> None:
        self.subject = subject
        self.transport = transport
        self.steps: list[Step] = []
        self.realms: list[str] = []
        self.leaf: Certificate | None = None
        self.connection: Connection | None = None
        self.version = Version("")
        self.missing: tuple[tuple[str, str], ...] = ()

    def values(self) -> Values:
        subject = self.subject
        return Values(
            subject.endpoint.host,
            subject.endpoint.port,
            subject.node,
            subject.user,
            subject.token,
            self.missing,
            self.leaf.names if self.leaf else (),
        )

    async def on_the_way(self) -> None:
        """The steps of which each needs the one before."""
        endpoint = self.subject.endpoint
        self.steps.append(Step(Key.URL, Outcome.PASSED, endpoint.url))
        for key, step in (
            (Key.RESOLVE, self.resolve),
            (Key.CONNECT, self.connect),
            (Key.CERTIFICATE, self.certificate),
            (Key.PRODUCT, self.product),
            (Key.SIGN_IN, self.sign_in),
        ):
            done = await self.timed(key, step)
            self.steps.append(done)
            if done.outcome in (Outcome.FAILED, Outcome.SKIPPED):
                return
        assert self.connection is not None
        try:
            await self.signed_in(self.connection)
        finally:
            await self.connection.close()

    async def timed(self, key: Key, step: Callable[[], Awaitable[Step]]) -> Step:
        began = time.perf_counter()
        try:
            found = await step()
        except Untrusted as error:
            found = self._untrusted(error)
        except PaddockError as error:
            found = Step(key, Outcome.FAILED, error.message, error.code, next="", proof=_seen(error))
        except TimeoutError:
            text = f"No answer within {ANSWER_SECONDS:.0f} s."
            found = Step(key, Outcome.FAILED, text, "timed_out")
        took = round((time.perf_counter() - began) * 1000)
        return replace(found, key=key if found.key is not Key.CERTIFICATE else found.key, milliseconds=took)

    # -- the way there ---------------------------------------------------------------------------------

    async def resolve(self) -> Step:
        host = self.subject.endpoint.host
        try:
            ip_address(host)
        except ValueError:
            pass
        else:
            return Step(Key.RESOLVE, Outcome.PASSED, f"Not needed, {host} is an address")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            try:
                found = await loop.getaddrinfo(host, self.subject.endpoint.port, type=socket.SOCK_STREAM)
            except OSError as error:
                raise faults.from_os_error(error, self.subject.endpoint) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if all(is_forbidden(address) for address in addresses):
            raise faults.forbidden_address(self.subject.endpoint)
        return Step(Key.RESOLVE, Outcome.PASSED, f"{host} is {', '.join(addresses)}")

    async def connect(self) -> Step:
        endpoint = self.subject.endpoint
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        except TimeoutError:
            raise faults.connect_timeout(endpoint) from None
        except OSError as error:
            raise faults.from_os_error(error, endpoint) from None
        local = writer.get_extra_info("sockname")
        writer.transport.abort()
        proof = (Line("Sent", f"TCP SYN to {endpoint}"), Line("Seen", f"connected, from {local[0]}"))
        return Step(Key.CONNECT, Outcome.PASSED, f"Port {endpoint.port} answers", proof=proof)

    async def certificate(self) -> Step:
        subject = self.subject
        self.leaf = leaf = await probe_certificate(subject.endpoint, timeout=CONNECT_SECONDS)
        proof = _tls_proof(subject, leaf)
        policy = subject.policy
        if policy is None:
            return await self._unregistered(leaf, proof)
        await self.transport.contact(subject.endpoint, policy)
        if policy.mode is TrustMode.OFF:
            text = "Not verified: anybody in between could pose as this node."
            return Step(Key.CERTIFICATE, Outcome.WARNED, text, "unverified", proof=proof, shown=leaf_of(leaf))
        left = leaf.not_after - datetime.now(UTC)
        if left < timedelta(days=WARN_DAYS):
            text = f"Trusted, but it expires in {left.days} days, on {leaf.not_after:%Y-%m-%d}."
            return Step(
                Key.CERTIFICATE, Outcome.WARNED, text, "expires_soon", proof=proof, shown=leaf_of(leaf)
            )
        return Step(
            Key.CERTIFICATE, Outcome.PASSED, _trusted_by(policy, leaf), proof=proof, shown=leaf_of(leaf)
        )

    async def _unregistered(self, leaf: Certificate, proof: tuple[Line, ...]) -> Step:
        """Before anything is registered: is it one that everybody trusts, and if not, what is it?"""
        try:
            await self.transport.contact(self.subject.endpoint, TlsPolicy(TrustMode.SYSTEM))
        except Untrusted as error:
            outcome = Outcome.FAILED if error.code in ("expired", "not_yet_valid") else Outcome.WARNED
            return Step(Key.CERTIFICATE, outcome, error.message, error.code, proof=proof, shown=leaf_of(leaf))
        return Step(
            Key.CERTIFICATE, Outcome.PASSED, "Trusted by this system's CAs", proof=proof, shown=leaf_of(leaf)
        )

    def _untrusted(self, error: Untrusted) -> Step:
        subject = self.subject
        expected = (
            error.expected or (subject.policy.fingerprint if subject.policy else None) or subject.reported
        )
        return Step(
            Key.CERTIFICATE,
            Outcome.FAILED,
            f"{error.message} No credential was sent.",
            error.code,
            proof=_tls_proof(subject, error.certificate),
            shown=leaf_of(error.certificate),
            trusted=Leaf(expected) if expected else None,
        )

    async def product(self) -> Step:
        policy = self.subject.policy or TlsPolicy(TrustMode.OFF)
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await identify(self.subject.endpoint, policy, self.transport)
        self.realms = [realm.realm for realm in found.items]
        proof = (
            Line("Sent", "GET /access/domains, without a sign-in"),
            Line("Seen", f"realms {', '.join(self.realms)}"),
        )
        return Step(Key.PRODUCT, Outcome.PASSED, "Proxmox VE answers", proof=proof)

    async def sign_in(self) -> Step:
        subject = self.subject
        if subject.credential is None or subject.policy is None:
            return Step(Key.SIGN_IN, Outcome.SKIPPED, "No sign-in was given")
        if subject.refusal is not None:
            return self._refused(subject.refusal, "It was refused before and is not tried again by itself.")
        self.connection = Connection(
            subject.cluster or subject.endpoint.authority,
            [Member(subject.node or subject.endpoint.host, subject.endpoint, subject.policy)],
            subject.credential,
            self.transport,
        )
        try:
            self.version = await asyncio.wait_for(reads.version(self.connection), ANSWER_SECONDS + 3)
        except LoginRefused as error:
            return self._refused(error)
        except NodeUnreachable as error:
            if error.reason and "refused" in error.reason.lower():
                text = "It answers, but its own daemon (pvedaemon) does not: signing in is not possible."
                return Step(Key.SIGN_IN, Outcome.FAILED, text, "backend_down", proof=_seen(error))
            raise
        who = subject.token or subject.user
        return Step(Key.SIGN_IN, Outcome.PASSED, f"Signed in as {who}", proof=self._sent())

    def _sent(self) -> tuple[Line, ...]:
        subject = self.subject
        if subject.token:
            return (
                Line("Sent", f"GET /version, Authorization: PVEAPIToken={subject.token}=… (secret left out)"),
            )
        return (Line("Sent", f"POST /access/ticket, username={subject.user}, password=… (left out)"),)

    def _refused(self, error: LoginRefused, more: str = "") -> Step:
        code, text = refused_code(error)
        text = f"{text} {more}".strip()
        return Step(Key.SIGN_IN, Outcome.FAILED, text, code, proof=(*self._sent(), *_seen(error)))

    # -- what only somebody who has signed in sees -----------------------------------------------------

    async def signed_in(self, connection: Connection) -> None:
        subject = self.subject
        self.steps.append(_version_step(self.version.version))
        rights = await self.timed(Key.RIGHTS, lambda: self._rights(connection))
        self.steps.append(rights)
        if rights.code == "no_rights":
            return
        status = asyncio.create_task(reads.cluster_status(connection))
        local = "localhost"  # whoever answers

        async def name() -> Step:
            return judge_name(subject.node, (await status).items)

        async def membership() -> Step:
            certificates = (await reads.node_certificates(connection, local)).items
            ca = next((row.fingerprint or "" for row in certificates if row.filename == ROOT_CA), "")
            return judge_membership(subject.node, subject.identity, ca, subject.lone, (await status).items)

        async def clock() -> Step:
            before = time.time()
            found = await reads.node_time(connection, local)
            return judge_clock(found, (before + time.time()) / 2)

        async def storages() -> Step:
            async with asyncio.timeout(ANSWER_SECONDS):
                try:
                    return judge_storages((await reads.node_storages(connection, local)).items)
                except Upstream as error:
                    if error.code == "timed_out":
                        raise TimeoutError from None
                    raise

        found = await asyncio.gather(
            self.timed(Key.NAME, name),
            self.timed(Key.MEMBERSHIP, membership),
            self.timed(Key.CLOCK, clock),
            self.timed(Key.STORAGES, storages),
        )
        for step in found:
            if step.key is Key.STORAGES and step.code == "timed_out":
                text = "The list of storages does not come: one of them hangs."
                step = replace(step, code="storage_hangs", text=text)
            self.steps.append(step)

    async def _rights(self, connection: Connection) -> Step:
        step = judge_rights(await reads.permissions(connection), self.subject.token, self.subject.user)
        self.missing = tuple(
            (need.privilege, need.path) for need in step.needs if not need.present and need.required
        )
        return step

    async def others(self) -> Step:
        subject = self.subject
        if subject.lone or subject.peers is None or not subject.peer_names:
            why = "It is a lone host" if subject.lone else "Needs a registered cluster"
            return Step(Key.OTHERS, Outcome.SKIPPED, why)
        try:
            async with asyncio.timeout(OTHERS_SECONDS):
                via = subject.peer_names[0]
                status, rows = await asyncio.gather(
                    reads.cluster_status(subject.peers, node=via), reads.nodes(subject.peers)
                )
        except (Upstream, TimeoutError) as error:
            text = getattr(error, "message", "They do not answer either.")
            return Step(Key.OTHERS, Outcome.FAILED, f"No other member can be asked: {text}", "others_silent")
        shown = self.leaf.sha256 if self.leaf else ""
        return judge_others(subject.node, subject.endpoint.host, status.items, rows.items, shown)


def _version_step(version: str) -> Step:
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < 8:
        text = f"Proxmox VE {version} is older than what Paddock is made for (8 and newer)."
        return Step(Key.VERSION, Outcome.WARNED, text, "old_version")
    return Step(Key.VERSION, Outcome.PASSED, f"Proxmox VE {version}")


def leaf_of(certificate: Certificate) -> Leaf:
    return Leaf(
        certificate.sha256,
        certificate.issuer,
        certificate.subject,
        certificate.names,
        certificate.not_before,
        certificate.not_after,
    )


def _tls_proof(subject: Subject, leaf: Certificate) -> tuple[Line, ...]:
    expected = (subject.policy.fingerprint if subject.policy else None) or subject.reported
    lines = [
        Line("Sent", f"TLS ClientHello to {subject.endpoint}"),
        Line("Seen", f"{leaf.subject}, signed by {'itself' if leaf.self_signed else leaf.issuer}"),
        Line("SHA-256", leaf.sha256),
        Line("Valid for", ", ".join(leaf.names) or "no name"),
    ]
    return tuple([*lines, Line("Expected", expected)] if expected else lines)


def _trusted_by(policy: TlsPolicy, leaf: Certificate) -> str:
    until = f"until {leaf.not_after:%Y-%m-%d}"
    if policy.mode is TrustMode.SYSTEM:
        return f"Trusted by this system's CAs, {until}"
    if policy.fingerprint == leaf.sha256:
        return f"The pinned certificate, {until}"
    return f"Signed by this cluster's CA, {until}"


def _seen(error: PaddockError) -> tuple[Line, ...]:
    call = getattr(error, "call", None)
    reason = getattr(error, "reason", "") or error.message
    return ((Line("Sent", call),) if call else ()) + (Line("Seen", reason),)
