"""Faults that meddle with answers: each as a client sees it, selected by path, by chance and by number."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from typing import Any

import pytest

from pvesim import BadTarget, ClusterScene, Running
from pvesim.faults.odd_answers import MARKUP
from tests.pvesim.client import Client, serving

SCENE = ClusterScene.simple("prod", nodes=2, containers=4)
CREATE = {
    "vmid": 500,
    "ostemplate": "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst",
    "storage": "local",
}


async def raw(client: Client, path: str, *, wait: float = 5.0) -> tuple[bytes, str]:
    """What arrives, and how it ended: close, reset or silence."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(client.node.address, client.node.port, ssl=context)
    lines = [f"GET /api2/json{path} HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in client.headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    got, end = b"", "close"
    try:
        async with asyncio.timeout(wait):
            while chunk := await reader.read(65536):
                got += chunk
    except ConnectionResetError:
        end = "reset"
    except TimeoutError:
        end = "silence"
    finally:
        writer.transport.abort()
    return got, end


def known(running: Running) -> set[int]:
    return set(running.estate["prod"].guests)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_lost_answer_leaves_the_work_done(how: str) -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        active = running.fault("answer-lost", how=how, path="POST /nodes/.*/lxc$", count=1)
        answer = await client.call("POST", "/nodes/pve1/lxc", CREATE)
        assert (answer.status, answer.body) == (0, b"")
        assert (500 in known(running), active.hits) == (True, 1)
        again = await client.call("POST", "/nodes/pve1/lxc", CREATE)
        assert again.reason.endswith("CT 500 already exists on node 'pve1'")


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_lost_request_leaves_nothing_done(how: str) -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("request-lost", how=how, count=1)
        assert (await client.call("POST", "/nodes/pve1/lxc", CREATE)).status == 0
        assert 500 not in known(running)
        assert (await client.call("POST", "/nodes/pve1/lxc", CREATE)).status == 200


async def test_reads_are_not_lost_unless_somebody_asks_for_that() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("answer-lost")
        assert await client.get("/version")
        running.fault("answer-lost", path="^GET /version")
        assert (await raw(client, "/version"))[0] == b""
        assert await client.get("/nodes")


async def test_a_silent_loss_keeps_the_connection_open() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        for name in ("answer-lost", "request-lost"):
            running.fault(name, how="silent", path="/version")
            assert await raw(client, "/version", wait=0.2) == (b"", "silence")
            running.clear()


async def test_a_torn_answer_ends_in_its_midst() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        for how, end in (("reset", "reset"), ("close", "close")):
            running.fault("answer-cut", share=0.5, how=how, path="GET /cluster/resources")
            got, ended = await raw(client, "/cluster/resources")
            head, _, body = got.partition(b"\r\n\r\n")
            length = int(next(line for line in head.split(b"\r\n") if b"Content-Length" in line).split()[1])
            assert (len(body), ended) == (length // 2, end)
            running.clear()
        assert await client.get("/cluster/resources")


async def test_a_dripping_answer_comes_a_few_bytes_at_a_time_and_whole() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("drip", size=100, seconds=0.02)
        began = time.monotonic()
        assert (await client.get("/version"))["release"] == "9.2"
        assert time.monotonic() - began > 0.05, "a head of 300 bytes takes three waits at least"
        running.fault("drip", size=1, seconds=60)
        got, end = await raw(client, "/version", wait=0.2)
        assert (len(got), end) == (1, "silence")


async def test_something_in_front_refuses_in_the_nodes_place() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("overloaded", status=502, reason="Bad Gateway", node="pve1")
        answer = await client.call("POST", "/nodes/pve1/lxc", CREATE)
        assert (answer.status, answer.reason, answer.headers["content-type"]) == (
            502,
            "Bad Gateway",
            "text/html",
        )
        assert 500 not in known(running)
        assert await client.at("pve2").get("/version")


async def test_asked_by_way_of_another_node_the_loss_is_596_and_the_tear_597() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"], "pve2").by("full")
        for name, parameters, status, done in (
            ("answer-lost", {"path": "POST"}, 596, True),
            ("request-lost", {"path": "POST"}, 596, False),
            ("request-lost", {"path": "POST", "how": "silent"}, 596, False),
            ("answer-cut", {"path": "POST"}, 597, True),
            ("overloaded", {}, 503, False),
            ("black-hole", {"path": "POST"}, 596, False),
        ):
            before = known(running)
            running.fault(name, node="pve1", **parameters)
            vmid = 600 + len(before)
            answer = await client.call("POST", "/nodes/pve1/lxc", {**CREATE, "vmid": vmid})
            assert (answer.status, vmid in known(running)) == (status, done), name
            running.clear()


@pytest.mark.parametrize(
    ("how", "check"),
    [
        ("invalid-json", lambda body, headers: json.loads(body)),
        ("not-json", lambda body, headers: json.loads(body)),
        ("empty", lambda body, headers: json.loads(body)),
        ("binary", lambda body, headers: body.decode()),
    ],
)
async def test_rubbish_cannot_be_read(how: str, check: Any) -> None:
    async with serving(SCENE) as running:
        running.fault("rubbish", how=how)
        answer = await Client(running["prod"]).by("full").call("GET", "/cluster/resources")
        assert answer.status == 200
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the decoder says
            check(answer.body, answer.headers)


async def test_hostile_answers_are_what_they_say() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")

        async def told(how: str) -> Any:
            running.clear()
            running.fault("rubbish", how=how)
            return await client.call("GET", "/nodes/pve1/lxc")

        rows = json.loads((await told("markup")).body)["data"]
        assert {row["name"].removesuffix(MARKUP) for row in rows} == {"ct100", "ct102"}
        assert all("\x1b" in row["name"] for row in json.loads((await told("control")).body)["data"])
        assert all(len(row["name"]) >= 1e5 for row in json.loads((await told("long")).body)["data"])
        assert (await told("mistyped")).headers["content-type"].startswith("text/html")
        assert len((await told("huge")).body) > 10_000_000
        assert (await told("deep")).body.count(b"[") == 100_000
        assert isinstance(json.loads((await told("wrong-type")).body)["data"], list)
        assert len((await told("header")).headers["x-padding"]) == 1024 * 1024
        assert len((await told("headers")).headers) > 10_000


async def test_an_endless_answer_does_not_end_and_does_not_pile_up() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("rubbish", how="endless")
        got, end = await raw(client, "/nodes", wait=0.5)
        assert b"Transfer-Encoding: chunked" in got
        assert (len(got) > 100_000, end) == (True, "silence")
        running.clear()
        assert await client.get("/nodes")


async def test_the_count_is_kept_and_the_first_are_let_through() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        active = running.fault("overloaded", path="GET /version$", after=2, count=3)
        told = [(await client.call("GET", "/version")).status for _ in range(7)]
        assert told == [200, 200, 503, 503, 503, 200, 200]
        assert (active.hits, (await client.call("GET", "/nodes")).status) == (3, 200)


async def test_probability_strikes_about_so_often_and_alike_for_the_same_seed() -> None:
    told = []
    for _ in range(2):
        async with serving(SCENE) as running:
            client = Client(running["prod"]).by("full")
            running.fault("overloaded", path="GET /version$", probability=0.3)
            told.append([(await client.call("GET", "/version")).status for _ in range(60)])
    assert 5 <= told[0].count(503) <= 32
    assert told[0] == told[1]


async def test_slowness_and_silence_can_be_narrowed_down_to_a_path() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("slow", node="pve1", seconds=60, path="/version")
        running.fault("black-hole", node="pve1", path="/nodes$")
        for path in ("/version", "/nodes"):
            assert await raw(client, path, wait=0.2) == (b"", "silence")
        assert await client.get("/cluster/status")
        assert await client.at("pve2").get("/version")


async def test_two_faults_at_once_both_strike() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("rubbish", how="markup")
        running.fault("slow", seconds=0.1)
        running.fault("answer-cut", share=0.0, path="GET /version")
        began = time.monotonic()
        rows = await client.get("/nodes/pve1/lxc")
        assert all(row["name"].endswith(MARKUP) for row in rows)
        assert time.monotonic() - began >= 0.1
        assert (await raw(client, "/version"))[1] == "reset"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"path": "("}, "no regular expression"),
        ({"probability": 2}, "from 0 to 1"),
        ({"count": -1}, "must not be negative"),
        ({"status": 200}, "from 300 to 599"),
        ({"reason": "a\nb"}, "must be one line"),
    ],
)
async def test_a_selection_that_makes_no_sense_is_refused(parameters: dict[str, Any], problem: str) -> None:
    async with serving(SCENE) as running:
        with pytest.raises(BadTarget, match=problem):
            running.fault("overloaded", **parameters)
