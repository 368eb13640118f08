"""Tasks, for the simulator's own tests: start them, let time pass until they are over."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from pvesim.running import Running
from tests.pvesim.client import Client


async def done(client: Client, method: str, path: str, given: dict[str, Any] | None = None) -> Any:
    """The data of a call that succeeds."""
    answer = await client.call(method, path, given)
    assert answer.status == 200, f"{method} {path}: {answer.status} {answer.reason} {answer.body!r}"
    return json.loads(answer.body)["data"]


async def refused(client: Client, method: str, path: str, given: dict[str, Any] | None = None) -> str:
    """What a call that fails says: "500 text", or "400 {errors}"."""
    answer = await client.call(method, path, given)
    assert answer.status != 200, f"{method} {path} succeeded: {answer.body!r}"
    errors = json.loads(answer.body).get("errors") if answer.body else None
    return f"{answer.status} {errors or answer.reason}"


async def ended(running: Running, client: Client, upid: str) -> tuple[str, list[str]]:
    """The exit status and log of a task that is let come to its end."""
    assert upid.startswith("UPID:"), upid
    node, at = upid.split(":")[1], quote(upid, safe="")
    for _ in range(400):
        state = await client.get(f"/nodes/{node}/tasks/{at}/status")
        if state["status"] == "stopped":
            break
        running.advance(1)
    log = await client.get(f"/nodes/{node}/tasks/{at}/log?limit=0")
    return state["exitstatus"], [row["t"] for row in log]


async def worked(
    running: Running, client: Client, method: str, path: str, given: dict[str, Any] | None = None
) -> list[str]:
    """The log of a task that ends well."""
    status, log = await ended(running, client, await done(client, method, path, given))
    assert status == "OK", (status, log)
    return log


async def failed(
    running: Running, client: Client, method: str, path: str, given: dict[str, Any] | None = None
) -> str:
    """The exit status of a task that does not end well."""
    status, _ = await ended(running, client, await done(client, method, path, given))
    assert status != "OK"
    return status
