"""The import is durable: killed with -9 at any point, it goes on after a restart and ends as if undisturbed."""

from __future__ import annotations

import asyncio
import copy
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest

import pvesim
from pvesim import ClusterScene, Running
from pvesim.identity import Identity
from tests import addresses
from tests.app.jobs.kill_child import CEREMONY, POINTS
from tests.conftest import ROOT


class Lives:
    """Starts lives of one Paddock in processes of their own."""

    def __init__(self, process: asyncio.subprocess.Process, estate: Running, folder: Path) -> None:
        self._process = process
        self.estate = estate
        self._folder = folder

    async def one(
        self, data_dir: Path, *, die: str = "", first: bool = False, token: str = ""
    ) -> tuple[int, dict[str, Any] | None]:
        """The signal that ended it, and the end state where it reached one."""
        answer = self._folder / "answer.json"
        answer.unlink(missing_ok=True)
        order: dict[str, Any] = {
            "data_dir": str(data_dir),
            "answer": str(answer),
            "die": die,
            "token": token,
        }
        if first:
            prod = self.estate["prod"]
            order["wish"] = {
                "url": prod.first.url,
                "username": "root@pam",
                "password": prod.root_password,
                "fingerprint": prod.first.fingerprint,
            }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(30):
            said = json.loads(await self._process.stdout.readline())
        assert said["signal"] or not said["code"], "a life ended by a fault of its own; see its traceback"
        return said["signal"], json.loads(answer.read_text()) if answer.exists() else None


@pytest.fixture(scope="module")
async def lives(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lives]:
    folder = tmp_path_factory.mktemp("lives")
    async with served(ClusterScene.simple("prod", nodes=5, containers=12, vms=2, offline=["pve3"])) as estate:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.app.jobs.kill_child",
            str(folder / "empty.sqlite"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Lives(process, estate, folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


def served(scene: ClusterScene) -> AbstractAsyncContextManager[Running]:
    estate = pvesim.Estate([scene], seed=1, settings=pvesim.Settings.quick())
    return pvesim.serve(estate, network=addresses.network(), port=addresses.port())


@pytest.fixture(scope="module")
async def undisturbed(lives: Lives, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end state of an import that nobody killed."""
    killed, found = await lives.one(tmp_path_factory.mktemp("undisturbed"), first=True)
    assert not killed
    assert found is not None
    return found


def test_the_undisturbed_import_is_whole(undisturbed: dict[str, Any]) -> None:
    assert (undisturbed["state"], undisturbed["error"], undisturbed["sealed"]) == ("done", None, "")
    assert [step[2] for step in undisturbed["steps"]] == ["done", "done"]
    assert len(undisturbed["nodes"]) == 5
    assert len(undisturbed["containers"]) == 12
    assert len(undisturbed["clusters"]) == 1
    assert undisturbed["progress"] == [5, 5]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_any_point_the_import_ends_as_if_undisturbed(
    lives: Lives, undisturbed: dict[str, Any], tmp_path: Path, point: str
) -> None:
    killed, _ = await lives.one(tmp_path, die=point, first=True)
    assert killed == signal.SIGKILL
    killed, found = await lives.one(tmp_path)
    assert not killed
    assert found == undisturbed


async def test_a_stop_in_the_middle_is_no_failure_and_the_next_start_goes_on(
    lives: Lives, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    for first in (True, False):
        killed, found = await lives.one(tmp_path, die="Contact every node", first=first)
        assert (killed, found) == (0, None)
        with closing(sqlite3.connect(tmp_path / "paddock.sqlite")) as db:
            assert db.execute("SELECT state, error, sealed != '' FROM jobs").fetchall() == [
                ("running", None, 1)
            ]
            steps = db.execute("SELECT name, state FROM job_steps ORDER BY position").fetchall()
            assert steps == [("Read and record", "done"), ("Contact every node", "running")]
    killed, found = await lives.one(tmp_path)
    assert not killed
    assert found == undisturbed


async def test_killed_again_and_again_it_still_ends(
    lives: Lives, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    points = [
        "before the job is marked as running",
        "in the first step, after its commit",
        "in the middle of the contacts",
        "after the lines of the contacts",
        "before the end is written",
    ]
    for number, point in enumerate(points):
        killed, _ = await lives.one(tmp_path, die=point, first=number == 0)
        assert killed == signal.SIGKILL, point
    killed, found = await lives.one(tmp_path)
    assert not killed
    assert found == undisturbed


# -- an import that makes a token of its own -----------------------------------------------------------------------


@pytest.fixture
def identity(lives: Lives) -> Iterator[Identity]:
    """What the simulated cluster has written down of users, roles and tokens; as before when the test is over."""
    state = lives.estate["prod"].state
    whole = copy.deepcopy(state.identity)
    yield state.identity
    state.identity.__dict__.update(whole.__dict__)


@pytest.mark.parametrize("point", ["", *CEREMONY])
async def test_killed_at_any_point_it_leaves_one_token_that_works_and_no_password(
    lives: Lives, identity: Identity, tmp_path: Path, point: str
) -> None:
    killed, found = await lives.one(tmp_path, die=point, first=True, token="operator")
    if point:
        assert (killed, found) == (signal.SIGKILL, None)
        killed, found = await lives.one(tmp_path)
    assert not killed
    assert found is not None
    assert (found["state"], found["error"], found["sealed"]) == ("done", None, ""), found["lines"]
    tokens = identity.users["paddock@pve"].tokens
    assert len(tokens) == 1, "a token whose secret nobody has is a door that nobody closes"
    with closing(sqlite3.connect(tmp_path / "paddock.sqlite")) as db:
        (name,) = db.execute("SELECT credential_name FROM clusters").fetchone()
    assert name == f"paddock@pve!{next(iter(tokens))}"
    assert found["deeds"] == [
        ["acl", "created"],
        ["acl", "created"],
        ["role", "created"],
        ["token", "created"],
        ["user", "created"],
    ]
    assert {node[2] for node in found["nodes"]} == {"online", "offline"}, "the token signs in"
