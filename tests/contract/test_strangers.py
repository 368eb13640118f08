"""Wrong products, plain HTTP, and answers that are none."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl

import pytest

from paddock.proxmox import Endpoint, Member, TlsPolicy, TrustChoice, TrustMode, errors, reach, reads
from paddock.proxmox.connection import Connection
from paddock.proxmox.handshake import probe_certificate
from paddock.proxmox.transport import HttpTransport
from tests import addresses
from tests.conftest import needs
from tests.contract.lab import Lab
from tests.contract.odd_servers import answering, listening

OFF = TlsPolicy(TrustMode.OFF)
OPEN = TrustChoice(TrustMode.OFF)


@pytest.fixture
def tls(lab: Lab) -> ssl.SSLContext:
    return lab.cluster.nodes["pve1"].state.shown.context


def body(data: object) -> bytes:
    return json.dumps({"data": data}).encode()


@pytest.mark.parametrize(
    ("status", "content", "headers", "product"),
    [
        ("200 OK", body([{"realm": "pam", "type": "pam"}, {"realm": "pbs", "type": "pbs"}]), (), "Proxmox Backup Server"),
        ("200 OK", body([{"realm": "pmg", "type": "pmg"}]), (), "Proxmox Mail Gateway"),
        ("200 OK", b"<html><h1>It works</h1>", ("Server: nginx/1.26",), "web server (nginx/1.26)"),
        ("404 Not Found", b"<html>404</html>", ("Server: Apache",), "web server (Apache)"),
        ("301 Moved Permanently", b"", ("Location: https://evil.example/",), "web server"),
        ("200 OK", b'{"data":"hello"}', (), "web server"),
        ("200 OK", b"", (), "web server"),
    ],
)  # fmt: skip
async def test_another_product_is_named_and_gets_no_credential(
    lab: Lab, tls: ssl.SSLContext, status: str, content: bytes, headers: tuple[str, ...], product: str
) -> None:
    requests: list[bytes] = []
    async with listening(answering(status, content, *headers, requests=requests), tls) as endpoint:
        with pytest.raises(errors.NotProxmox) as caught:
            await reach(endpoint, OPEN, lab.token())
    assert caught.value.product == product
    assert len(requests) == 1
    assert b"Authorization" not in requests[0]


async def test_plain_http_is_named(lab: Lab) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with listening(plain) as endpoint:
        with pytest.raises(errors.NotProxmox) as caught:
            await probe_certificate(endpoint)
        assert caught.value.product == "plain HTTP"
        with pytest.raises(errors.NotProxmox) as caught:
            await reads.version(single(endpoint, lab))
        assert caught.value.product == "plain HTTP"


async def test_a_service_that_says_nothing_times_out(lab: Lab) -> None:
    async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(mute) as endpoint:
        with pytest.raises(errors.TimedOut) as caught:
            await reach(endpoint, OPEN, lab.token(), transport=HttpTransport(connect_seconds=0.2))
    assert caught.value.code == "connect_timeout"


async def test_a_service_that_hangs_up_is_unreachable(lab: Lab) -> None:
    async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with listening(rude) as endpoint:
        with pytest.raises(errors.Unreachable) as caught:
            await reach(endpoint, OPEN, lab.token())
    assert caught.value.code in {"connection_reset", "tls_failed"}


async def test_nothing_listening_is_refused(lab: Lab) -> None:
    with pytest.raises(errors.Unreachable) as caught:
        await reach(Endpoint(addresses.address(), 8006), OPEN, lab.token())
    assert caught.value.code == "connection_refused"


async def test_a_name_that_does_not_resolve_is_told(lab: Lab) -> None:
    nowhere = Endpoint("no-such-host.invalid")
    transport = lab.transport()
    for call in (transport.contact(nowhere, OFF), reads.version(single(nowhere, lab, transport))):
        with pytest.raises(errors.Unreachable) as caught:
            await call
        assert caught.value.code == "name_not_found"


async def test_a_name_that_leads_to_a_metadata_address_is_not_followed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_args: object, **_kw: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 8006))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    transport = lab.transport()
    endpoint = Endpoint("rebound.example")
    for call in (transport.contact(endpoint, OFF), reads.version(single(endpoint, lab, transport))):
        with pytest.raises(errors.Unreachable) as caught:
            await call
        assert caught.value.code == "forbidden_address"


def single(endpoint: Endpoint, lab: Lab, transport: HttpTransport | None = None) -> Connection:
    return Connection("c", [Member("pve1", endpoint, OFF)], lab.token(), transport or lab.transport())


async def test_html_instead_of_json_is_unreadable(lab: Lab, tls: ssl.SSLContext) -> None:
    async with listening(answering("200 OK", b"<html>maintenance</html>"), tls) as endpoint:
        with pytest.raises(errors.Unreadable):
            await reads.version(single(endpoint, lab))


async def test_an_html_error_page_of_a_proxy_is_a_gateway_failure(lab: Lab, tls: ssl.SSLContext) -> None:
    async with listening(answering("502 Bad Gateway", b"<html>502</html>"), tls) as endpoint:
        with pytest.raises(errors.Unreachable) as caught:
            await reads.version(single(endpoint, lab))
    assert caught.value.code == "gateway_failed"


async def test_an_answer_of_ten_megabytes_is_read(lab: Lab, tls: ssl.SSLContext) -> None:
    row = {"type": "lxc", "id": "lxc/1", "vmid": 1, "name": "x" * 200}
    content = body([row] * 42_000)
    assert len(content) > 10_000_000
    packed = answering("200 OK", gzip.compress(content, 1), "Content-Encoding: gzip")
    for handler in (answering("200 OK", content), packed):
        async with listening(handler, tls) as endpoint:
            assert len((await reads.resources(single(endpoint, lab))).items) == 42_000


async def test_an_endless_answer_is_cut_off(
    lab: Lab, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paddock.proxmox.transport.BODY_LIMIT", 1 << 20)
    bomb = answering("200 OK", gzip.compress(b" " * (8 << 20)), "Content-Encoding: gzip")
    for handler in (answering("200 OK", b" " * (8 << 20)), bomb):
        async with listening(handler, tls) as endpoint:
            with pytest.raises(errors.Unreadable) as caught:
                await reads.version(single(endpoint, lab))
        assert caught.value.code == "too_large"


async def test_an_answer_that_breaks_off_is_a_reset(lab: Lab, tls: ssl.SSLContext) -> None:
    async def torn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()

    async with listening(torn, tls) as endpoint:
        with pytest.raises(errors.Unreachable) as caught:
            await reads.version(single(endpoint, lab))
    assert caught.value.code == "connection_reset"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
async def test_a_change_into_a_breaking_connection_is_never_repeated(
    lab: Lab, tls: ssl.SSLContext, method: str
) -> None:
    arrived = []

    async def takes_and_drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with listening(takes_and_drops, tls) as endpoint:
        with pytest.raises(errors.OutcomeUnknown):
            await getattr(single(endpoint, lab), method)("/nodes/pve1/lxc/100/status/start")
    assert len(arrived) == 1


async def test_a_redirect_is_never_followed(lab: Lab, tls: ssl.SSLContext) -> None:
    requests: list[bytes] = []
    async with listening(answering("200 OK", body({"version": "9"}), requests=requests), tls) as other:
        moved = answering("302 Found", b"", f"Location: {other.url}/api2/json/version")
        async with listening(moved, tls) as endpoint:
            with pytest.raises(errors.NotProxmox):
                await reads.version(single(endpoint, lab))
    assert requests == []


async def test_what_is_not_http_is_unreadable(lab: Lab, tls: ssl.SSLContext) -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with listening(ssh, tls) as endpoint:
        with pytest.raises(errors.Unreadable):
            await reads.version(single(endpoint, lab))


async def test_a_reason_phrase_as_long_as_an_error_text_is_read_and_cut(
    lab: Lab, tls: ssl.SSLContext
) -> None:
    async with listening(answering(f"500 {'y' * 20_000}", b""), tls) as endpoint:
        with pytest.raises(errors.Refused) as caught:
            await reads.version(single(endpoint, lab))
    assert len(caught.value.reason) == 500


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_ipv6_works(lab: Lab, tls: ssl.SSLContext) -> None:
    needs(_has_ipv6_loopback(), "an IPv6 loopback")
    handler = answering("200 OK", body({"version": "9.2.11"}))
    async with listening(handler, tls, address="::1") as endpoint:
        assert endpoint.url.startswith("https://[::1]:")
        policy = lab.ca
        connection = Connection("c", [Member("pve1", endpoint, policy)], lab.token(), lab.transport())
        assert (await reads.version(connection)).version == "9.2.11"
        assert (await connection.contact("pve1")).sha256 == lab.cluster.nodes["pve1"].fingerprint


async def test_a_closed_connection_says_so(lab: Lab) -> None:
    connection = lab.connection()
    await connection.close()
    with pytest.raises(errors.Unreachable) as caught:
        await reads.version(connection)
    assert caught.value.code == "closed"


async def test_bytes_that_are_no_text_in_a_reason_phrase_do_no_harm(lab: Lab, tls: ssl.SSLContext) -> None:
    said = b"500 caf\xe9 \x01 fran\xc3\xa7ais".decode("utf-8", "surrogateescape")
    async with listening(answering(said, b"", "Server: x\udcff"), tls) as endpoint:
        with pytest.raises(errors.Refused) as caught:
            await reads.version(single(endpoint, lab))
        assert caught.value.reason == "caf�   français"
        with pytest.raises(errors.NotProxmox) as other:
            await reach(endpoint, OPEN, lab.token())
    assert other.value.product == "web server (x�)"


async def test_bytes_that_are_no_text_in_a_body_do_no_harm(lab: Lab, tls: ssl.SSLContext) -> None:
    async with listening(answering("200 OK", b'{"data":{"version":"9\xff"}}'), tls) as endpoint:
        assert (await reads.version(single(endpoint, lab))).version == "9�"


@pytest.mark.parametrize("host", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254"])
async def test_a_metadata_address_itself_is_not_connected_to(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    tried: list[object] = []

    async def connect(*args: object, **_kw: object) -> None:
        tried.append(args)
        raise OSError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    transport = lab.transport()
    endpoint = Endpoint(host)
    for call in (transport.contact(endpoint, OFF), reads.version(single(endpoint, lab, transport))):
        with pytest.raises(errors.Unreachable) as caught:
            await call
        assert caught.value.code == "forbidden_address"
    assert tried == []


@pytest.mark.parametrize(
    "host",
    [".x", "a..b", "x" * 64, "pve1/evil", "a@b", "a b", "pve1\x00", "pve1:443", "2001:db8::1%/x", "☃" * 60],
)
async def test_what_is_no_host_is_unreachable_and_nothing_else(lab: Lab, host: str) -> None:
    transport = lab.transport()
    endpoint = Endpoint(host)
    for call in (transport.contact(endpoint, OFF), reads.version(single(endpoint, lab, transport))):
        with pytest.raises(errors.Unreachable) as caught:
            await call
        assert caught.value.code == "bad_address"


async def test_a_name_for_the_certificate_that_is_none_is_unreachable(lab: Lab) -> None:
    policy = TlsPolicy(TrustMode.SYSTEM, server_name=".x")
    transport = lab.transport()
    members = [Member("pve1", lab.endpoint("pve1"), policy)]
    connection = Connection("c", members, lab.token(), transport)
    for call in (connection.contact("pve1"), reads.version(connection)):
        with pytest.raises(errors.Unreachable) as caught:
            await call
        assert caught.value.code == "bad_address"
