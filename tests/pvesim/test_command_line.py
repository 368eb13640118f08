from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pvesim.cli import app
from pvesim.faults import FAULTS
from pvesim.scene import read_scene

runner = CliRunner()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """`pvesim serve` in a process of its own: what it printed, and its control socket."""
    path = str(tmp_path / "control")
    command = [sys.executable, "-m", "pvesim", "serve", "--cluster", "lab:2:5", "--json", "--control", path]
    command += ["--same-address", "--port", "0", "--state-dir", str(tmp_path / "state")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    yield json.loads(line), path
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    process.stdout.close()
    if process.stderr:
        assert process.stderr.read() == ""
        process.stderr.close()


def test_a_served_estate_takes_faults_over_its_control_socket(served: tuple[Any, str]) -> None:
    estate, control = served
    node = estate["clusters"][0]["nodes"][1]
    port = int(node["url"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    done = runner.invoke(app, ["fault", "node-down", "--node", "pve2", "--control", control])
    assert done.exit_code == 0, done.output
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert "node-down" in runner.invoke(app, ["fault", "--control", control]).output
    assert runner.invoke(app, ["fault", "clear", "node-down", "--control", control]).output == "ended: 1\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    wrong = runner.invoke(app, ["fault", "node-down", "--node", "pve9", "--control", control])
    assert wrong.exit_code == 2
    assert "has no node 'pve9'" in wrong.output


def test_faults_are_listed_with_what_they_take() -> None:
    output = runner.invoke(app, ["fault", "--list"]).output
    assert all(name in output for name in FAULTS)
    assert "[how=refused]" in output


def test_the_demo_scene_can_be_printed_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "demo.toml"
    file.write_text(runner.invoke(app, ["scene", "demo"]).output, encoding="utf-8")
    assert [cluster.name for cluster in read_scene(file)] == ["prod", "edge", "bench1"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["serve", "--cluster", "prod"], "must be NAME:NODES:CONTAINERS"),
        (["serve", "--cluster", "prod:0:1"], "must have 1 to 240 nodes"),
        (["serve", "nowhere.toml"], "cannot read nowhere.toml"),
        (["serve", "--network", "10.0"], "not a loopback network"),
        (["serve", "--network", "127.x"], "not a loopback network"),
        (["fault", "node-down", "--control", "127.0.0.1:1"], "no simulator answers"),
        (["fault", "slow", "fast", "--control", "127.0.0.1:1"], "write name=value"),
    ],
)
def test_wrong_arguments_end_in_a_sentence(arguments: list[str], problem: str) -> None:
    done = runner.invoke(app, arguments)
    assert done.exit_code == 2
    assert problem in done.output


def test_the_reference_names_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "pvesim-faults.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in page] == []
