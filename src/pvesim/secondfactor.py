"""Second factors: what a user has, what signing in asks for, and what passes.

Sources: proxmox-rs `proxmox-tfa` (api.rs), pve-access-control `API2/TFA.pm`, `AccessControl.pm`
(`authenticate_2nd_new`). Codes of a TOTP generator that was set up through the API are real ones (RFC 6238).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from random import Random
from urllib.parse import parse_qs, urlsplit

from pvesim.errors import failed
from pvesim.identity import Factor, User

OF_SCENE = "totp-of-the-scene"
LOCKED_AFTER = 8  # wrong TOTP codes
PERIOD = 30
_KEYS = 10


def factors(user: User) -> dict[str, Factor]:
    """All second factors of a user by id."""
    found = {OF_SCENE: Factor("totp", "of the scene", 0)} if user.totp else {}
    return {**found, **(user.factors or {})}


def entry(name: str, factor: Factor) -> dict[str, object]:
    """As the API lists it; what is not enabled says so."""
    row: dict[str, object] = {
        "id": name,
        "type": factor.type,
        "description": factor.description,
        "created": factor.created,
    }
    return row if factor.enable else {**row, "enable": 0}


def locked(user: User) -> bool:
    return user.failures >= LOCKED_AFTER


def challenge(user: User) -> dict[str, object] | None:
    """What signing in has to answer; None where the password is enough."""
    active = [factor for factor in factors(user).values() if factor.enable]
    if not active:
        return None
    asked: dict[str, object] = {"totp": any(factor.type == "totp" for factor in active)}
    for factor in active:
        if factor.type == "recovery":
            asked["recovery"] = [n for n, key in enumerate(factor.keys) if key]
    return asked


def passes(user: User, response: str, now: float) -> bool:
    """Whether "totp:CODE" or "recovery:KEY" is right. A key counts once; too many wrong codes lock."""
    kind, colon, value = response.partition(":")
    active = [
        (name, factor) for name, factor in factors(user).items() if factor.enable and factor.type == kind
    ]
    if not colon or not active:
        return False
    if kind == "recovery":
        for _, factor in active:
            if value and value in factor.keys:
                factor.keys[factor.keys.index(value)] = ""
                return True
        return False
    if locked(user):
        return False
    for name, factor in active:
        if value == user.code if name == OF_SCENE else _fits(factor.secret, value, now):
            user.failures = 0
            return True
    user.failures += 1
    return False


def new_totp(uri: str, value: str, description: str, now: float) -> Factor:
    """From an otpauth URI, with the code that its generator shows now. Raises 500."""
    secret = parse_qs(urlsplit(uri).query).get("secret", [""])[0]
    if not uri.startswith("otpauth://") or not secret:
        raise failed("not an otpauth uri")
    if not _fits(secret, value, now):
        raise failed("failed to verify TOTP challenge")
    return Factor("totp", description, int(now), secret)


def new_recovery(now: float, draw: Random) -> Factor:
    keys = ["-".join(f"{draw.getrandbits(16):04x}" for _ in range(4)) for _ in range(_KEYS)]
    return Factor("recovery", "", int(now), keys=keys)


def totp(secret: str, now: float) -> str:
    """The six digits of that moment (RFC 6238, SHA-1)."""
    padded = secret.upper() + "=" * (-len(secret) % 8)
    digest = hmac.new(base64.b32decode(padded), int(now // PERIOD).to_bytes(8), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


def _fits(secret: str, value: str, now: float) -> bool:
    try:
        return value in {totp(secret, now + step * PERIOD) for step in (-1, 0, 1)}
    except ValueError:
        return False
