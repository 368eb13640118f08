"""What a person wants to import, as typed in the step Connect."""

from __future__ import annotations

from dataclasses import dataclass, field


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
