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


def test_a_fault_takes_every_parameter_that_its_reference_names(served: tuple[Any, str]) -> None:
    _, control = served

    def fault(*arguments: str) -> tuple[int, str]:
        done = runner.invoke(app, ["fault", *arguments, "--control", control])
        return done.exit_code, done.output

    assert fault("answer-lost", "path=^POST /nodes/pve1/lxc", "count=1")[0] == 0
    shown = json.loads(fault()[1])["faults"][0]["parameters"]
    assert shown == {"path": "^POST /nodes/pve1/lxc", "count": 1}
    assert fault("slow", "node=pve2")[0] == 0  # as good as --node
    assert fault("slow", "name=drip")[0] == 2
    for wrong in (
        ("clock-skew", "seconds=nan"),
        ("clock-skew", "seconds=1e18"),
        ("slow", "seconds=-1"),
        ("address-changed", "--node", "pve1", "address=8.8.8.8"),
        ("node-added", "called=no name"),
        ("node-added", "memory=0"),
    ):
        code, output = fault(*wrong)
        assert (code, output[:8]) == (2, "pvesim: "), wrong
        assert "failed at that" not in output
        assert "no simulator answers" not in output
    assert fault("clear")[1] == "ended: 2\n"


def test_what_fails_behind_the_control_port_is_told_and_leaves_it_in_order(served: tuple[Any, str]) -> None:
    _, control = served
    with socket.socket(socket.AF_UNIX) as hostile:
        hostile.connect(control)
        hostile.sendall(b"POST /advance HTTP/1.1\r\nContent-Length: 8\r\n\r\n[1,2,3]x")
        assert hostile.recv(100).startswith(b"HTTP/1.1 400")
    for header in (b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site"):
        with socket.socket(socket.AF_UNIX) as browser:
            browser.connect(control)
            browser.sendall(b"GET /estate HTTP/1.1\r\n" + header + b"\r\n\r\n")
            assert browser.recv(100).startswith(b"HTTP/1.1 403")
    assert runner.invoke(app, ["advance", "inf", "--control", control]).exit_code == 2
    assert runner.invoke(app, ["status", "--control", control]).exit_code == 0


def test_a_second_simulator_leaves_the_first_ones_socket_and_state_alone(
    served: tuple[Any, str], tmp_path: Path
) -> None:
    _, control = served
    command = [
        sys.executable,
        "-m",
        "pvesim",
        "serve",
        "--cluster",
        "two:1:1",
        "--same-address",
        "--port",
        "0",
    ]
    same_socket = subprocess.run([*command, "--control", control], capture_output=True, text=True, timeout=20)
    assert same_socket.returncode == 2
    assert "in use by another simulator" in same_socket.stderr
    command += ["--control", "", "--state-dir", str(tmp_path / "state")]
    same_state = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert same_state.returncode == 2
    assert "another simulator uses" in same_state.stderr
    assert runner.invoke(app, ["status", "--control", control]).exit_code == 0


def test_a_served_estate_shows_itself_and_lets_somebody_at_its_guests(served: tuple[Any, str]) -> None:
    _, control = served

    def run(*arguments: str) -> str:
        done = runner.invoke(app, [*arguments, "--control", control])
        assert done.exit_code == 0, done.output
        return done.output

    assert "lab  Proxmox VE 9.2.11, 5 of 5 guests running" in run("status")
    assert run("guest", "stop", "100") == "guest 100 (ct100) on pve1: stopped\n"
    assert run("guest", "move", "100", "node=pve2") == "guest 100 (ct100) on pve2: stopped\n"
    assert (
        run("guest", "lock", "100", "lock=backup") == "guest 100 (ct100) on pve2: stopped, locked (backup)\n"
    )
    assert run("guest", "unlock", "100") == "guest 100 (ct100) on pve2: stopped\n"
    assert run("guest", "rename", "100", "name=web") == "guest 100 (web) on pve2: stopped\n"
    assert run("guest", "create", "700", "node=pve1", "name=new") == "guest 700 (new) on pve1: running\n"
    assert run("guest", "destroy", "101") == "guest 101 is destroyed\n"
    assert [guest["vmid"] for guest in json.loads(run("guests", "--json"))] == [100, 102, 103, 104, 700]
    assert "  stopped  pve2       web\n" in run("guests")
    run("advance", "86400")
    assert json.loads(run("status", "--json"))["ahead"] == 86400
    wrong = runner.invoke(app, ["guest", "move", "100", "--control", control])
    assert (wrong.exit_code, "node is missing" in wrong.output) == (2, True)


def test_what_became_of_the_guests_is_there_again_at_the_next_start(tmp_path: Path) -> None:
    control = str(tmp_path / "control")
    command = [sys.executable, "-m", "pvesim", "serve", "--cluster", "lab:1:3@8.4.14", "--json"]
    command += ["--control", control, "--same-address", "--port", "0", "--state-dir", str(tmp_path / "state")]
    for start in (1, 2):
        if start == 2:  # what is kept is played on, without being named, and nothing is added to it
            del command[command.index("--cluster") : command.index("--cluster") + 2]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            (cluster,) = json.loads(process.stdout.readline())["clusters"]
            assert cluster["version"] == "8.4.14"
            if start == 1:
                runner.invoke(app, ["guest", "destroy", "101", "--control", control])
            found = json.loads(runner.invoke(app, ["guests", "--json", "--control", control]).output)
            assert [guest["vmid"] for guest in found] == [100, 102]
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


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
        (["serve", "--cluster", "prod:1:1", "--cluster", "prod:1:1"], "two clusters are called 'prod'"),
        (["serve", "--cluster", "../x:1:1"], "cluster name '../x' must be of letters"),
        (
            ["serve", "--state-dir", "/dev/null/x", "--network", "127.99", "--port", "0"],
            "cannot keep an estate in",
        ),
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
