"""What a trial of a credential means: whether it may be saved, and what to say where not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paddock.base.errors import Upstream
from paddock.proxmox.credentials import Credential, TokenCredential
from paddock.proxmox.permissions import Lack
from paddock.proxmox.proving import Outcome, Trial
from paddock.proxmox.wanted import Level, Want, lacking, level_of, listed, table, wanted

WORDS = {
    Outcome.ACCEPTED: "Accepted",
    Outcome.REFUSED: "Refused",
    Outcome.UNREACHED: "Not asked",
    Outcome.SPARED: "Spared",
}


@dataclass(frozen=True, slots=True)
class Tested:
    """One member, in words."""

    member: str
    outcome: str
    """accepted · refused · unreached · spared"""
    text: str


class NotProven(Upstream):
    """The new credential did not stand its trial, so it was not saved. `code` is that of the first refusal."""

    default_code = "not_proven"

    def __init__(self, message: str, *, tested: Sequence[Tested], **rest: Any) -> None:
        super().__init__(message, **rest)
        self.tested = tuple(tested)

    def extra(self) -> dict[str, Any]:
        rows = [{"member": one.member, "outcome": one.outcome, "text": one.text} for one in self.tested]
        return {**super().extra(), "tested": rows}


def tested(trial: Trial) -> tuple[Tested, ...]:
    return tuple(Tested(one.member, one.outcome, one.text) for one in trial.tried)


def objection(trial: Trial, credential: Credential, level: Level | None = None) -> NotProven | None:
    """Why the credential should not be saved; None where it may. Members that cannot be asked do not count
    against it, as long as one accepts it. With a `level` it must be enough for all of that."""
    rows = tested(trial)
    refused = trial.only(Outcome.REFUSED)
    if refused and refused[0].error is not None:
        error = refused[0].error
        where = _names([one.member for one in refused])
        return NotProven(f"{error.message} Asked: {where}.", code=error.code, hint=error.hint, tested=rows)
    if not trial.only(Outcome.ACCEPTED):
        error = trial.refusal or Upstream("This cluster has no member that can be asked.", code="no_member")
        return NotProven(
            f"No member could be asked. {error.message}", code=error.code, hint=error.hint, tested=rows
        )
    rights = trial.permissions or {}
    if not rights:
        return NotProven(_without_rights(credential), code="no_rights", hint=_give(credential), tested=rows)
    if missing := [one for one in lacking(rights, wanted(Level.OBSERVER)) if one.privilege == "Sys.Audit"]:
        return NotProven(
            f"Accepted, but it may not even see the cluster: it lacks {listed(missing)}.",
            code="cannot_watch",
            hint=_give(credential),
            tested=rows,
        )
    if level and (short := lacking(rights, wanted(level))):
        return NotProven(
            f"Accepted, but not enough for an {level}: it lacks {listed(short)}.",
            code="level_missed",
            hint=_narrower(short),
            tested=rows,
        )
    return None


def wants(trial: Trial) -> tuple[Want, ...]:
    return table(trial.permissions or {})


def level(trial: Trial) -> Level | None:
    return level_of(trial.permissions or {})


def _without_rights(credential: Credential) -> str:
    if isinstance(credential, TokenCredential):
        return (
            "Proxmox VE accepts the token, but it holds no right at all. A token with privilege separation "
            "has none until it gets entries of its own, and never more than its user has."
        )
    return "Proxmox VE accepts the password, but the user holds no right at all."


def _give(credential: Credential) -> str:
    if isinstance(credential, TokenCredential):
        user = credential.token_id.rpartition("!")[0]
        return (
            "On a node: pveum acl modify / "
            f"--users {user} --tokens '{credential.token_id}' --roles PVEAuditor"
        )
    return f"On a node: pveum acl modify / --users {credential.username} --roles PVEAuditor"


def _narrower(short: Sequence[Lack]) -> str:
    """What is granted on / and missing below was replaced there."""
    paths = _names(list(dict.fromkeys(one.path for one in short)))
    return (
        f"An entry of the user or of the token on {paths} replaces what is inherited from /; it does not add to it. "
        "Look for it under Datacenter → Permissions, or on a node: pveum acl list"
    )


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
