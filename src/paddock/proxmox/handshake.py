"""TLS conversations without a client library: reading a certificate, and the light contact with a member."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from ipaddress import ip_address

from paddock.proxmox import faults, trust
from paddock.proxmox.address import Endpoint, is_forbidden, is_host
from paddock.proxmox.certificates import BadCertificate, Certificate, parse
from paddock.proxmox.errors import Unreadable

CONNECT_SECONDS = 5.0
SIGN_SECONDS = 5.0
HEAD_LIMIT = 64 * 1024


async def probe_certificate(endpoint: Endpoint, *, timeout: float = CONNECT_SECONDS) -> Certificate:
    """Reads the leaf certificate without judging it; sends nothing but the handshake.

    Raises Unreachable, TimedOut or NotProxmox (no TLS there).
    """
    try:
        return await _leaf(endpoint, trust.Check(trust.unverified()), None, timeout)
    except OSError as error:
        raise faults.from_os_error(error, endpoint) from None


async def contact(
    endpoint: Endpoint, policy: trust.TlsPolicy, *, path: str = "", timeout: float = CONNECT_SECONDS
) -> Certificate:
    """A handshake with the policy's trust check: proof that the member itself is there.

    With `path` it is asked for that once it is trusted, without any credential, on the same connection; the head
    of an answer must come within SIGN_SECONDS, whatever it says. Otherwise nothing is sent.

    Raises Unreachable, TimedOut, NotProxmox, Untrusted or Unreadable.
    """
    refusal: ssl.SSLCertVerificationError | None = None
    for check in trust.checks(policy):
        try:
            leaf = await _leaf(endpoint, check, policy.server_name, timeout, path)
        except ssl.SSLCertVerificationError as error:
            refusal = faults.more_telling(refusal, error)
            continue
        except OSError as error:
            raise faults.from_os_error(error, endpoint) from None
        if check.fingerprint is None or check.fingerprint == leaf.sha256:
            return leaf
        raise faults.fingerprint_changed(leaf, check.fingerprint, endpoint)
    leaf = await probe_certificate(endpoint, timeout=timeout)
    raise faults.untrusted(refusal, leaf, endpoint) if refusal else faults.unconfirmed(leaf, endpoint)


def admit(endpoint: Endpoint) -> None:
    """Raises Unreachable for what is no host, and for addresses that nobody may be led to. Names are not resolved."""
    if is_forbidden(endpoint.host):
        raise faults.forbidden_address(endpoint)
    if not is_host(endpoint.host):
        raise faults.bad_address(endpoint)


async def _leaf(
    endpoint: Endpoint, check: trust.Check, server_name: str | None, timeout: float, path: str = ""
) -> Certificate:
    admit(endpoint)
    last: OSError | None = None
    async with asyncio.timeout(timeout) as limit:
        for address in await _allowed_addresses(endpoint):
            try:
                _, writer = opened = await asyncio.open_connection(
                    address,
                    endpoint.port,
                    ssl=check.context,
                    server_hostname=server_name or endpoint.host,
                    limit=HEAD_LIMIT,
                )
                try:
                    leaf = parse(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
                    if path and check.fingerprint in (None, leaf.sha256):
                        limit.reschedule(None)
                        await _sign_of_life(endpoint, path, *opened)
                    return leaf
                finally:
                    writer.transport.abort()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
            except ssl.SSLError:
                raise
            except OSError as error:
                last = error
            except BadCertificate:
                raise faults.bad_certificate(endpoint) from None
            except ValueError:  # ssl's and asyncio's word for a name that cannot be checked
                raise faults.bad_address(endpoint) from None
    assert last is not None
    raise last


async def _sign_of_life(
    endpoint: Endpoint, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One question by hand, since it is asked of every node every minute: a client library costs more than TLS."""
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {endpoint.authority}\r\nAccept: application/json\r\n"
        "User-Agent: paddock\r\nConnection: close\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(SIGN_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise faults.answer_timeout(endpoint, SIGN_SECONDS) from None
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise _not_http(endpoint, path) from None
        raise faults.reset(endpoint) from None
    except asyncio.LimitOverrunError:
        raise _not_http(endpoint, path) from None
    if not head.startswith(b"HTTP/1."):
        raise _not_http(endpoint, path)


def _not_http(endpoint: Endpoint, path: str) -> Unreadable:
    return Unreadable(f"{endpoint} sent an answer that is not HTTP.", call=f"GET {path}")


async def _allowed_addresses(endpoint: Endpoint) -> list[str]:
    with contextlib.suppress(ValueError):
        return [str(ip_address(endpoint.host))]  # `admit` has judged it; nothing is to be resolved
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise faults.bad_address(endpoint) from None
    addresses = [str(address[0]) for *_, address in found]
    if allowed := [address for address in addresses if not is_forbidden(address)]:
        return allowed
    raise faults.forbidden_address(endpoint)
