"""Lives of one Paddock, each a process that may kill itself at a chosen point.

`python -m tests.app.jobs.kill_child FILE` loads everything once, then forks a life for each line of JSON that it
reads, and answers with a line of JSON when that life has ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import select, true

from paddock.app import create_app
from paddock.base.context import Actor, Context
from paddock.base.db import sqlite_url
from paddock.clusters.model import Cluster, Deed, Member
from paddock.containers.model import Container
from paddock.jobs import engine, record
from paddock.jobs.model import ENDED, Job, JobLine, JobStep
from paddock.migrations.upgrade import upgrade
from paddock.nodes import record as nodes
from paddock.nodes.model import Node
from paddock.proxmox import ceremony, proving
from paddock.settings import Settings
from paddock.sites import actions as sites
from paddock.sites.network import Wish
from paddock.watch import actions, making, recording
from paddock.watch import jobs as import_job
from paddock.watch.wish import ImportWish

READ, CONTACT = "Read and record", "Contact every node"


def die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def before(owner: Any, name: str, *, when: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Dies instead of calling `owner.name`."""
    whole = getattr(owner, name)

    def fatal(*args: Any, **kwargs: Any) -> Any:
        if when(*args, **kwargs):
            die()
        return whole(*args, **kwargs)

    setattr(owner, name, fatal)


def after(owner: Any, name: str, *, when: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Dies once `await owner.name(...)` has returned."""
    whole = getattr(owner, name)

    async def fatal(*args: Any, **kwargs: Any) -> Any:
        found = await whole(*args, **kwargs)
        if when(*args, **kwargs):
            die()
        return found

    setattr(owner, name, fatal)


def step(wanted: str) -> Callable[..., bool]:
    return lambda _ctx, _job_id, name, *_: name == wanted


def second() -> Callable[..., bool]:
    calls = []

    def when(*_: object, **__: object) -> bool:
        calls.append(1)
        return len(calls) == 2

    return when


POINTS: dict[str, Callable[[], None]] = {
    "queued, not yet started": lambda: before(engine.Engine, "dispatch"),
    "before the job is marked as running": lambda: before(record, "started"),
    "before the first step": lambda: before(record, "step_started", when=step(READ)),
    "in the first step, before its commit": lambda: after(recording, "record_reading"),
    "in the first step, after its commit": lambda: before(record, "step_ended", when=step(READ)),
    "after the first step is mirrored, before it is durable": lambda: after(
        record, "step_ended", when=step(READ)
    ),
    "between the steps": lambda: before(record, "step_started", when=step(CONTACT)),
    "in the middle of the contacts": lambda: before(recording, "observe_contact", when=second()),
    "before what the contacts found is written": lambda: before(nodes, "record_facts", when=second()),
    "after the lines of the contacts": lambda: after(record, "lines"),
    "before the second step ends": lambda: before(record, "step_ended", when=step(CONTACT)),
    "before the end is written": lambda: before(record, "ended"),
    "after the end is written": lambda: after(record, "ended"),
}


MAKE = "Make a token, read and record"
CEREMONY: dict[str, Callable[[], None]] = {
    "after the look at what is there": lambda: before(record, "step_started", when=step(MAKE)),
    "when the role is made": lambda: after(ceremony, "_make_role"),
    "when the token is made and its secret is kept nowhere": lambda: after(ceremony, "make"),
    "when the token is proven and its secret is kept nowhere": lambda: after(proving, "prove"),
    "before the secret's commit": lambda: after(making, "record"),
    "after the secret's commit": lambda: before(making, "tell"),
    "when the step is mirrored and not durable": lambda: after(record, "step_ended", when=step(MAKE)),
}
"""Where an import that makes a token of its own may die."""


def terminated(*_: object) -> None:
    """An administrator stops the service in the middle of the second step, as systemd does it."""
    whole = import_job._visit

    async def visited(*args: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.2)  # the connections are closed meanwhile
        return await whole(*args)

    import_job._visit = visited  # type: ignore[assignment]


STOPS: dict[str, Callable[[], None]] = {"Contact every node": terminated}


async def live(order: dict[str, Any]) -> None:
    """One life: imports where the order has a wish, else only goes on. Writes the end state and is gone.

    SIGTERM ends it in an orderly way before that.
    """
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    settings = Settings(data_dir=Path(order["data_dir"]), watch_interval=1.0, contact_interval=2.0)
    if not list(settings.data_dir.iterdir()):
        shutil.copy(order["empty"], settings.data_dir / "paddock.sqlite")
    app = create_app(settings)
    ctx = Context(app.state.services, Actor("u1", "m.huber", "administrator"))
    async with app.router.lifespan_context(app):
        if wish := order.get("wish"):
            site = await sites.create_site(ctx, Wish(name="Vienna"))
            seen = await actions.preview(ctx, ImportWish(site_id=site.id, **wish))
            names = [one.name for one in seen.review.members]
            await actions.import_cluster(ctx, seen.id, names, token=order.get("token", ""))
        async with asyncio.timeout(15):
            while not stopped.is_set() and not await settled(ctx):
                await asyncio.sleep(0.02)
        if stopped.is_set():
            return
        answer(order, await end_state(ctx))


async def settled(ctx: Context) -> bool:
    async with ctx.read() as db:
        if await db.scalar(select(Job.id).where(Job.state.not_in(ENDED)).limit(1)):
            return False
        return not await db.scalar(select(Node.id).where(Node.status == "unknown").limit(1))


async def end_state(ctx: Context) -> dict[str, Any]:
    """Everything that must be equal whatever happened; without ids and times."""
    async with ctx.read() as db:
        (job,) = (await db.scalars(select(Job))).all()

    async def rows(*columns: Any, where: Any = true()) -> list[list[Any]]:
        async with ctx.read() as db:
            return sorted([list(row) for row in await db.execute(select(*columns).where(where))], key=repr)

    result = dict(job.result or {})
    result.pop("cluster_id", None)
    for node in result.get("nodes", []):
        node.pop("node_id")
    living = Container.ended_at.is_(None)
    return {
        "state": job.state,
        "error": job.error,
        "sealed": job.sealed,
        "progress": [job.done, job.total],
        "result": result,
        "steps": await rows(JobStep.position, JobStep.name, JobStep.state),
        "lines": await rows(JobLine.subject, JobLine.level, JobLine.text),
        "clusters": await rows(Cluster.name, Cluster.quorate, Cluster.credential_kind),
        "deeds": await rows(Deed.kind, Deed.verb),
        "members": await rows(Member.name, Member.address),
        "nodes": await rows(Node.name, Node.address, Node.status, Node.pve_version, Node.containers_total),
        "containers": await rows(Container.vmid, Container.name, Container.node_name, where=living),
        "ended": await rows(Container.vmid, where=~living),
    }


def answer(order: dict[str, Any], found: dict[str, Any]) -> NoReturn:
    Path(order["answer"]).write_text(json.dumps(found))
    os._exit(0)  # an orderly farewell costs a second and proves nothing here


def forked(order: dict[str, Any]) -> dict[str, Any]:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # what a life prints is no answer
        try:
            if point := order.get("die"):
                (POINTS | CEREMONY | STOPS)[point]()
            asyncio.run(live(order))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the end of this process
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "code": os.waitstatus_to_exitcode(status),
    }


def main(empty: Path) -> None:
    """`empty` is where the migrated, still empty database goes that every first life gets a copy of."""
    upgrade(sqlite_url(empty))
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(forked({**order, "empty": str(empty)})), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
