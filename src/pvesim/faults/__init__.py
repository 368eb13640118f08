"""Trouble on demand. The modules fill the registry; `FAULTS` has them all."""

from __future__ import annotations

from pvesim.faults import answers, certificates, credentials, guests, membership, network, work
from pvesim.faults.registry import FAULTS, Active, BadTarget, Fault, Target, UnknownFault

__all__ = [
    "FAULTS",
    "Active",
    "BadTarget",
    "Fault",
    "Target",
    "UnknownFault",
    "answers",
    "certificates",
    "credentials",
    "guests",
    "membership",
    "network",
    "work",
]
