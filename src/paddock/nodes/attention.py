"""What about a node needs somebody: said once, for its own page and for the overview. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paddock.nodes.health import TROUBLE, Status
from paddock.nodes.queries import NodeView
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.renewal import renewal_hint

CERTIFICATE_DAYS = (30, 7, 1)
"""From when the end of a certificate is said at all, is a warning, and is bad."""


@dataclass(frozen=True, slots=True)
class Attention:
    """`kind` is bad, warn or wish, `weight` sorts within it: the lower, the sooner somebody should look."""

    kind: str
    icon: str
    title: str
    text: str
    code: str
    """node_offline · node_unreachable · node_refused · node_untrusted · node_vanished · certificate_ends …"""
    target_kind: str
    target_id: str
    since: datetime | None = None
    step: str = ""
    """What the link to the thing says."""
    path: str = ""

    @property
    def weight(self) -> int:
        return ("bad", "warn", "wish").index(self.kind)


def of_node(
    node: NodeView, now: datetime, leaf: Certificate | None = None, *, told: bool = False
) -> Sequence[Attention]:
    """Trouble, a membership that ended, a certificate that ends soon: `leaf`, where it is known. With `told` the
    status is said elsewhere."""
    found = [None if told else _status(node, now), _vanished(node), certificate(node, now, leaf)]
    return [one for one in found if one is not None]


_SAYS = {
    Status.OFFLINE: "{} is offline",
    Status.UNREACHABLE: "{} cannot be reached",
    Status.SIGN_IN_REFUSED: "{} refuses Paddock's sign-in",
    Status.NOT_TRUSTED: "{} shows a certificate that is not trusted",
    Status.UNKNOWN: "{} has given no fresh sign of life",
}

UNKNOWN_FOR = timedelta(minutes=2)
"""How long nothing may be known before somebody should look."""


def _status(node: NodeView, now: datetime) -> Attention | None:
    status = Status(node.status)
    silent = status is Status.UNKNOWN and now - node.status_since > UNKNOWN_FOR
    if (status not in TROUBLE and not silent) or node.vanished_at is not None:
        return None
    text = node.status_reason
    if status is Status.OFFLINE and node.containers_total:
        count = node.containers_total
        text += f" It holds {count} container{'s' if count > 1 else ''}."
    elif status is Status.NOT_TRUSTED:
        text += " No credential was sent."
    face = node.face
    return Attention(
        "warn" if silent else face.kind, face.icon, _SAYS[status].format(node.name), text, f"node_{status}", "node", node.id,
        node.status_since, "See why", f"/nodes/{node.id}",
    )  # fmt: skip


def _vanished(node: NodeView) -> Attention | None:
    if node.vanished_at is None:
        return None
    return Attention(
        "warn",
        "unlink",
        f"{node.name} is no longer a member of {node.cluster}",
        "The cluster does not list it any more. It was taken out, or renamed.",
        "node_vanished",
        "node",
        node.id,
        node.vanished_at,
        "Look at it",
        f"/nodes/{node.id}",
    )


def certificate(node: NodeView, now: datetime, leaf: Certificate | None = None) -> Attention | None:
    """The end of the certificate, when it is near."""
    ends = node.certificate_ends
    if ends is None or (near := nearing(ends, now)) is None:
        return None
    kind, words = near
    return Attention(
        kind,
        "certificate",
        f"The certificate of {node.name} {words}",
        f"Valid until {ends:%d %b %Y %H:%M} UTC. Renew it. {renewal_hint(leaf.by_cluster if leaf else None)}",
        "certificate_ends",
        "node",
        node.id,
        ends if ends <= now else None,
        "Look at it",
        f"/nodes/{node.id}",
    )


def nearing(ends: datetime, now: datetime) -> tuple[str, str] | None:
    """How bad it is that a certificate ends then, and words for it (`ends in 6 days`); None while it is far."""
    left = ends - now
    notice, warning, bad = (timedelta(days=days) for days in CERTIFICATE_DAYS)
    if left > notice:
        return None
    kind = "bad" if left <= bad else "warn" if left <= warning else "wish"
    if left <= timedelta(0):
        return kind, "has ended"
    days = left.days
    return kind, f"ends in {days} day{'s' if days != 1 else ''}" if days else "ends today"
