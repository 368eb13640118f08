"""Observed truth of containers, written down. No actor, no audit: called by `watch` and jobs only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, insert, select, update

from paddock.base.context import Context, Write
from paddock.base.ids import new_id
from paddock.containers.events import ContainersChanged, DetailsChanged, figures_of
from paddock.containers.figures import KIND, ContainerFigures
from paddock.containers.model import Container
from paddock.proxmox.shapes import Resource


@dataclass(frozen=True, slots=True)
class Details:
    """What only the configuration of a container says."""

    addresses: tuple[str, ...]
    ostype: str
    unprivileged: bool | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A container whose configuration should be read."""

    id: str
    vmid: int
    node_name: str
    status: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording found: vmid → id of the living, and the vmids among them that were not seen this time."""

    living: dict[int, str]
    missing: frozenset[int]


DETAILS_AGE = timedelta(minutes=30)

FACTS = ("node_id", "node_name", "name", "status", "lock", "tags", "pool", "cores", "memory", "disk")


async def record(
    ctx: Context,
    tx: Write,
    *,
    cluster_id: str,
    site_id: str,
    seen: Sequence[Resource],
    node_ids: Mapping[str, str],
    offline: frozenset[str],
    may_end: frozenset[int],
    at: datetime,
) -> Recorded:
    """Makes the living rows equal to the containers of `/cluster/resources`.

    A container that is not seen ends only where `may_end` says so: a right that was taken away or a row
    that could not be read make it invisible too, and its id is what claims, addresses and names hang on.

    Templates are not containers. A new container on a member that is not registered is left out; one
    that moves there keeps its row. On an offline node the state is unknown, whatever the picture still says
    (Proxmox repeats the last state for five minutes). Fields that the picture leaves out keep their value.
    """
    query = select(Container.id, Container.vmid, *(getattr(Container, name) for name in FACTS))
    rows = (
        await tx.session.execute(
            query.where(Container.cluster_id == cluster_id, Container.ended_at.is_(None))
        )
    ).mappings()
    before: dict[int, dict[str, Any]] = {row["vmid"]: dict(row) for row in rows}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    living: dict[int, str] = {}
    turned: set[int] = set()  # into templates
    for one in seen:
        if one.vmid is None or one.node is None:
            continue
        old = before.get(one.vmid)
        if one.template:
            turned.add(one.vmid)
            continue
        if one.vmid in living:
            continue  # a guest in the middle of a move may be listed twice
        node_id = node_ids.get(one.node)
        if old is None and node_id is None:
            continue
        facts = _facts(one, old, node_id, offline)
        if old is None:
            row = facts | {"id": new_id(), "vmid": one.vmid}
            new.append(row)
            living[one.vmid] = row["id"]
            continue
        living[one.vmid] = old["id"]
        if any(old[name] != facts[name] for name in FACTS):
            moment = at if facts["status"] != old["status"] else None
            changed.append({"row_id": old["id"], "since": moment} | facts)
    unseen = before.keys() - living.keys()
    ending = {vmid for vmid in unseen if vmid in may_end or vmid in turned}
    gone = [before[vmid]["id"] for vmid in ending]
    missing = frozenset(unseen - ending)
    living |= {vmid: before[vmid]["id"] for vmid in missing}
    await _write(tx, cluster_id, site_id, new, changed, gone, at)
    if new or changed or gone:
        ctx.figures.forget(KIND, gone)
        tx.publish(ContainersChanged(cluster_id))
    return Recorded(living, missing)


def _facts(
    one: Resource, old: Mapping[str, Any] | None, node_id: str | None, offline: frozenset[str]
) -> dict[str, Any]:
    kept = old or {"name": "", "cores": 0.0, "memory": 0, "disk": 0}
    unknown = one.node in offline or not one.status
    return {
        "node_id": node_id,
        "node_name": (one.node or "")[:63],
        "name": kept["name"] if one.name is None else one.name[:255],
        "status": "unknown" if unknown else str(one.status)[:16],
        "lock": (one.lock or "")[:32],
        "tags": one.tags or "",
        "pool": (one.pool or "")[:64],
        "cores": kept["cores"] if one.maxcpu is None else float(one.maxcpu),
        "memory": kept["memory"] if one.maxmem is None else one.maxmem,
        "disk": kept["disk"] if one.maxdisk is None else one.maxdisk,
    }


async def _write(
    tx: Write,
    cluster_id: str,
    site_id: str,
    new: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    gone: list[str],
    at: datetime,
) -> None:
    if new:
        fixed = {
            "cluster_id": cluster_id,
            "site_id": site_id,
            "status_since": at,
            "first_seen_at": at,
            "addresses": [],
            "ostype": "",
            "details_error": "",
        }
        await tx.session.execute(insert(Container), [row | fixed for row in new])
    if changed:
        table = cast(Table, Container.__table__)
        moved = [row for row in changed if row["since"] is not None]
        kept = [row for row in changed if row["since"] is None]
        facts: dict[str, Any] = {name: bindparam(name) for name in FACTS}
        statement = update(table).where(table.c.id == bindparam("row_id"))
        connection = await tx.session.connection()
        if moved:
            values = facts | {"status_since": bindparam("since")}
            await connection.execute(statement.values(**values), moved)
            # with a start, a new network configuration takes effect and addresses are leased anew
            if started := [row["row_id"] for row in moved if row["status"] == "running"]:
                await _forget_details(tx, started)
        if kept:
            await connection.execute(
                statement.values(**facts), [{k: v for k, v in row.items() if k != "since"} for row in kept]
            )
    for start in range(0, len(gone), 500):
        await tx.session.execute(
            update(Container).where(Container.id.in_(gone[start : start + 500])).values(ended_at=at)
        )


async def _forget_details(tx: Write, ids: list[str]) -> None:
    """Their details are read again before those that are merely old."""
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        await tx.session.execute(update(Container).where(Container.id.in_(chunk)).values(details_at=None))


def observe(
    ctx: Context, cluster_id: str, seen: Iterable[Resource], living: Mapping[int, str], at: datetime
) -> None:
    """Keeps the live figures of containers that have some; silent ones keep their old."""
    found: dict[str, ContainerFigures] = {}
    for one in seen:
        if one.vmid is None or one.mem is None or (id := living.get(one.vmid)) is None:
            continue
        found[id] = ContainerFigures(
            at,
            max(0.0, one.cpu or 0.0) * (one.maxcpu or 0),
            one.mem,
            one.disk or 0,
            one.uptime or 0,
            one.netin or 0,
            one.netout or 0,
            one.diskread or 0,
            one.diskwrite or 0,
        )
    ctx.figures.put_all(KIND, found)
    ctx.services.bus.mark(figures_of(cluster_id))


async def wanting_details(ctx: Context, cluster_id: str, *, new: bool, limit: int) -> list[Wanted]:
    """Containers on registered nodes whose details are missing (`new`), or old, oldest first."""
    if limit < 1:
        return []
    due = Container.details_at.is_(None) if new else Container.details_at < ctx.now() - DETAILS_AGE
    query = (
        select(Container.id, Container.vmid, Container.node_name, Container.status)
        .where(
            Container.cluster_id == cluster_id,
            Container.ended_at.is_(None),
            Container.node_id.is_not(None),
            Container.status != "unknown",
            due,
        )
        .order_by(Container.details_at, Container.vmid)
        .limit(limit)
    )
    async with ctx.read() as db:
        return [Wanted(*row) for row in (await db.execute(query))]


async def record_details(ctx: Context, found: Mapping[str, Details], cluster_id: str, at: datetime) -> None:
    """Writes what the configurations say, by container id. That they say the same as before wakes nobody."""
    columns = (Container.id, Container.addresses, Container.ostype, Container.unprivileged)
    async with ctx.write() as tx:
        rows = await tx.session.execute(
            select(*columns, Container.details_error).where(Container.id.in_(list(found)))
        )
        changed = False
        for id, addresses, ostype, unprivileged, error in rows.all():
            details = found[id]
            before = (addresses, ostype, unprivileged)
            # what was known is kept where nothing could be read
            facts = before if details.error else _said(details)
            changed |= (*before, error) != (*facts, details.error)
            values = dict(zip(("addresses", "ostype", "unprivileged"), facts, strict=True))
            await tx.session.execute(
                update(Container)
                .where(Container.id == id)
                .values(details_at=at, details_error=details.error, **values)
            )
        if changed:
            tx.publish(DetailsChanged(cluster_id))


def _said(details: Details) -> tuple[list[str], str, bool | None]:
    return list(details.addresses), details.ostype[:32], details.unprivileged


async def move_to_site(tx: Write, cluster_id: str, site_id: str) -> None:
    await tx.session.execute(
        update(Container).where(Container.cluster_id == cluster_id).values(site_id=site_id)
    )
    tx.publish(ContainersChanged(cluster_id))


async def end_on_node(ctx: Context, tx: Write, cluster_id: str, node_id: str) -> None:
    """Those of a node that is managed no longer are known no longer."""
    on_it = (Container.node_id == node_id, Container.ended_at.is_(None))
    gone = await tx.session.execute(
        update(Container).where(*on_it).values(ended_at=ctx.now()).returning(Container.id)
    )
    ctx.figures.forget(KIND, list(gone.scalars()))
    tx.publish(ContainersChanged(cluster_id))


async def forget_cluster(ctx: Context, tx: Write, cluster_id: str) -> None:
    """Deletes all rows of a cluster that goes."""
    gone = await tx.session.execute(
        delete(Container).where(Container.cluster_id == cluster_id).returning(Container.id)
    )
    ctx.figures.forget(KIND, list(gone.scalars()))
    tx.publish(ContainersChanged(cluster_id))
