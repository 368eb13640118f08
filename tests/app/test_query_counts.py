"""How often the database is asked does not grow with what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from paddock.watch.loop import Watcher
from pvesim import ClusterScene
from tests.app.conftest import Estates
from tests.harness import Paddock

REST = {
    "/sites": 4,
    "/clusters": 2,
    "/nodes": 1,
    "/containers": 2,
    "/jobs": 2,
    "/users": 2,
    "/tokens": 2,
    "/sessions": 2,
    "/audit": 2,
    "/overview": 16,
}
"""Statements per list, sign-in aside."""
PAGES = {
    "/": 24,
    "/sites": 12,
    "/nodes": 12,
    "/nodes/import": 12,
    "/containers": 12,
    "/nodes/{node}": 20,
    "/nodes/{node}/diagnosis": 14,
    "/nodes/{node}/diagnosis/panel": 8,
    "/diagnose": 12,
    "/clusters/{cluster}": 14,
    "/clusters/{cluster}/trust": 14,
    "/storages?node={node}": 12,
    "/sign-ins": 12,
    "/clusters/{cluster}/sign-in": 14,
    "/clusters/{cluster}/deeds": 14,
    "/jobs": 12,
    "/access": 12,
    "/access/tokens": 12,
    "/access/sessions": 12,
    "/access/audit": 12,
    "/account": 12,
}
"""The same per page, frame included."""


@contextmanager
def counted(paddock: Paddock) -> Iterator[list[str]]:
    """The statements meanwhile, BEGIN and ROLLBACK aside."""
    database = paddock.services.db
    engines = {id(one): one for one in (database._writer.sync_engine, database._reader.sync_engine)}.values()
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def statements(paddock: Paddock, path: str, *, page: bool) -> list[str]:
    """Of the thriftiest of three calls: one may have to find out who asks, which is then remembered for a while."""
    biggest = (await paddock.api.get("/nodes?sort=-containers&size=1"))["items"][0]
    path = path.format(node=biggest["id"], cluster=biggest["cluster_id"])
    calls: list[list[str]] = []
    for _ in range(3):
        with counted(paddock) as seen:
            if page:
                status = (await paddock.browser.get(path))[0]
            else:
                status = (await paddock.api.get(path if path == "/overview" else f"{path}?size=2000")).status
        assert status == 200, path
        calls.append(seen)
    return min(calls, key=len)


async def fill(paddock: Paddock, estates: Estates, name: str, *, nodes: int, containers: int) -> None:
    """Imports a cluster into a site of its own and stops watching it: the watch asks the database too."""
    async with estates(ClusterScene.simple(name, nodes=nodes, containers=containers, prefix=name)) as running:
        assert (await paddock.imported(await paddock.site(name), running[name]))["state"] == "done"
        watcher = paddock.services.parts[Watcher]
        (cluster,) = [
            one["id"] for one in (await paddock.api.get("/clusters"))["items"] if one["name"] == name
        ]
        async with asyncio.timeout(10):
            while watcher.watch_of(cluster) is None:
                await asyncio.sleep(0.01)
        await watcher.forget_all()


IN_MEMORY = {"/nodes", "/diagnose"}
"""Answered without the database, as long as nothing was told."""


async def test_no_list_and_no_page_asks_more_often_when_there_is_more(
    paddock: Paddock, estates: Estates
) -> None:
    ways = [*((path, False) for path in REST), *((path, True) for path in PAGES)]
    few: dict[tuple[str, bool], int] = {}
    await fill(paddock, estates, "few", nodes=2, containers=4)
    for path, page in ways:
        few[path, page] = len(await statements(paddock, path, page=page))
    await fill(paddock, estates, "more", nodes=6, containers=60)
    grown: dict[tuple[str, bool], list[str]] = {}
    many: dict[tuple[str, bool], list[str]] = {}
    for path, page in ways:
        found = await statements(paddock, path, page=page)
        assert found or path in IN_MEMORY, f"{path} asked nothing: is the count right?"
        if len(found) > few[path, page]:
            grown[path, page] = found
        if len(found) > (PAGES if page else REST)[path]:
            many[path, page] = found
    assert not grown
    assert not many
