"""A node's certificates: /nodes/{node}/certificates (pve-manager `API2/Certificates.pm`, `API2/ACME.pm`).

What the cluster reports follows from the files at once; pveproxy shows a new certificate only once it has
been restarted (recorded: after two to six seconds).
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from pvesim.api import Call, Routes, perm
from pvesim.certificates import Certificate, describe
from pvesim.errors import ApiError, failed
from pvesim.verify import BOOLEAN, text
from pvesim.wire import Reply

_RESTARTING = 3.5
_FAILED = "Setting certificate files failed - "


def register(routes: Routes) -> None:
    path = "/nodes/{node}/certificates"
    names = ("acme", "custom", "info")
    routes.get(path)(lambda call: [{"name": name} for name in names])
    routes.get(f"{path}/info")(_info)
    modify = perm("/nodes/{node}", "Sys.Modify")
    given = {
        "certificates": text(format="pem-certificate-chain").needed(),
        "key": text(format="pem-string"),
        "force": BOOLEAN,
        "restart": BOOLEAN,
    }
    routes.post(f"{path}/custom", check=modify, protected=True, params=given)(_upload)
    routes.delete(f"{path}/custom", check=modify, protected=True, params={"restart": BOOLEAN})(_delete)
    routes.get(f"{path}/acme")(lambda call: [{"name": "certificate"}])
    order = f"{path}/acme/certificate"
    force = {"force": BOOLEAN}
    routes.post(order, check=modify, protected=True, params=force)(_order)
    routes.put(order, check=modify, protected=True, params=force)(_no_certificate)
    routes.delete(order, check=modify, protected=True)(_no_certificate)


def _info(call: Call) -> object:
    node = call.node
    rows = [
        describe("pve-root-ca.pem", call.cluster.authority.certificate),
        describe("pve-ssl.pem", node.leaf),
    ]
    if node.custom is not None:
        rows.append(describe("pveproxy-ssl.pem", node.custom))
    return Reply(rows)


def _upload(call: Call) -> object:
    node, given = call.node, call.params
    known = node.custom
    if known is not None and not call.flag("force"):
        raise failed("Custom certificate file exists but force flag is not set.")
    key = given["key"].encode() if "key" in given else known.key_pem if known else b""
    certificate = _checked(given["certificates"], key)
    _install(call, certificate)
    return describe("pveproxy-ssl.pem", certificate)


def _checked(chain: str, key_pem: bytes) -> Certificate:
    """Raises 500 where the two do not belong together."""
    certificate = Certificate(chain, key_pem)
    try:
        shown = certificate.x509.public_key()
    except ValueError:
        raise failed(f"{_FAILED}unable to read certificate") from None
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise failed(f"{_FAILED}unable to read private key") from None
    if key.public_key() != shown:
        raise failed(f"{_FAILED}key does not match the certificate (chain)")
    return certificate


def _delete(call: Call) -> object:
    _install(call, None)
    return None


def _install(call: Call, custom: Certificate | None) -> None:
    node = call.node
    if node.still_shown is None:
        node.still_shown = node.certificate
    node.install(node.leaf, custom)
    if call.flag("restart"):

        def restarted(due: float) -> None:
            node.still_shown = None

        cluster = call.cluster
        cluster.agenda.at(call.now + _RESTARTING / cluster.settings.speed, restarted)


def _order(call: Call) -> object:
    if call.node.custom is not None and not call.flag("force"):
        raise failed("Custom certificate exists but 'force' is not set.")
    raise ApiError(400, "ACME domain list in node configuration is missing!")


def _no_certificate(call: Call) -> object:
    raise failed("No current (custom) certificate found, please order a new certificate!")
