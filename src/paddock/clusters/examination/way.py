"""The way to a node, up to the sign-in: name, connection, certificate, product. Sends no credential."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from paddock.clusters.examination.looking import Look
from paddock.clusters.examination.proofs import leaf_of, tls_proof
from paddock.clusters.examination.steps import Key, Line, Outcome, Step
from paddock.proxmox import faults
from paddock.proxmox.address import is_forbidden
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.errors import TimedOut, Untrusted
from paddock.proxmox.handshake import admit
from paddock.proxmox.identify import identify
from paddock.proxmox.trust import TlsPolicy, TrustMode

WARN_DAYS = 30
_TELLING = frozenset({"expired", "not_yet_valid", "host_mismatch"})
"""What the cluster's CA says of a certificate of its own, and a fingerprint alone does not."""


async def resolve(look: Look) -> Step:
    """Raises Unreachable for a name that is none, or that leads to forbidden addresses only."""
    endpoint = look.subject.endpoint
    admit(endpoint)
    try:
        look.addresses = [str(ip_address(endpoint.host))]
    except ValueError:
        pass
    else:
        look.source = _source(look.addresses[0], endpoint.port)
        return Step(Key.RESOLVE, Outcome.PASSED, f"Not needed, {endpoint.host} is an address")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise faults.bad_address(endpoint) from None
    except OSError as error:
        raise faults.from_os_error(error, endpoint) from None
    everywhere = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    look.addresses = [address for address in everywhere if not is_forbidden(address)]
    if not look.addresses:
        raise faults.forbidden_address(endpoint)
    look.source = _source(look.addresses[0], endpoint.port)
    return Step(Key.RESOLVE, Outcome.PASSED, f"{endpoint.host} is {', '.join(look.addresses)}")


def _source(address: str, port: int) -> str:
    """The address that the system would call from; a datagram socket that is connected sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, port))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


async def connect(look: Look) -> Step:
    endpoint = look.subject.endpoint
    last: OSError | None = None
    share = look.patience.connect / len(look.addresses)
    for address in look.addresses:
        try:
            async with asyncio.timeout(share):
                _, writer = await asyncio.open_connection(address, endpoint.port)
        except OSError as error:  # TimeoutError is one
            last = error
            continue
        local = writer.get_extra_info("sockname")
        writer.transport.abort()
        proof = (
            Line("Sent", f"TCP SYN to {address} port {endpoint.port}"),
            Line("Seen", f"connected, from {local[0]}"),
        )
        return Step(Key.CONNECT, Outcome.PASSED, f"Port {endpoint.port} answers", proof=proof)
    assert last is not None
    raise faults.from_os_error(last, endpoint)


async def certificate(look: Look) -> Step:
    """Raises Untrusted with the exact reason."""
    subject = look.subject
    policy = subject.policy or TlsPolicy(TrustMode.SYSTEM)
    refusal: Untrusted | None = None
    try:
        look.leaf = leaf = await look.transport.contact(subject.endpoint, policy)
    except Untrusted as error:
        refusal, look.leaf, leaf = error, error.certificate, error.certificate
    except TimedOut:
        text = f"{subject.endpoint} takes the connection and does not answer the TLS handshake."
        raise TimedOut(text, call="TLS ClientHello") from None
    proof = tls_proof(subject.endpoint, leaf, subject.expected)
    shown = leaf_of(leaf)
    if refusal is not None:
        if subject.policy is not None or not _sound(leaf):
            raise await _exactly(look, refusal)
        code, text = refusal.code, refusal.message
        if not covers(leaf.names, subject.endpoint.host):
            code, text = "host_mismatch", f"{text} It is for {', '.join(leaf.names[:6]) or 'no name'}."
        text = f"{text} Only questions without a credential go there."
        return Step(Key.CERTIFICATE, Outcome.WARNED, text, code, proof=proof, shown=shown)
    look.policy = policy
    if policy.mode is TrustMode.OFF:
        text = "Not verified: anybody in between could pose as this node."
        return Step(Key.CERTIFICATE, Outcome.WARNED, text, "unverified", proof=proof, shown=shown)
    left = leaf.not_after - datetime.now(UTC)
    if left < timedelta(days=WARN_DAYS):
        text = f"Trusted, but it expires in {max(left.days, 0)} days, on {leaf.not_after:%Y-%m-%d}."
        return Step(Key.CERTIFICATE, Outcome.WARNED, text, "expires_soon", proof=proof, shown=shown)
    return Step(Key.CERTIFICATE, Outcome.PASSED, _trusted_by(policy, leaf), proof=proof, shown=shown)


async def _exactly(look: Look, error: Untrusted) -> Untrusted:
    """Where a fingerprint has the last word, what the CA said before it may be the better reason."""
    policy, leaf = look.subject.policy, error.certificate
    if policy is None and leaf.not_after < datetime.now(UTC):
        text = f"The certificate of {look.subject.endpoint} expired on {leaf.not_after:%Y-%m-%d}."
        return Untrusted(text, certificate=leaf, code="expired")
    if policy is None and leaf.not_before > datetime.now(UTC):
        text = f"The certificate of {look.subject.endpoint} is valid only from {leaf.not_before:%Y-%m-%d %H:%M} UTC."
        return Untrusted(text, certificate=leaf, code="not_yet_valid")
    if error.code == "fingerprint_changed" and policy is not None and policy.ca_pem:
        by_ca = TlsPolicy(policy.mode, ca_pem=policy.ca_pem, server_name=policy.server_name)
        try:
            await look.transport.contact(look.subject.endpoint, by_ca)
        except Untrusted as exact:
            if exact.code in _TELLING:
                return exact
    return error


def _sound(leaf: Certificate) -> bool:
    return leaf.not_before <= datetime.now(UTC) <= leaf.not_after


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate for these names is valid for the host; a star stands for one label."""
    parent = host.partition(".")[2]
    return any(name.lower() in (host, f"*.{parent}" if parent else host) for name in names)


def _trusted_by(policy: TlsPolicy, leaf: Certificate) -> str:
    until = f"until {leaf.not_after:%Y-%m-%d}"
    if policy.mode is TrustMode.SYSTEM:
        return f"Trusted by this system's CAs, {until}"
    if policy.fingerprint == leaf.sha256:
        return f"The fingerprint that is expected, {until}"
    return f"Signed by this cluster's CA, {until}"


async def product(look: Look) -> Step:
    """Raises NotProxmox with what it is instead."""
    policy = look.policy or TlsPolicy(TrustMode.OFF)  # nothing secret goes along
    began = time.perf_counter()
    found = await identify(look.subject.endpoint, policy, look.transport)
    took = time.perf_counter() - began
    realms = ", ".join(realm.realm for realm in found.items[:20])
    proof = (Line("Sent", "GET /access/domains, without a sign-in"), Line("Seen", f"realms {realms}"))
    if took > look.patience.sluggish:
        text = f"Proxmox VE answers, but takes {took:.1f} s."
        return Step(Key.PRODUCT, Outcome.WARNED, text, "slow", proof=proof)
    return Step(Key.PRODUCT, Outcome.PASSED, "Proxmox VE answers", proof=proof)
