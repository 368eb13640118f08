"""Whether it is Proxmox VE that listens, asked without a sign-in."""

from __future__ import annotations

import msgspec

from paddock.proxmox.address import Endpoint
from paddock.proxmox.answers import Answer
from paddock.proxmox.decoding import Rows, decode_rows
from paddock.proxmox.errors import NotProxmox, Unreachable
from paddock.proxmox.request import request
from paddock.proxmox.shapes import Realm
from paddock.proxmox.transport import Transport
from paddock.proxmox.trust import TlsPolicy

# Each Proxmox product lists its realms without a sign-in, and has one of its own name.
_PRODUCTS = {
    "pbs": "Proxmox Backup Server",
    "pmg": "Proxmox Mail Gateway",
    "pdm": "Proxmox Datacenter Manager",
}


async def identify(endpoint: Endpoint, policy: TlsPolicy, transport: Transport) -> Rows[Realm]:
    """The realms of a Proxmox VE. Raises NotProxmox with what it is instead, and what `transport.request` raises."""
    answer = await transport.request(endpoint, policy, request("GET", "/access/domains"), timeout=10.0)
    return realms(answer, endpoint)


def realms(answer: Answer, endpoint: Endpoint) -> Rows[Realm]:
    """Judges the answer to GET /access/domains. Pure."""
    if answer.status in (502, 503, 504, 595, 596):
        raise Unreachable(
            f"{endpoint} answers {answer.status} {answer.reason}: the API behind it does not run.",
            code="gateway_failed",
            hint="On the node: systemctl status pveproxy pvedaemon",
        )
    try:
        found = decode_rows(answer.body, Realm) if answer.ok else Rows[Realm]([])
    except msgspec.DecodeError:
        found = Rows([])
    kinds = {realm.type for realm in found.items} | {realm.realm for realm in found.items}
    if "pve" in kinds:
        return found
    for kind, product in _PRODUCTS.items():
        if kind in kinds:
            raise _other(endpoint, product)
    server = next((v for k, v in answer.headers.items() if k.lower() == "server"), "")
    if found.items and server.startswith("pve-api-daemon"):
        return found
    shown = f"web server ({server})" if server else "web server"
    raise _other(endpoint, shown)


def _other(endpoint: Endpoint, product: str) -> NotProxmox:
    return NotProxmox(
        f"{endpoint} is not Proxmox VE but a {product}.",
        product=product,
        hint="Give the address of a Proxmox VE node; its API listens on port 8006.",
    )
