"""What the ceremony is to make: a user, a token, a role and its entries. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from paddock.proxmox.wanted import ROLE_NAMES, Level

USER = "paddock@pve"
COMMENT = "Made by Paddock"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the access control list: a role on a path."""

    path: str
    role: str
    propagate: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be there in the end. Without a `level` the role is left as it is (a rotation).

    `run` is another one each time: it stands in the token's comment, so that a job that was cut off knows its own.
    `expire` is when the token ends (s since 1970), 0 is never.
    """

    userid: str
    tokenid: str
    level: Level | None = None
    entries: tuple[Entry, ...] = ()
    separated: bool = True
    run: str = ""
    expire: int = 0

    @property
    def token(self) -> str:
        return f"{self.userid}!{self.tokenid}"

    @property
    def role(self) -> str:
        return ROLE_NAMES[self.level] if self.level else ""

    @property
    def comment(self) -> str:
        return f"{COMMENT}, run {self.run}"

    @classmethod
    def of(cls, level: Level, userid: str, tokenid: str, run: str = "") -> Plan:
        return cls(userid, tokenid, level, (Entry("/", ROLE_NAMES[level]),), run=run)

    def wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, found: Any) -> Plan:
        """Out of what `wire` gave."""
        return msgspec.convert(found, cls)
