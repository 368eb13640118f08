"""What is looked at, with how much patience, and what one look knows so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from paddock.base.errors import PaddockError
from paddock.clusters.examination.commands import Values
from paddock.clusters.examination.proofs import leaf_of, seen, tls_proof
from paddock.clusters.examination.steps import Key, Leaf, Line, Outcome, Step
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential, TokenCredential
from paddock.proxmox.errors import LoginRefused, NodeUnreachable, Untrusted
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.trust import TlsPolicy, TrustMode


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. Together they keep a silent node's diagnosis below six."""

    connect: float = 3.5
    """For a name, a connection, a handshake; each."""
    answer: float = 4.0
    """For an answer to one question."""
    sluggish: float = 2.0
    """From when an answer is worth a word."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at, and what is expected. Without a policy the system's CAs decide; a certificate that they
    do not know is described, and no credential is sent to it."""

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
    """The cluster, to ask its other members."""
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

    @property
    def secret(self) -> str:
        if self.credential is None:
            return ""
        if isinstance(self.credential, TokenCredential):
            return self.credential.secret.reveal()
        return self.credential.password.reveal()

    @property
    def expected(self) -> str:
        """The fingerprint that it should show; empty where the CA decides."""
        return (self.policy.fingerprint if self.policy else None) or self.reported


@dataclass
class Look:
    """One look on its way."""

    subject: Subject
    patience: Patience
    transport: HttpTransport
    addresses: list[str] = field(default_factory=list)
    """Where the name leads to, without those that nobody may be led to."""
    source: str = ""
    """Paddock's own address on the way there, for a firewall rule."""
    policy: TlsPolicy | None = None
    """What the certificate was accepted by; None: no credential is sent."""
    leaf: Certificate | None = None
    connection: Connection | None = None
    grant_on: tuple[str, ...] = ("/",)
    """Where entries would give what is missing."""
    storage: tuple[str, str] = ("", "")
    """One that could take containers' disks, and the content types that it would have then."""

    def values(self) -> Values:
        subject = self.subject
        return Values(
            host=subject.endpoint.host,
            port=subject.endpoint.port,
            node=subject.node,
            user=subject.user,
            token=subject.token,
            grant_on=self.grant_on,
            storage=self.storage,
            names=self.leaf.names if self.leaf else (),
            source=self.source,
            fingerprint=self.leaf.sha256 if self.leaf else "",
            by_cluster=self.leaf.by_cluster if self.leaf else None,
            verified=self.policy is not None and self.policy.mode is TrustMode.SYSTEM,
        )

    async def timed(self, key: Key, step: Callable[[], Awaitable[Step]], seconds: float) -> Step:
        """The step with the time it took; what it raises becomes its failure."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                found = await step()
        except Untrusted as error:
            found = self.untrusted(key, error)
        except NodeUnreachable as error:
            found = _behind(key, error)
        except PaddockError as error:
            proof = seen(error, _ASKED.get(key, ""))
            found = Step(key, Outcome.FAILED, error.message, error.code, proof=proof)
        except TimeoutError:
            text = f"It takes the question and does not answer within {seconds:.0f} s."
            proof = (
                Line("Sent", _ASKED.get(key, "a question")),
                Line("Seen", f"nothing within {seconds:.0f} s"),
            )
            found = Step(key, Outcome.FAILED, text, "timed_out", proof=proof)
        return replace(found, milliseconds=round((time.perf_counter() - began) * 1000))

    def untrusted(self, key: Key, error: Untrusted) -> Step:
        expected = error.expected or self.subject.expected
        return Step(
            key,
            Outcome.FAILED,
            f"{error.message} No credential was sent.",
            error.code,
            proof=tls_proof(self.subject.endpoint, error.certificate, expected),
            shown=leaf_of(error.certificate),
            trusted=Leaf(expected) if expected else None,
        )


_ASKED = {
    Key.RESOLVE: "a look-up of the name",
    Key.CONNECT: "TCP SYN",
    Key.CERTIFICATE: "TLS ClientHello",
    Key.PRODUCT: "GET /access/domains, without a sign-in",
    Key.SIGN_IN: "the sign-in, its secret left out here",
    Key.RIGHTS: "GET /access/permissions",
    Key.NAME: "GET /cluster/status",
    Key.MEMBERSHIP: "GET /cluster/status, GET /nodes/localhost/certificates/info",
    Key.CLOCK: "GET /nodes/localhost/time",
    Key.STORAGES: "GET /nodes/localhost/storage",
}


def _behind(key: Key, error: NodeUnreachable) -> Step:
    """The node answers for itself: what it does not reach is its own daemon."""
    if "refused" in error.reason.lower():
        text = "It answers, but its own daemon (pvedaemon) does not: signing in is not possible."
        return Step(key, Outcome.FAILED, text, "backend_down", proof=seen(error))
    text = f"It answers, but what it asks behind itself does not: {error.reason}."
    return Step(key, Outcome.FAILED, text, "timed_out", proof=seen(error))
