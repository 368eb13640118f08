"""Answers of Proxmox VE and what they mean. Pure: the status, the reason phrase *and* the body are read.

Proxmox VE reports nearly everything as 500 with the text in the reason phrase; before 8.3 only there. A 401 has
no body. 595 to 599 come from a member that asked another node on our behalf. (Recorded on 8.x and 9.2.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from paddock.base.errors import Upstream
from paddock.proxmox import errors
from paddock.proxmox.decoding import read_json


class Proof(StrEnum):
    """What a request carried to prove who asks."""

    NONE = "none"
    LOGIN = "login"  # the request is the sign-in itself
    TICKET = "ticket"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Asked:
    """Where an answer comes from, for the texts of errors. `call` is `GET /nodes`."""

    call: str | None = None
    node: str | None = None
    cluster: str | None = None
    changes: bool = False  # not a read: when its answer is lost, the outcome is unknown


NOBODY = Asked()

_PERMISSION = re.compile(r"Permission check failed \((/[^,)]*),\s*([^)]+)\)")
_GONE = re.compile(
    r"Configuration file '[^']+' does not exist|no such cluster node|hostname lookup '[^']*' failed"
    r"|storage '[^']*' does not exist|volume '[^']*' does not exist|no such task|no such user|no such token"
)
_NO_QUORUM = re.compile(r"no quorum|unable to open file '/etc/pve/.*Permission denied", re.IGNORECASE)
_ROOT_ONLY = re.compile(r"user != root@pam|only allowed for root@pam|need proper ticket", re.IGNORECASE)


def from_answer(answer: Answer, *, proof: Proof = Proof.NONE, asked: Asked = NOBODY) -> Upstream:
    """The error that an answer other than 2xx stands for."""
    text, parameters = _texts(answer)
    where: dict[str, Any] = {"call": asked.call, "node": asked.node, "cluster": asked.cluster}

    def refused(cls: type[errors.Refused], message: str, **rest: Any) -> errors.Refused:
        return cls(
            message, status=answer.status, reason=answer.reason, errors=parameters, **{**where, **rest}
        )

    if answer.status == 401:
        return _not_signed_in(text, proof, where)
    if answer.status == 403:
        return _forbidden(text, where)
    if 595 <= answer.status <= 599:
        return _proxied(answer, asked, where)
    if answer.status in (502, 503, 504):
        return _gateway(answer, asked, where)
    if 300 <= answer.status < 400:
        return errors.NotProxmox(
            f"The address answers with a redirect ({answer.status}), as a web server does.",
            product="web server",
            hint="Give the address of Proxmox VE's own API, normally port 8006.",
            **where,
        )
    if answer.status == 500 and _NO_QUORUM.search(text):
        return refused(
            errors.NoQuorum,
            "The cluster has no quorum: it can be read, but not changed.",
            hint="Bring enough nodes back, or see “pvecm status” on a node.",
        )
    if _GONE.search(text) or any(_GONE.search(value) for value in parameters.values()):
        shown = text if _GONE.search(text) else next(v for v in parameters.values() if _GONE.search(v))
        return refused(errors.Gone, f"Proxmox VE does not find it: {shown}", hint="Read the cluster again.")
    if parameters:
        listed = "; ".join(f"{name}: {value}" for name, value in sorted(parameters.items()))
        return refused(errors.Refused, f"Proxmox VE refused: {listed}", code="parameters")
    return refused(errors.Refused, f"Proxmox VE refused: {text or f'status {answer.status}'}")


def _texts(answer: Answer) -> tuple[str, dict[str, str]]:
    """(the sentence of the server in one line, errors per parameter)."""
    message, parameters = answer.reason.strip(), {}
    try:
        body = read_json(answer.body) if answer.body.lstrip()[:1] == b"{" else None
    except msgspec.DecodeError:
        body = None
    if isinstance(body, dict):
        said = body.get("message")
        if isinstance(said, str) and said.strip():
            message = said.strip()
        found = body.get("errors")
        if isinstance(found, dict):
            parameters = {str(k): " ".join(str(v).split()) for k, v in found.items()}
    return " ".join(message.split())[:500], parameters


def _not_signed_in(text: str, proof: Proof, where: Mapping[str, Any]) -> Upstream:
    if proof is Proof.TOKEN:
        return errors.LoginRefused(
            "Proxmox VE does not accept the API token.",
            code="token_refused",
            hint="The token may be deleted, expired or disabled, or its secret wrong. Check it under "
            "Datacenter → Permissions → API Tokens, then give Paddock a valid one.",
            reason=text,
            **where,
        )
    if proof is Proof.TICKET:
        return errors.LoginRefused(
            f"Proxmox VE does not accept the ticket: {text}.",
            code="ticket_refused",
            hint="Compare the clocks of the nodes: “timedatectl” on each. A ticket is valid within five minutes of clock difference.",
            reason=text,
            **where,
        )
    if proof is Proof.LOGIN:
        return errors.LoginRefused(
            "Proxmox VE does not accept the user name and password.",
            code="password_refused",
            hint="Check the user, the realm (root@pam is not root@pve) and the password. "
            "The user may also be disabled or expired.",
            reason=text,
            **where,
        )
    return errors.LoginRefused(
        f"Proxmox VE asks for a sign-in: {text or 'no ticket'}.",
        code="sign_in_required",
        reason=text,
        **where,
    )


def two_factor_required(asked: Asked = NOBODY) -> errors.LoginRefused:
    """For a login whose answer says NeedTFA."""
    return errors.LoginRefused(
        "This account signs in with a second factor, which Paddock cannot give.",
        code="two_factor_required",
        hint="Make an API token for the account (Datacenter → Permissions → API Tokens) and use that.",
        call=asked.call,
        node=asked.node,
        cluster=asked.cluster,
    )


def _forbidden(text: str, where: Mapping[str, Any]) -> errors.Forbidden:
    if found := _PERMISSION.search(text):
        path, privilege = found.groups()
        return errors.Forbidden(
            f"The credential lacks {privilege.replace('|', ' or ')} on {path}.",
            privilege=privilege,
            path=path,
            hint=f"Give it a role with {privilege.replace('|', ' or ')} on {path}: Datacenter → Permissions. "
            "A token with privilege separation needs its own entry.",
            **where,
        )
    if _ROOT_ONLY.search(text):
        return errors.Forbidden(
            f"Only root@pam itself, signed in with its password, may do this: {text}",
            code="root_only",
            hint="API tokens can never do this, whatever their role.",
            **where,
        )
    return errors.Forbidden(
        f"The credential is not allowed to do this: {text}",
        hint="Look at the roles of the user and, with privilege separation, of the token: Datacenter → Permissions.",
        **where,
    )


def _proxied(answer: Answer, asked: Asked, where: Mapping[str, Any]) -> Upstream:
    said = answer.reason or f"status {answer.status}"
    if answer.status != 595 and asked.changes:
        return lost(f"the member could not finish asking the node ({said})", asked)
    return errors.NodeUnreachable(
        f"The cluster member that was asked could not reach the node: {said}.",
        reason=said,
        sent=answer.status != 595,
        hint="Look whether the node is up, and its service: systemctl status pveproxy pvedaemon",
        **where,
    )


def _gateway(answer: Answer, asked: Asked, where: Mapping[str, Any]) -> Upstream:
    if asked.changes and answer.status != 503:
        return lost(f"a proxy in front answered {answer.status} {answer.reason}", asked)
    return errors.Unreachable(
        f"A proxy in front of Proxmox VE answered {answer.status} {answer.reason}.",
        code="gateway_failed",
        hint="Look at the proxy, or give the address of the node itself, port 8006.",
        **where,
    )


def lost(why: str, asked: Asked) -> errors.OutcomeUnknown:
    """For a change that was sent and whose answer never came."""
    return errors.OutcomeUnknown(
        f"It is not known whether the change happened: {why}.",
        hint="Look at the state and the task list of the node before doing it again.",
        call=asked.call,
        node=asked.node,
        cluster=asked.cluster,
    )
