"""TLS conversations without a request: reading a certificate, and the light contact with a member."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from paddock.proxmox import faults, trust
from paddock.proxmox.address import Endpoint, is_forbidden, is_host
from paddock.proxmox.certificates import BadCertificate, Certificate, parse

CONNECT_SECONDS = 5.0


async def probe_certificate(endpoint: Endpoint, *, timeout: float = CONNECT_SECONDS) -> Certificate:
    """Reads the leaf certificate without judging it; sends nothing but the handshake.

    Raises Unreachable, TimedOut or NotProxmox (no TLS there).
    """
    try:
        return await _leaf(endpoint, trust.unverified(), None, timeout)
    except OSError as error:
        raise faults.from_os_error(error, endpoint) from None


async def contact(
    endpoint: Endpoint, policy: trust.TlsPolicy, *, timeout: float = CONNECT_SECONDS
) -> Certificate:
    """A handshake with the policy's trust check, nothing sent: proof that the member itself is there.

    Raises Unreachable, TimedOut, NotProxmox or Untrusted.
    """
    refusal: ssl.SSLCertVerificationError | None = None
    for check in trust.checks(policy):
        try:
            leaf = await _leaf(endpoint, check.context, policy.server_name, timeout)
        except ssl.SSLCertVerificationError as error:
            refusal = error
            continue
        except OSError as error:
            raise faults.from_os_error(error, endpoint) from None
        if check.fingerprint is None or check.fingerprint == leaf.sha256:
            return leaf
        raise faults.fingerprint_changed(leaf, check.fingerprint, endpoint)
    assert refusal is not None
    leaf = await probe_certificate(endpoint, timeout=timeout)
    raise faults.untrusted(refusal, leaf, endpoint)


def admit(endpoint: Endpoint) -> None:
    """Raises Unreachable for what is no host, and for addresses that nobody may be led to. Names are not resolved."""
    if is_forbidden(endpoint.host):
        raise faults.forbidden_address(endpoint)
    if not is_host(endpoint.host):
        raise faults.bad_address(endpoint)


async def _leaf(
    endpoint: Endpoint, context: ssl.SSLContext, server_name: str | None, timeout: float
) -> Certificate:
    admit(endpoint)
    last: OSError | None = None
    async with asyncio.timeout(timeout):
        for address in await _allowed_addresses(endpoint):
            try:
                return await _leaf_at(address, endpoint.port, context, server_name or endpoint.host)
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


async def _leaf_at(address: str, port: int, context: ssl.SSLContext, name: str) -> Certificate:
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    try:
        return parse(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _allowed_addresses(endpoint: Endpoint) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise faults.bad_address(endpoint) from None
    addresses = [str(address[0]) for *_, address in found]
    if allowed := [address for address in addresses if not is_forbidden(address)]:
        return allowed
    raise faults.forbidden_address(endpoint)
