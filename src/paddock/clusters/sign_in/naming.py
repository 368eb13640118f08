"""Names of what Paddock makes on a cluster. Pure."""

from __future__ import annotations

from datetime import datetime

from paddock.base.errors import Invalid
from paddock.base.vault import Secret
from paddock.proxmox.credentials import TokenCredential
from paddock.proxmox.token_plan import USER, Plan
from paddock.proxmox.wanted import Level

_ANY_SECRET = Secret("00000000-0000-0000-0000-000000000000")


def token_name(now: datetime, salt: str) -> str:
    """Another one each time, so that an old token and a new one stand side by side: paddock-20261123-9f3c."""
    return f"paddock-{now:%Y%m%d}-{salt[-4:]}"


def plan(level: Level, userid: str, tokenid: str, now: datetime, salt: str) -> Plan:
    """Raises Invalid for `user` or `token` where Proxmox VE would not take the name."""
    userid, tokenid = userid.strip() or USER, tokenid.strip() or token_name(now, salt)
    try:
        TokenCredential.parse(f"{userid}!{tokenid}", _ANY_SECRET.reveal())
    except Invalid as error:
        field = "token" if "token's name" in error.message else "user"
        raise Invalid.field(field, error.message, hint=error.hint) from None
    if userid.rpartition("@")[2] != "pve":
        raise Invalid.field(
            "user",
            f"{userid} is not of the realm pve: only there a user needs no password of its own.",
            hint=f"For example {USER}.",
        )
    return Plan.of(level, userid, tokenid, salt)
