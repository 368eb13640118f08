"""Imports on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paddock.clusters.schemas import CertificateOut
from paddock.clusters.sign_in.schemas import AdministratorIn


class TrustIn(BaseModel):
    """Whom to believe. `cluster_ca` without a fingerprint answers with the certificate that has to be confirmed."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["system", "cluster_ca", "pinned", "off"] = Field(
        default="cluster_ca",
        description="`system`: the CAs of Paddock's machine, and `ca_pem`. `cluster_ca`: this cluster's own CA, "
        "once the fingerprint is confirmed. `pinned`: this very certificate, and those that the cluster reports "
        "for its other members now. `off`: believe anybody (open to a man in the middle).",
    )
    fingerprint: str | None = Field(
        default=None, description="SHA-256 of the certificate, compared with `pvenode cert info` on the node."
    )
    ca_pem: str = Field(
        default="", description="`system`: CA certificates (PEM) that are believed besides the system's."
    )


class PreviewIn(BaseModel):
    """How to reach one member, any of them. Either username and password, or token id and secret."""

    model_config = ConfigDict(extra="forbid")

    site_id: str
    url: str = Field(description="Any form: host, host:port, with or without scheme or /api2/json.")
    username: str = Field("", examples=["root@pam"])
    password: str = Field("", json_schema_extra={"writeOnly": True})
    token_id: str = Field("", examples=["root@pam!paddock"])
    token_secret: str = Field("", json_schema_extra={"writeOnly": True})
    trust: TrustIn = Field(default_factory=TrustIn)


class NodeIn(PreviewIn):
    """One node by hand: how to reach it, and its name as Proxmox shows it."""

    name: str = Field(description="Compared exactly, with case, with what Proxmox calls the node.")
    address: str = Field("", description="IP address; empty takes the one that the cluster reports.")


class MemberOut(BaseModel):
    name: str
    address: str
    online: bool
    comparison: str = Field(description="new · known · changed · vanished · elsewhere")
    changes: list[str]
    writes: str
    version: str | None
    cores: int | None
    memory: int | None = Field(description="Bytes.")
    storage: int | None = Field(description="Bytes.")
    containers: int
    containers_running: int
    vms: int
    certificate: str
    problem: str
    selectable: bool
    preselected: bool


class CredentialOut(BaseModel):
    kind: str
    name: str
    can: list[str]
    cannot: list[str]
    missing: list[str]
    token_lacks: list[str] | None = Field(
        description="What this password lacks to make a token for Paddock; null for a token."
    )


class ClusterFoundOut(BaseModel):
    name: str
    kind: str
    identity: str
    known: bool
    quorate: bool | None


class PreviewOut(BaseModel):
    preview_id: str
    expires_at: datetime
    site_id: str
    read_at: datetime
    via: str
    cluster: ClusterFoundOut
    trust_mode: str
    certificate: CertificateOut
    ca: CertificateOut | None
    credential: CredentialOut
    members: list[MemberOut]
    notes: list[str]


class ImportIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    preview_id: str
    members: list[str] = Field(description="Names of the members to import, exactly as Proxmox writes them.")
    token: Literal["observer", "operator"] | None = Field(
        default=None,
        description="Use the password once to make a token that may do this much, and keep the token instead.",
    )


class RealmsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="Any form, as for a preview.")


class RealmOut(BaseModel):
    name: str = Field(description="What stands after the @ of a user name.")
    text: str
    default: bool


class RealmsOut(BaseModel):
    realms: list[RealmOut]


class ImportOut(BaseModel):
    job_id: str


class MemberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Exactly as the cluster lists it.")


class ClusterMemberOut(BaseModel):
    """A member as the cluster lists it, managed or not."""

    name: str
    address: str
    host: str = Field(description="Host of its API URL where that is another than the address.")
    port: int
    managed: bool = Field(description="Whether it is a node of Paddock's. Others serve fail-over only.")
    joined_at: datetime | None = Field(
        description="Since when it is offered: it joined, and nobody has decided."
    )
    vanished_at: datetime | None


class NodePatch(BaseModel):
    """Fields that are left out stay as they are. An API URL that is made of the address follows it."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, description="Only ever exactly what Proxmox calls the node now.")
    address: str | None = Field(None, description="IP address.", examples=["192.0.2.12"])
    url: str | None = Field(
        None, description="Any form: host, host:port, with or without scheme or /api2/json."
    )
    site_id: str | None = Field(None, description="Moves the whole cluster: it stands in one site.")
    save_anyway: str = Field(
        "",
        description="The reason to save although the test of the connection failed. It is written to the audit.",
    )


class RemovedOut(BaseModel):
    names: list[str]
    cluster: str
    cluster_removed: bool = Field(description="Whether that was its last node, and the cluster went with it.")
    clean_up: list[str] = Field(
        description="Commands that take Paddock's sign-in away from Proxmox VE, if it was made for Paddock alone."
    )
    taken_away: list[str] = Field(description="What was taken away from Proxmox VE, as asked.")
    kept: list[str] = Field(description="What was to be taken away, and stays because others use it.")
    refused: str = Field(
        description="Why Proxmox VE refused to take the rest away; `clean_up` has the commands."
    )


class RemovalIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    confirm: str = Field(description="The name of the cluster, exactly.")
    reason: str = Field(
        "", max_length=500, description="Needed where Proxmox VE cannot be asked what runs there."
    )
    administrator: AdministratorIn | None = Field(
        None,
        description="With it, what Paddock made on Proxmox VE for its sign-in is taken away: token, user and role, "
        "where nobody else uses them. The password is used once and kept nowhere.",
    )


class ResidentOut(BaseModel):
    vmid: int
    name: str
    status: str
    known: bool = Field(description="Whether Paddock knew of it.")


class FindingsOut(BaseModel):
    """What Proxmox VE says at this moment about one node."""

    node: str
    at: datetime
    asked: bool
    unasked: str = Field(description="Why Proxmox VE could not be asked; then a removal needs a reason.")
    called: str = Field(description="What Proxmox VE calls it now; empty where it was not asked.")
    left: bool = Field(description="Whether the cluster no longer lists the node as a member.")
    active: list[ResidentOut] = Field(description="Containers that are not stopped; they forbid a removal.")
    stopped: list[ResidentOut]
    running_vms: list[ResidentOut]
    tasks: list[str]
    ha: list[str]
    replication: list[str]
    unread: list[str] = Field(description="What could not be read besides, each with why.")
