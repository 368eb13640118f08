"""The cause in the light of what the other members say: cut off, moved, off, taken out, or only renewed. Pure."""

from __future__ import annotations

from dataclasses import replace

from paddock.clusters.examination.steps import Diagnosis, Key, Outcome, Step

_CONNECT = {
    ("connect_timeout", "seen_online"): (
        "firewall",
        "The other members reach its API: something between it and Paddock stops the packets.",
    ),
    ("connection_refused", "seen_online"): (
        "firewall",
        "The other members reach its API: something between it and Paddock refuses, or the port is another one.",
    ),
    ("connect_timeout", "seen_unreached"): (
        "api_hangs",
        "The cluster sees it online, but the other members get no answer of its API either.",
    ),
    ("no_route", "seen_online"): (
        "no_route",
        "The other members reach it: the way between Paddock's network and its own is missing.",
    ),
}
_DOWN = "The other members do not see it either: it is down."
_STRANGE = frozenset({"fingerprint_changed", "unknown_authority", "self_signed", "host_mismatch"})


def sharpened(diagnosis: Diagnosis) -> Diagnosis:
    cause, others = diagnosis.cause, diagnosis.step(Key.OTHERS)
    if cause is None or others.outcome is Outcome.SKIPPED:
        return diagnosis
    better = None
    if cause.key is Key.CONNECT:
        better = _unreached(cause, others)
    elif cause.key is Key.CERTIFICATE:
        better = _untrusted(cause, others)
    if better is None:
        return diagnosis
    code, why = better
    told = replace(cause, code=code, text=f"{cause.text} {why}")
    return replace(diagnosis, steps=tuple(told if step is cause else step for step in diagnosis.steps))


def _unreached(cause: Step, others: Step) -> tuple[str, str] | None:
    if others.code == "seen_offline":
        return "node_down", _DOWN
    if others.code == "seen_elsewhere":
        return "wrong_address", others.text
    if others.code == "left_cluster":
        return "left_cluster", others.text
    return _CONNECT.get((cause.code, others.code))


def _untrusted(cause: Step, others: Step) -> tuple[str, str] | None:
    if cause.code not in _STRANGE:
        return None
    if others.code == "seen_elsewhere":
        return "wrong_address", others.text
    if others.code == "others_untrusted":
        return "ca_replaced", "The other members show certificates that are not trusted either."
    if others.code == "same_certificate" and cause.code != "host_mismatch":
        return "custom_certificate", "The other members report this very certificate: it was installed there."
    return None
