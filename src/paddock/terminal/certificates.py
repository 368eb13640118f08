"""Certificates and fingerprints as a person types and reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paddock.terminal.failures import wrong_use
from paddock.terminal.words import Cell, Word, plain

_FINGERPRINT = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\Z")


def canonical_fingerprint(text: str) -> str:
    """SHA-256 as AA:BB:…; written with or without colons, in any case. Raises Failed (wrong use)."""
    digits = re.sub(r"(?i)\Asha-?256[ :=]+", "", text.strip()).replace(":", "").replace(" ", "").upper()
    pairs = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    if not _FINGERPRINT.match(pairs):
        raise wrong_use(
            f"{text!r} is no SHA-256 fingerprint: 32 pairs of hexadecimal digits.",
            hint="Copy it from the node: pvenode cert info",
        )
    return pairs


def pem_file(path: Path | None) -> str:
    """The text of a file with certificates; empty where none is named. Raises Failed (wrong use)."""
    if path is None:
        return ""
    try:
        return path.read_text()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not PEM text"
        raise wrong_use(f"{path} cannot be read: {why}.") from None


def certificate_facts(certificate: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    return [
        ("Subject", plain(certificate.get("subject"))),
        ("Issuer", plain(certificate.get("issuer"))),
        ("Names", plain(certificate.get("names"))),
        ("Valid", f"{plain(certificate.get('not_before'))} to {plain(certificate.get('not_after'))}"),
        ("SHA-256", Word(plain(certificate.get("sha256")), "▸", "bold")),
    ]
