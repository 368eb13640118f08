"""`paddock nodes diagnose`, `paddock diagnose`, `paddock nodes bundle` against the real Paddock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from paddock.cli import app
from pvesim import ClusterScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock

Command = Callable[..., Awaitable[Result]]


@pytest.fixture
async def prod(paddock: Paddock, estates: Estates) -> Any:
    async with estates(ClusterScene.simple("prod", nodes=3, containers=3)) as running:
        await paddock.imported(await paddock.site(), running["prod"])
        yield running


@pytest.fixture
def command(paddock: Paddock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PADDOCK_URL", paddock.base)
    monkeypatch.setenv("PADDOCK_TOKEN", paddock.token)
    monkeypatch.delenv("PADDOCK_PVE_PASSWORD", raising=False)
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str, stdin: str = "") -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, app, list(arguments), input=stdin, prog_name="paddock"
        )

    return run


async def test_a_healthy_node_ends_with_zero(command: Command, prod: Running) -> None:
    done = await command("nodes", "diagnose", "pve2")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("passed") == 13
    assert done.stdout.strip().endswith("Everything works")
    done = await command("nodes", "diagnose", "prod/pve2", "--quiet", "--last")
    assert (done.exit_code, done.stdout) == (0, "ok\n")


async def test_a_failed_step_ends_with_one_and_tells_the_next_commands(
    command: Command, prod: Running
) -> None:
    prod.fault("daemon-down", cluster="prod", node="pve2")
    done = await command("nodes", "diagnose", "pve2")
    address = prod["prod"].nodes["pve2"].address
    assert done.exit_code == 1
    assert "Stopped at step 3 of 13: TCP" in done.stdout
    assert f"\nssh root@{address} systemctl status pveproxy\n" in done.stdout
    assert "Next: The API service does not run" in done.stdout
    done = await command("nodes", "diagnose", "pve2", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["code"] == "connection_refused"


async def test_an_address_is_diagnosed_with_a_secret_from_stdin(command: Command, estates: Estates) -> None:
    async with estates(ClusterScene.simple("lab", nodes=1)) as running:
        node, lab = running["lab"].first, running["lab"]
        done = await command("diagnose", node.url)
        assert done.exit_code == 0, done.output
        assert "To look at" in done.stdout or "to look at" in done.stdout
        assert node.fingerprint in done.stdout
        signing = ("--user", "root@pam", "--password-stdin", "--fingerprint", node.fingerprint)
        done = await command("diagnose", node.url, *signing, stdin=lab.root_password + "\n")
        assert done.exit_code == 0, done.output
        assert "Signed in as root@pam" in done.stdout
        assert lab.root_password not in done.output
        done = await command("diagnose", node.url, *signing, stdin="wrong one\n")
        assert done.exit_code == 1
        assert "Stopped at step 6 of 13: sign-in" in done.stdout
        token = lab.tokens["full"]
        signing = ("--token-id", token.id, "--token-secret-stdin", "--fingerprint", node.fingerprint)
        done = await command("diagnose", node.url, *signing, stdin=token.secret + "\n")
        assert (done.exit_code, token.secret in done.output) == (0, False)


async def test_wrong_use_is_told(command: Command) -> None:
    for arguments in (
        ("--user", "a@pam", "--token-id", "a@pam!b"),
        ("--password-stdin",),
        ("--fingerprint", "AA", "--trust-anybody"),
        ("--user", "root@pam"),
    ):
        done = await command("diagnose", "192.0.2.1", *arguments)
        assert done.exit_code == 2, (arguments, done.output)


async def test_the_bundle_is_written_to_a_file(command: Command, prod: Running, tmp_path: Path) -> None:
    await command("nodes", "diagnose", "pve1")
    done = await command("nodes", "bundle", "pve1")
    assert (done.exit_code, done.stdout) == (0, "paddock-pve1.json\n")
    document = json.loads((tmp_path / "paddock-pve1.json").read_text())
    assert document["diagnosis"]["code"] == "ok"
    assert prod["prod"].root_password not in str(document)
    done = await command("nodes", "bundle", "pve1", "--output", "-")
    assert json.loads(done.stdout)["node"]["name"] == "pve1"
