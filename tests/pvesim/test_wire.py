"""Raw bytes: what only shows below the level of an HTTP client."""

from __future__ import annotations

import asyncio
import json
import ssl

import pytest

from pvesim import ClusterScene, gate
from pvesim.running import NodeOf
from tests.pvesim import recorded_scene
from tests.pvesim.client import serving
from tests.pvesim.recorded import require, section

SCENE = ClusterScene.simple("prod", nodes=1, containers=3)


async def connect(node: NodeOf) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(node.address, node.port, ssl=context)


async def exchange(node: NodeOf, sent: bytes) -> bytes:
    reader, writer = await connect(node)
    writer.write(sent)
    raw = await asyncio.wait_for(reader.read(-1), 5)
    writer.close()
    return raw


def heads(raw: bytes) -> list[str]:
    """Status line and header names, with the values that are always the same."""
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    fixed = ("Cache-Control", "Connection", "Pragma", "Server", "Content-Type")
    return [line if line.startswith(fixed) else line.partition(":")[0] for line in lines]


@pytest.mark.shared
async def test_raw_answers_are_the_recorded_ones_byte_for_byte_but_for_times() -> None:
    require()
    async with serving(recorded_scene.cluster(), auth_delay=0, idle_timeout=0.1) as running:
        node = running["testcluster"].nodes["pve1"]
        played = 0
        for each in section("wire"):
            if each.request_body is None:
                continue
            sent = each.request_body
            if len(sent) < (each.request_body_length or 0):  # the recording keeps the first 600 bytes
                more = "a" * 9000 if "X-Big" in sent else "".join(f"\r\nY-{n}: a" for n in range(60))
                sent += more + "\r\n\r\n"
            raw = await exchange(node, sent.encode())
            assert heads(raw) == heads(each.raw_response.encode()), each.note
            played += 1
        assert played == 13


async def test_a_body_that_is_too_large_is_refused_on_its_announcement() -> None:
    async with serving(recorded_scene.cluster()) as running:
        head = (
            "POST /api2/json/access/users HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: PVEAPIToken=root@pam!full={recorded_scene.FULL}\r\nContent-Length: 600000\r\n\r\n"
        )
        raw = await exchange(running["testcluster"].first, head.encode())
        assert raw.startswith(b"HTTP/1.1 501 for data too large\r\n")


async def test_a_hundred_answers_per_connection_and_then_it_closes() -> None:
    async with serving(SCENE) as running:
        token = running["prod"].tokens["full"].header
        request = f"GET /api2/json/version HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()
        raw = await exchange(running["prod"].first, request * 120)
        assert raw.count(b"HTTP/1.1 200 OK") == 100
        assert raw.count(b"Connection: Keep-Alive") == 99


async def test_an_idle_connection_is_closed() -> None:
    async with serving(SCENE, idle_timeout=0.1) as running:
        assert await exchange(running["prod"].first, b"") == b""


async def test_a_fault_of_the_simulator_is_answered_and_logged_and_the_next_request_served(
    monkeypatch: pytest.MonkeyPatch, own_faults: list[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with serving(SCENE) as running:
        token = running["prod"].tokens["full"].header
        request = f"GET /api2/json/version HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()
        with monkeypatch.context() as patch:
            patch.setattr(gate, "run", broken)
            raw = await exchange(running["prod"].first, request)
        assert raw.startswith(b"HTTP/1.1 500 a fault of the simulator itself; see its log\r\n")
        assert "ZeroDivisionError" in own_faults.pop()
        assert (
            await exchange(running["prod"].first, request[:-2] + b"Connection: close\r\n\r\n")
        ).startswith(b"HTTP/1.1 200")


async def test_plain_http_is_sent_to_https() -> None:
    async with serving(SCENE) as running:
        node = running["prod"].first
        reader, writer = await asyncio.open_connection(node.address, node.port)
        writer.write(b"GET /api2/json/version HTTP/1.1\r\nHost: pve:8006\r\n\r\n")
        raw = await reader.read(-1)
        writer.close()
        assert raw.startswith(b"HTTP/1.1 301 Moved Permanently\r\n")
        assert b"\r\nLocation: https://pve:8006/api2/json/version\r\n" in raw


async def test_malformed_json_is_refused_in_plain_text() -> None:
    async with serving(SCENE) as running:
        body = '{"vmid":1'
        head = (
            "PUT /api2/json/nodes/pve1/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: {running['prod'].tokens['full'].header}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        raw = await exchange(running["prod"].first, (head + body).encode())
        assert raw.startswith(b"HTTP/1.1 500 ")
        assert b"Content-Type" not in raw


async def test_a_body_may_arrive_in_pieces() -> None:
    async with serving(SCENE) as running:
        reader, writer = await connect(running["prod"].first)
        body = f"username=root@pam&password={running['prod'].root_password}"
        head = f"POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        for piece in (head[:20], head[20:], body[:5], body[5:]):
            writer.write(piece.encode())
            await writer.drain()
            await asyncio.sleep(0.01)
        raw = await reader.read(-1)
        writer.close()
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["data"]["username"] == "root@pam"


async def test_json_too_deep_or_a_disk_too_large_gets_an_answer() -> None:
    async with serving(SCENE) as running:
        token = running["prod"].tokens["full"].header
        deep = "[" * 400_000
        head = (
            "POST /api2/json/access/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: {token}\r\nContent-Length: {len(deep)}\r\n\r\n"
        )
        raw = await exchange(running["prod"].first, (head + deep).encode())
        assert raw.startswith(b"HTTP/1.1 500 json text or perl structure exceeds maximum nesting level")
        body = (
            "vmid=999&ostemplate=local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst&rootfs=local:"
            + "9" * 400
        )
        head = (
            f"POST /api2/json/nodes/{running['prod'].first.name}/lxc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        assert (await exchange(running["prod"].first, (head + body).encode())).startswith(b"HTTP/1.1 ")
