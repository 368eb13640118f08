"""Other people's clients, each in a process and an environment of its own (scripts/peers)."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pvesim import ClusterScene, NodeScene, StorageScene
from tests.conftest import ROOT, needs

PYTHON = ROOT / ".venv-peers" / "bin" / "python"
COLLECTIONS = ROOT / ".venv-peers" / "collections"
NPM = Path(__file__).parent / "npm-client"
TEMPLATE = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"


def scene() -> ClusterScene:
    """Two nodes with a storage that can take snapshots, and nothing on them."""
    zfs = StorageScene(name="tank", type="zfspool", content=["rootdir", "images"], options={"pool": "tank"})
    simple = ClusterScene.simple("prod", nodes=2, containers=0)
    nodes = [NodeScene(name=node.name) for node in simple.nodes]
    return ClusterScene(name="prod", nodes=nodes, storages=[StorageScene(name="local"), zfs])


def require_python() -> None:
    needs((ROOT / ".venv-peers" / ".installed").exists(), "the Python clients of Proxmox VE (scripts/peers)")


def require_npm() -> None:
    needs(shutil.which("node") is not None, "Node.js")
    needs((NPM / "node_modules" / "proxmox-api").is_dir(), "proxmox-api of npm (scripts/peers)")


async def done(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """What the command writes. Fails with all it said if it does not succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    try:
        out, wrong = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, f"{out.decode()}\n{wrong.decode()}"
    return out.decode()
