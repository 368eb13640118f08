"""How a node's status looks to people: word, colour and icon, the same everywhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from paddock.nodes.health import Status


@dataclass(frozen=True, slots=True)
class Face:
    """`kind` is ok, warn, bad or unknown; `short` stands where there is little room."""

    word: str
    kind: str
    icon: str
    short: str = ""

    @property
    def brief(self) -> str:
        return self.short or self.word


FACES: dict[str, Face] = {
    Status.OFFLINE: Face("Offline", "bad", "x"),
    Status.UNREACHABLE: Face("Unreachable", "warn", "link-off"),
    Status.SIGN_IN_REFUSED: Face("Sign-in refused", "warn", "key"),
    Status.NOT_TRUSTED: Face("Certificate not trusted", "warn", "shield-x", "Not trusted"),
    Status.UNKNOWN: Face("Unknown", "unknown", "question-mark"),
    Status.ONLINE: Face("Online", "ok", "check"),
}
"""In the order of their weight."""

_BECAUSE = {
    "cluster_says_down": "Cluster says down",
    "cut_off": "Cut off from its cluster",
    "sign_in_refused": "Proxmox refuses the sign-in",
    "no_word": "No word of the cluster",
    "no_contact": "Not reached lately",
    "no_evidence": "Not looked at yet",
    "unread": "Cannot be read",
    "stale": "No fresh evidence",
    "connection_refused": "Connection refused",
    "connection_reset": "Connection broken off",
    "no_route": "No route",
    "name_not_found": "Name not found",
    "connect_timeout": "No answer",
    "timed_out": "No answer in time",
    "unreachable": "No answer",
    "tls_failed": "TLS failed",
    "plain_http": "Answers without TLS",
    "unknown_authority": "Unknown authority",
    "self_signed": "Self-signed certificate",
    "host_mismatch": "Certificate of another name",
    "expired": "Certificate expired",
    "not_yet_valid": "Certificate not valid yet",
    "fingerprint_changed": "Certificate changed",
    "unconfirmed": "Fingerprint not confirmed",
}


def because(code: str) -> str:
    """Why, in two or three words; empty where the status says it all."""
    return _BECAUSE.get(code, "")
