"""What can go wrong with Proxmox VE. Every class says in plain words what is wrong and what to do next.

`answers.from_answer` makes these out of answers, `faults` out of sockets and TLS; nothing else needs to know
Proxmox's texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paddock.base.errors import Detail, Upstream
from paddock.proxmox.certificates import Certificate


class Unreachable(Upstream):
    """No conversation came about, or it broke off before an answer.

    Codes: name_not_found, bad_address, forbidden_address, connection_refused, no_route, connection_reset,
    tls_failed, gateway_failed, unreachable, no_member, closed.
    """

    default_code = "unreachable"


class TimedOut(Upstream):
    """No answer in time. Codes: connect_timeout (nothing was sent), timed_out."""

    default_code = "timed_out"


class Untrusted(Upstream):
    """The certificate is not the one that the policy trusts; no credential was sent.

    `code` is one of unknown_authority, self_signed, host_mismatch, expired, not_yet_valid,
    fingerprint_changed, unconfirmed (nobody has compared the fingerprint yet).
    """

    default_code = "unknown_authority"

    def __init__(
        self, message: str, *, certificate: Certificate, expected: str | None = None, **rest: Any
    ) -> None:
        super().__init__(message, **rest)
        self.certificate = certificate
        self.expected = expected

    def extra(self) -> dict[str, Any]:
        shown = {
            "subject": self.certificate.subject,
            "issuer": self.certificate.issuer,
            "names": list(self.certificate.names),
            "not_before": self.certificate.not_before.isoformat(),
            "not_after": self.certificate.not_after.isoformat(),
            "sha256": self.certificate.sha256,
        }
        expected = {"expected_sha256": self.expected} if self.expected else {}
        return {**super().extra(), "certificate": shown, **expected}


class LoginRefused(Upstream):
    """Proxmox VE does not accept the credential.

    Codes: password_refused, token_refused, two_factor_required, ticket_refused (a fresh ticket was not
    accepted, for example because the clocks of the members differ).
    """

    default_code = "password_refused"

    def __init__(self, message: str, *, reason: str = "", **rest: Any) -> None:
        super().__init__(message, **rest)
        self.reason = reason  # Proxmox VE's own words; since 9.1.5 they say nothing more


class Forbidden(Upstream):
    """Signed in, but the credential lacks a right. `privilege` may hold alternatives: `A|B`."""

    default_code = "forbidden"

    def __init__(
        self, message: str, *, privilege: str | None = None, path: str | None = None, **rest: Any
    ) -> None:
        super().__init__(message, **rest)
        self.privilege = privilege
        self.path = path

    def extra(self) -> dict[str, Any]:
        found = {"privilege": self.privilege, "path": self.path}
        return {**super().extra(), **{k: v for k, v in found.items() if v}}


class Refused(Upstream):
    """Proxmox VE said no: `status`, its `reason`, and per parameter `errors`."""

    default_code = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str,
        errors: Mapping[str, str] | None = None,
        details: Sequence[Detail] = (),
        **rest: Any,
    ) -> None:
        self.status = status
        self.reason = reason
        self.errors = dict(errors or {})
        super().__init__(
            message, details=details or [Detail(name, text) for name, text in self.errors.items()], **rest
        )

    def extra(self) -> dict[str, Any]:
        return {**super().extra(), "status": self.status, "reason": self.reason}


class Gone(Refused):
    """The guest, node, storage or task does not exist there (any more). Proxmox VE says so with 500 or 400."""

    default_code = "gone"


class NoQuorum(Refused):
    """The cluster has lost quorum: it can be read, not changed."""

    default_code = "no_quorum"


class Unreadable(Upstream):
    """An answer came that is not what the API promises. Codes: unreadable, too_large, no_cluster_ca."""

    default_code = "unreadable"

    def __init__(self, message: str, *, hint: str | None = None, **rest: Any) -> None:
        hint = hint or (
            "A proxy in between may have changed it: give the address of the node itself, port 8006. "
            "On the node: journalctl -u pveproxy -u pvedaemon"
        )
        super().__init__(message, hint=hint, **rest)


class NotProxmox(Upstream):
    """Something else listens there; `product` says what, as far as it shows."""

    default_code = "not_proxmox"

    def __init__(self, message: str, *, product: str, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.product = product

    def extra(self) -> dict[str, Any]:
        return {**super().extra(), "product": self.product}


class NodeUnreachable(Upstream):
    """The member answered, but could not reach the node that was asked about (595, 596)."""

    default_code = "node_unreachable"

    def __init__(self, message: str, *, reason: str, sent: bool = False, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.reason = reason
        self.sent = sent  # 596 and above: the request may have arrived


class TaskFailed(Upstream):
    """A task ended badly; `tail` holds the last lines of its log."""

    default_code = "task_failed"

    def __init__(self, message: str, *, upid: str, tail: Sequence[str] = (), **rest: Any) -> None:
        super().__init__(message, **rest)
        self.upid = upid
        self.tail = tuple(tail)

    def extra(self) -> dict[str, Any]:
        return {**super().extra(), "upid": self.upid, "tail": list(self.tail)}


class OutcomeUnknown(Upstream):
    """A change was sent and the answer lost: it may or may not have happened. Look before repeating it."""

    default_code = "outcome_unknown"
