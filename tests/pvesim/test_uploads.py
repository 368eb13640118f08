"""Files coming onto storages: uploads, downloads, templates, images."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import tracemalloc
from typing import Any

import pytest

from pvesim import ClusterScene, NodeScene, StorageScene
from pvesim.uploads import BadUpload, Upload
from tests.pvesim.client import Client, serving
from tests.pvesim.replay import Answer, send
from tests.pvesim.test_storages import scene
from tests.pvesim.working import done, ended, failed, refused, worked

_END = b"\r\n--b0--\r\n"


def _parts(fields: dict[str, str], file: str) -> bytes:
    text = "".join(
        f'--b0\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return (
        f'{text}--b0\r\nContent-Disposition: form-data; name="filename"; filename="{file}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


def _head(client: Client, length: int, node: str = "pve1", storage: str = "local", **more: str) -> bytes:
    headers = {
        "Host": "x",
        "Content-Type": "multipart/form-data; boundary=b0",
        "Content-Length": str(length),
        **client.headers,
        **more,
    }
    lines = [f"POST /api2/json/nodes/{node}/storage/{storage}/upload HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def upload(
    client: Client, file: str, sent: bytes, node: str = "pve1", storage: str = "local", **fields: str
) -> Answer:
    body = _parts({"content": "iso", **fields}, file) + sent + _END
    return await send(client.node.address, client.node.port, _head(client, len(body), node, storage) + body)


def _data(answer: Answer) -> Any:
    assert answer.status == 200, (answer.status, answer.reason, answer.body)
    return json.loads(answer.body)["data"]


async def test_an_uploaded_file_lies_on_the_storage_with_its_size() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        content = bytes(range(256)) * 800
        answer = await upload(client, "../we ird.iso", content)
        assert answer.headers["connection"] == "close"
        status, log = await ended(running, client, _data(answer))
        assert (status, log[-2:]) == ("OK", ["finished file import successfully", "TASK OK"])
        assert "file size is: 204800" in log
        rows = {
            row["volid"]: row for row in await client.get("/nodes/pve1/storage/local/content?content=iso")
        }
        assert (rows["local:iso/we_ird.iso"]["size"], rows["local:iso/we_ird.iso"]["format"]) == (
            204800,
            "iso",
        )


async def test_a_checksum_is_checked_over_the_very_bytes() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        content = b"\r\n--b0\r\nnot the end\r\n--b" * 50
        right = hashlib.sha512(content).hexdigest()
        fields = {"checksum-algorithm": "sha512", "checksum": right.upper()}
        status, log = await ended(running, client, _data(await upload(client, "a.iso", content, **fields)))
        assert (status, log[1]) == ("OK", "calculating checksum...OK, checksum verified")
        fields["checksum"] = "0" * 128
        status, _ = await ended(running, client, _data(await upload(client, "b.iso", content, **fields)))
        assert status == f"checksum mismatch: got '{right}' != expect '{'0' * 128}'"
        names = [row["volid"] for row in await client.get("/nodes/pve1/storage/local/content?content=iso")]
        assert "local:iso/a.iso" in names
        assert "local:iso/b.iso" not in names


async def test_a_large_upload_passes_through_without_being_kept() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(client.node.address, client.node.port, ssl=context)
        start, block, blocks = _parts({"content": "iso"}, "big.iso"), bytes(1 << 20), 48
        tracemalloc.start()
        writer.write(_head(client, len(start) + blocks * len(block) + len(_END)) + start)
        for _ in range(blocks):
            writer.write(block)
            await writer.drain()
        writer.write(_END)
        raw = await asyncio.wait_for(reader.read(-1), 20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        writer.close()
        assert raw.startswith(b"HTTP/1.1 200 OK")
        assert peak < 12 << 20
        upid = json.loads(raw.partition(b"\r\n\r\n")[2])["data"]
        assert f"file size is: {48 << 20}" in (await ended(running, client, upid))[1]


async def test_an_upload_is_refused_before_its_body_where_the_right_is_missing() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("auditor")
        answer = await upload(client, "a.iso", b"x")
        assert (answer.status, answer.body, answer.reason) == (
            403, b"", "Permission check failed (/storage/local, Datastore.AllocateTemplate)",
        )  # fmt: skip


async def test_uploads_that_do_not_fit_are_refused() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")

        async def wrong(file: str, storage: str = "local", **fields: str) -> Any:
            answer = await upload(client, file, b"x", storage=storage, **fields)
            return json.loads(answer.body).get("errors") or answer.reason

        assert await wrong("a.txt") == {"filename": "wrong file extension"}
        assert await wrong("a.iso", content="images") == {
            "content": "value 'images' does not have a value in the enumeration 'iso, vztmpl, import'"
        }
        assert await wrong("a.iso", "thin") == "can't upload to storage type 'lvmthin'"
        assert await wrong("a.iso", "nope") == "storage 'nope' does not exist"
        assert await wrong("a.iso", "off") == "storage 'off' is disabled"
        assert await wrong("a.iso", checksum="00") == {
            "checksum-algorithm": "missing property - 'checksum' requires this property"
        }


async def test_an_upload_to_another_node_is_copied_there() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        upid = _data(await upload(client, "a.iso", b"x" * 100, node="pve2"))
        assert upid.split(":")[1] == "pve1"
        status, log = await ended(running, client, upid)
        assert (status, log[1]) == ("OK", "target node: pve2")
        assert [
            row["volid"] for row in await client.get("/nodes/pve2/storage/local/content?content=iso")
        ] == ["local:iso/a.iso"]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_a_body_may_arrive_in_pieces_of_any_size(step: int) -> None:
    content = b"\r\n\r\n--b\r\n" * 30 + b"\r"
    body = _parts({"content": "iso", "checksum-algorithm": "sha1"}, "a.iso") + content + _END
    upload = Upload("b0", len(body), "1f")
    rest = b""
    for at in range(0, len(body), step):
        rest = upload.feed(body[at : at + step] + (b"GET /" if at + step >= len(body) else b""))
    assert (upload.size, rest, upload.fields["content"]) == (len(content), b"GET /", "iso")
    assert upload.checksum("sha1") == hashlib.sha1(content, usedforsecurity=False).hexdigest()
    assert upload.checksum("md5") == ""


def test_a_body_without_its_end_is_no_upload() -> None:
    body = _parts({"content": "iso"}, "a.iso") + b"x" * 100
    with pytest.raises(BadUpload, match="upload failed"):
        Upload("b0", len(body), "1f").feed(body)


async def test_another_body_than_multipart_leaves_the_connection_to_time_out() -> None:
    async with serving(scene(), idle_timeout=0.1) as running:
        client = Client(running["prod"]).by("full")
        answer = await client.call("POST", "/nodes/pve1/storage/local/upload", {"content": "iso"})
        assert (answer.status, answer.body) == (0, b"")


async def test_a_file_is_downloaded_from_an_address_unless_nobody_listens() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        at = "/nodes/pve1/storage/local/download-url"
        url = "https://images.example.org/big.iso"
        size = (await client.get(f"/nodes/pve1/query-url-metadata?url={url}"))["size"]
        log = await worked(running, client, "POST", at, {"url": url, "content": "iso", "filename": "big.iso"})
        assert log[0] == f"downloading {url} to /var/lib/vz/template/iso/big.iso"
        rows = {row["volid"]: row for row in await client.get("/nodes/pve1/storage/local/content")}
        assert rows["local:iso/big.iso"]["size"] == size
        nowhere = {"url": "http://127.0.0.1:1/x.iso", "content": "iso", "filename": "x.iso"}
        assert "exit code 4" in await failed(running, client, "POST", at, nowhere)
        summed = {"url": url, "content": "iso", "filename": "y.iso", "checksum-algorithm": "md5"}
        assert "checksum mismatch" in await failed(
            running, client, "POST", at, {**summed, "checksum": "0" * 32}
        )


async def test_a_template_is_downloaded_and_a_container_made_from_it() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        template = next(row["template"] for row in await client.get("/nodes/pve1/aplinfo"))
        await worked(running, client, "POST", "/nodes/pve1/aplinfo", {"storage": "nas", "template": template})
        assert f"nas:vztmpl/{template}" in [
            row["volid"] for row in await client.get("/nodes/pve2/storage/nas/content?content=vztmpl")
        ]
        given = {"vmid": 300, "ostemplate": f"nas:vztmpl/{template}", "rootfs": "thin:1"}
        await worked(running, client, "POST", "/nodes/pve1/lxc", given)
        assert await refused(client, "POST", "/nodes/pve1/aplinfo", {"storage": "nas", "template": "x"}) == (
            "400 {'template': 'no such template'}"
        )


async def test_an_image_is_pulled_from_a_registry_and_runs_as_a_container() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        tags = await client.get("/nodes/pve1/query-oci-repo-tags?reference=docker.io/library/nginx")
        at, reference = "/nodes/pve1/storage/local/oci-registry-pull", f"docker.io/library/nginx:{tags[-1]}"
        await worked(running, client, "POST", at, {"reference": reference})
        assert await refused(client, "POST", at, {"reference": reference}) == (
            "500 refusing to override existing file 'nginx_latest.tar'"
        )
        given = {"vmid": 300, "ostemplate": "local:vztmpl/nginx_latest.tar", "rootfs": "local:1"}
        log = await worked(running, client, "POST", "/nodes/pve1/lxc", given)
        assert not any("extracting archive" in line for line in log)
        assert (await client.get("/nodes/pve1/lxc/300/config"))["cmode"] == "console"
        assert "exit code 1" in await failed(
            running, client, "POST", at, {"reference": "docker.io/a/private:1"}
        )


async def test_older_versions_know_nothing_of_registries() -> None:
    old = ClusterScene(
        name="old", nodes=[NodeScene(name="pve1")], storages=[StorageScene(name="local")], version="8.4.1"
    )
    async with serving(old) as running:
        client = Client(running["old"]).by("full")
        wrong = await refused(
            client, "POST", "/nodes/pve1/storage/local/oci-registry-pull", {"reference": "a:1"}
        )
        assert wrong.startswith("501 ")
        assert await done(client, "GET", "/nodes/pve1/storage/local")
