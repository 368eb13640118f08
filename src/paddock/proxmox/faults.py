"""Failures of sockets, names and TLS, put into our own errors. Pure, apart from reading the exceptions."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from paddock.base.errors import Upstream
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.errors import NotProxmox, TimedOut, Unreachable, Untrusted
from paddock.proxmox.renewal import renewal_hint

_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}

# OpenSSL's X509_V_ERR_* numbers, as in SSLCertVerificationError.verify_code
_EXPIRED, _NOT_YET, _SELF_SIGNED, _SELF_SIGNED_CHAIN = 10, 9, 18, 19
_HOST, _ADDRESS = 62, 64


def from_os_error(error: OSError, endpoint: Endpoint) -> Upstream:
    """A failed name lookup, connection or handshake; not for certificates that fail verification."""
    if isinstance(error, socket.gaierror):
        return Unreachable(
            f"The name {endpoint.host} does not resolve.",
            code="name_not_found",
            hint=f"Check the spelling, or give the node's IP address. To look: getent hosts {endpoint.host}",
        )
    if isinstance(error, ssl.SSLError):
        return from_tls_error(error, endpoint)
    if isinstance(error, TimeoutError):
        return connect_timeout(endpoint)
    if isinstance(error, ConnectionRefusedError) or error.errno == errno.ECONNREFUSED:
        return Unreachable(
            f"{endpoint} refuses the connection: nothing listens on port {endpoint.port}.",
            code="connection_refused",
            hint="Check the port (Proxmox VE: 8006) and on the node: systemctl status pveproxy",
        )
    if error.errno in _NO_ROUTE:
        return Unreachable(
            f"There is no route to {endpoint.host}.",
            code="no_route",
            hint=f"The node may be off, or the network between. To look: ping {endpoint.host}",
        )
    if isinstance(error, ConnectionError) or error.errno in _RESET:
        return reset(endpoint)
    return Unreachable(f"{endpoint} cannot be reached: {error.strerror or error}.")


def from_tls_error(error: ssl.SSLError, endpoint: Endpoint) -> Upstream:
    """A handshake that broke for another reason than trust."""
    reason = (error.reason or str(error)).upper()
    if any(mark in reason for mark in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")):
        return NotProxmox(
            f"{endpoint} does not speak TLS; it looks like plain HTTP or another service.",
            product="plain HTTP",
            code="plain_http",
            hint="Proxmox VE's API speaks HTTPS, normally on port 8006.",
        )
    return Unreachable(
        f"The TLS handshake with {endpoint} failed: {(error.reason or str(error)).replace('_', ' ').lower()}.",
        code="tls_failed",
        hint="On the node: journalctl -u pveproxy. After a change of certificates: systemctl restart pveproxy",
    )


def connect_timeout(endpoint: Endpoint) -> TimedOut:
    return TimedOut(
        f"{endpoint} does not answer: the connection attempt timed out.",
        code="connect_timeout",
        hint="The node may be off, or a firewall drops the packets. "
        f"To look: nc -vz {endpoint.host} {endpoint.port}",
    )


def answer_timeout(endpoint: Endpoint, seconds: float) -> TimedOut:
    return TimedOut(
        f"{endpoint} took the request but did not answer within {seconds:.0f} s.",
        hint="The node may be overloaded. On it: systemctl status pveproxy pvedaemon pvestatd",
    )


def reset(endpoint: Endpoint) -> Unreachable:
    return Unreachable(
        f"{endpoint} closed the connection without an answer.",
        code="connection_reset",
        hint="If it lasts, look on the node: systemctl status pveproxy",
    )


def forbidden_address(endpoint: Endpoint) -> Unreachable:
    return Unreachable(
        f"{endpoint.host} leads to a link-local or metadata address only; Paddock does not connect there.",
        code="forbidden_address",
        hint="Give the node's address in your network. If nodes do stand there: the setting allow_addresses.",
    )


def bad_address(endpoint: Endpoint) -> Unreachable:
    return Unreachable(
        f"“{endpoint.host[:100]}” is neither an IP address nor a host name.",
        code="bad_address",
        hint="Give the node's IP address, or a name that resolves to it.",
    )


def bad_certificate(endpoint: Endpoint) -> Unreachable:
    return Unreachable(
        f"The certificate that {endpoint} shows cannot be read.",
        code="tls_failed",
        hint=renewal_hint(None),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    code: str
    message: Callable[[Certificate, Endpoint], str]
    hint: str | Callable[[Certificate], str]


_COMPARE = "Compare the fingerprint with “pvenode cert info” on the node before you trust it."
_TOLD: dict[int, _Told] = {
    _EXPIRED: _Told(
        "expired",
        lambda c, e: f"The certificate of {e} expired on {c.not_after:%Y-%m-%d}.",
        lambda c: renewal_hint(c.by_cluster),
    ),
    _NOT_YET: _Told(
        "not_yet_valid",
        lambda c, e: f"The certificate of {e} is valid only from {c.not_before:%Y-%m-%d %H:%M} UTC.",
        "Compare the clocks of the node and of Paddock: timedatectl",
    ),
    _SELF_SIGNED: _Told(
        "self_signed",
        lambda _c, e: f"The certificate of {e} is signed by itself, not by a known authority.",
        _COMPARE,
    ),
    _HOST: _Told(
        "host_mismatch",
        lambda c, e: f"The certificate is not for {e.host}; it is for {', '.join(c.names) or c.subject}.",
        "Give the node's URL with one of these names or addresses.",
    ),
}


_TOLD_BY_ONE_CA = {_EXPIRED, _NOT_YET, _HOST, _ADDRESS}
"""What is only found wrong once the CA was the right one."""


def untrusted(error: ssl.SSLCertVerificationError, leaf: Certificate, endpoint: Endpoint) -> Untrusted:
    """Why the chain or the name did not pass."""
    code = {_ADDRESS: _HOST, _SELF_SIGNED_CHAIN: 0}.get(error.verify_code, error.verify_code)
    if told := _TOLD.get(code):
        hint = told.hint if isinstance(told.hint, str) else told.hint(leaf)
        return Untrusted(told.message(leaf, endpoint), certificate=leaf, code=told.code, hint=hint)
    return Untrusted(
        f"The certificate of {endpoint} comes from an authority that is not trusted here: {leaf.issuer}.",
        certificate=leaf,
        code="unknown_authority",
        hint=_COMPARE,
    )


def more_telling(
    one: ssl.SSLCertVerificationError | None, other: ssl.SSLCertVerificationError
) -> ssl.SSLCertVerificationError:
    """Of two checks that failed: that one of several CAs is not the right one says least."""
    return one if one is not None and one.verify_code in _TOLD_BY_ONE_CA else other


def fingerprint_changed(leaf: Certificate, expected: str, endpoint: Endpoint) -> Untrusted:
    return Untrusted(
        f"{endpoint} shows another certificate than the one that was confirmed.",
        certificate=leaf,
        expected=expected,
        code="fingerprint_changed",
        hint="If it was renewed on purpose, confirm the new fingerprint; otherwise somebody may be in between. "
        + _COMPARE,
    )


def unconfirmed(leaf: Certificate, endpoint: Endpoint) -> Untrusted:
    return Untrusted(
        f"Nobody has confirmed the certificate of {endpoint} yet.",
        certificate=leaf,
        code="unconfirmed",
        hint=_COMPARE,
    )
