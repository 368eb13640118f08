"""The audit: what was done, refused or failed, by whom and from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, func, or_, select

from paddock.access.model import AuditEntry
from paddock.base.context import Context, Write
from paddock.web.paging import Page, Paging

Outcome = Literal["ok", "refused", "failed"]

FILTERS = {
    "actor": "Name of the person or program.",
    "action": "Action, or its noun: `sites.create` or `sites`.",
    "outcome": "`ok`, `refused` or `failed`.",
    "target": "Id of the thing that was acted upon.",
}
SORTS = ("at",)


@dataclass(frozen=True, slots=True)
class Target:
    """What an action was about: a kind of thing, its id, and its name at that time."""

    kind: str
    id: str = ""
    label: str = ""


NOTHING = Target("")


def record(
    tx: Write,
    ctx: Context,
    action: str,
    target: Target = NOTHING,
    *,
    outcome: Outcome = "ok",
    detail: Mapping[str, Any] | None = None,
    code: str = "",
) -> None:
    """Writes one entry in the transaction of the action itself. `detail` is small, JSON-ready and holds no secrets."""
    actor = ctx.actor
    tx.session.add(
        AuditEntry(
            at=ctx.now(),
            actor_id=actor.user_id,
            actor=actor.name[:64],
            via=actor.via,
            remote=(actor.remote or "")[:64],
            action=action,
            target_kind=target.kind,
            target_id=target.id[:64],
            target=target.label[:200],
            outcome=outcome,
            code=code,
            detail=dict(detail or {}),
        )
    )


async def record_alone(
    ctx: Context,
    action: str,
    target: Target = NOTHING,
    *,
    outcome: Outcome,
    detail: Mapping[str, Any] | None = None,
    code: str = "",
) -> None:
    """Writes one entry in a transaction of its own: for what was refused or has failed."""
    async with ctx.write() as tx:
        record(tx, ctx, action, target, outcome=outcome, detail=detail, code=code)


async def list_entries(ctx: Context, paging: Paging) -> Page[AuditEntry]:
    """Entries, the newest first unless asked otherwise. Filters: see FILTERS."""
    found = _matching(paging)
    order = AuditEntry.id.asc() if paging.sort == "at" and not paging.descending else AuditEntry.id.desc()
    async with ctx.read() as db:
        total = await db.scalar(select(func.count()).select_from(found.subquery())) or 0
        rows = (await db.scalars(found.order_by(order).offset(paging.offset).limit(paging.size))).all()
    return Page.of(rows, total, paging)


def _matching(paging: Paging) -> Select[AuditEntry]:
    found = select(AuditEntry)
    if actor := paging.filter("actor"):
        found = found.where(func.lower(AuditEntry.actor) == actor.lower())
    if action := paging.filter("action"):
        found = found.where(
            or_(AuditEntry.action == action, AuditEntry.action.startswith(f"{action}.", autoescape=True))
        )
    if outcome := paging.filter("outcome"):
        found = found.where(AuditEntry.outcome == outcome)
    if target := paging.filter("target"):
        found = found.where(AuditEntry.target_id == target)
    if paging.q:
        found = found.where(
            or_(
                AuditEntry.target.icontains(paging.q, autoescape=True),
                AuditEntry.actor.icontains(paging.q, autoescape=True),
                AuditEntry.action.icontains(paging.q, autoescape=True),
                AuditEntry.remote.startswith(paging.q, autoescape=True),
            )
        )
    return found
