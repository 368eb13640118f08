"""The name of a node, compared with what Proxmox VE calls it: exactly, and every kind of difference told apart. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from paddock.base.errors import Detail, Invalid


class NameMismatch(Invalid):
    """`called` is the name to take instead: what Proxmox VE calls the node."""

    default_code = "name_mismatch"

    def __init__(self, called: str, typed: str, *, code: str, more: str = "", hint: str) -> None:
        message = f"The node name doesn't match: Proxmox calls it {called}, you typed {typed}."
        message = f"{message} {more}".strip()
        super().__init__(message, code=code, hint=hint, details=[Detail("name", message)])
        self.called = called

    def extra(self) -> dict[str, Any]:
        return {"called": self.called}


class AnotherCluster(Invalid):
    """The right name, but of a node with another CA: reinstalled, or another machine."""

    default_code = "another_cluster"


def check(
    typed: str, called: str, members: Collection[str] = (), elsewhere: Mapping[str, str] | None = None
) -> None:
    """Raises NameMismatch unless `typed` is exactly `called`.

    `members` are the names in the cluster that answered; `elsewhere` says of managed names which other cluster
    they are in. Codes: name_case, name_fqdn, name_other_member, name_other_cluster, name_mismatch.
    """
    if typed == called:
        return
    where = (elsewhere or {}).get(typed)
    if typed.casefold() == called.casefold():
        code, more, hint = (
            "name_case",
            "",
            f"Take {called}. Names are case-sensitive; the command hostname on the node prints it.",
        )
    elif typed.partition(".")[0].casefold() == called.casefold():
        more = "That is its host name with the domain."
        code, hint = (
            "name_fqdn",
            f"Take {called}: Proxmox VE's names have no domain. The command hostname on the node prints it.",
        )
    elif typed in members:
        code, more = "name_other_member", f"{typed} is another member of the same cluster."
        hint = f"Give the address of {typed}, or take {called}."
    elif where:
        code, more = "name_other_cluster", f"{typed} is managed already, as a node of {where}."
        hint = f"Give the address that you mean, or take {called}."
    else:
        code, more = "name_mismatch", ""
        hint = f"Take {called} if it is the node that you mean; the command hostname on the node prints its name."
    raise NameMismatch(called, typed, code=code, more=more, hint=hint)
