"""What a person wants to import, as typed in the step Connect. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from paddock.base.errors import Invalid
from paddock.clusters import trust_wish
from paddock.proxmox import certificates
from paddock.proxmox.address import Endpoint, parse_api_url
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential
from paddock.proxmox.first_contact import TrustChoice
from paddock.proxmox.trust import TrustMode


@dataclass(frozen=True, slots=True)
class ImportWish:
    """Either username and password, or token id and secret. `trust`: system · cluster_ca · pinned · off."""

    site_id: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token_id: str = ""
    token_secret: str = field(default="", repr=False)
    trust: str = "cluster_ca"
    fingerprint: str | None = None
    """SHA-256 of the certificate that the person has compared."""
    ca_pem: str = ""
    """CA certificates (PEM) that are believed besides the system's; for `system` alone."""
    name: str = ""
    """The one node that is added by hand, exactly as Proxmox calls it; empty looks at the whole cluster."""
    address: str = ""
    """IP address of that node, where it is another than the one that the cluster reports."""


def parsed(wish: ImportWish) -> tuple[Endpoint, Credential, TrustChoice]:
    """What was typed, understood. Raises Invalid with every field that is wrong."""
    faults = []
    endpoint: Endpoint | None = None
    credential: Credential | None = None
    try:
        endpoint = parse_api_url(wish.url)
    except Invalid as error:
        faults.append(error)
    by_token = bool(wish.token_id.strip() or wish.token_secret.strip())
    try:
        if by_token and (wish.password or wish.username.strip()):
            raise Invalid.field("token_id", "Give either username and password, or a token; not both.")
        if by_token:
            credential = TokenCredential.parse(wish.token_id, wish.token_secret)
        else:
            credential = PasswordCredential.parse(wish.username, wish.password)
    except Invalid as error:
        faults.append(error)
    if wish.address and not _is_address(wish.address):
        faults.append(Invalid.field("address", f"Not an IP address: {wish.address!r}."))
    fingerprint = (wish.fingerprint or "").strip() or None
    if fingerprint is not None:
        try:
            fingerprint = certificates.normal_fingerprint(fingerprint)
        except ValueError as error:
            faults.append(Invalid.field("fingerprint", str(error)))
    bundle = None
    try:
        bundle = trust_wish.bundle(TrustMode(wish.trust), wish.ca_pem)
    except Invalid as error:
        faults.append(error)
    if faults or endpoint is None or credential is None:
        if len(faults) == 1:
            raise faults[0]
        raise Invalid(
            "Please look at the marked fields.",
            details=[detail for fault in faults for detail in fault.details],
        )
    return endpoint, credential, TrustChoice(TrustMode(wish.trust), fingerprint, bundle or None)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
