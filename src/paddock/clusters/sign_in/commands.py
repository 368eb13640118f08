"""The commands that do by hand, on any node of the cluster, what Paddock does with an administrator's password. Pure."""

from __future__ import annotations

import shlex

from paddock.proxmox.token_plan import COMMENT, Plan
from paddock.proxmox.wanted import privileges


def making(plan: Plan) -> tuple[str, ...]:
    """Role, user, token, entries. What exists already is reported by pveum and left as it is."""
    found: list[str] = []
    if plan.level:
        found.append(f'pveum role add {plan.role} --privs "{" ".join(privileges(plan.level))}"')
        found.append(f"pveum user add {_word(plan.userid)} --comment {shlex.quote(COMMENT)}")
    separated = 1 if plan.separated else 0
    found.append(
        f"pveum user token add {_word(plan.userid)} {plan.tokenid} --privsep {separated} --comment {shlex.quote(COMMENT)}"
    )
    for entry in plan.entries if plan.separated else ():
        users = f" --users {_word(plan.userid)}" if plan.level else ""
        propagate = "" if entry.propagate else " --propagate 0"
        found.append(
            f"pveum acl modify {entry.path}{users} --tokens '{plan.token}' --roles {entry.role}{propagate}"
        )
    return tuple(found)


def _word(text: str) -> str:
    return shlex.quote(text)
