"""Tries a managed node out with another configuration before it is saved. Writes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from paddock.base.errors import PaddockError, Upstream
from paddock.base.vault import Vault
from paddock.clusters import connecting
from paddock.clusters.model import Cluster
from paddock.clusters.model import Member as Row
from paddock.proxmox import certificates, reads
from paddock.proxmox.address import Endpoint
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import TimedOut
from paddock.proxmox.first_contact import ROOT_CA, local_node
from paddock.proxmox.identify import identify
from paddock.proxmox.members import Member
from paddock.proxmox.transport import HttpTransport
from paddock.watch import naming, steps

TRIAL_SECONDS = 20.0


class NotSaved(Upstream):
    """The test with the new configuration failed, so nothing was saved. `failure` says at which step."""

    def __init__(self, cause: PaddockError, trust_mode: str) -> None:
        self.failure = steps.failure(cause, trust_mode)
        self._cause = cause
        super().__init__(f"Nothing was saved: {cause.message}", code=cause.code, hint=cause.hint)

    def extra(self) -> dict[str, Any]:
        shown = [{"step": step.label, "state": step.state} for step in self.failure.steps]
        return {**self._cause.extra(), "steps": shown}


async def try_node(vault: Vault, cluster: Cluster, member: Row, endpoint: Endpoint, name: str) -> None:
    """Name, connection, certificate → Proxmox VE → sign-in → is it this node of this cluster.

    With the trust in this member and its sign-in, its own or the cluster's. Raises the exact error of `proxmox.errors`, NameMismatch or AnotherCluster.
    """
    transport = HttpTransport()
    policy = connecting.policy_for(cluster, member)
    connection = Connection(
        endpoint.authority,
        [Member(name, endpoint, policy)],
        connecting.credential_for(vault, cluster, member),
        transport,
    )
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            leaf = await transport.contact(endpoint, policy)
            await identify(endpoint, policy, transport)
            await reads.version(connection)
            status = (await reads.cluster_status(connection)).items
            called = local_node(status)
            naming.check(name, called, {row.name for row in status if row.type == "node"})
            identity = await _identity(connection, called) or f"leaf:{leaf.sha256[:80]}"
    except TimeoutError:
        raise TimedOut(
            f"{endpoint} answers too slowly: nothing came within {TRIAL_SECONDS:.0f} s.",
            hint="Look on the node: systemctl status pveproxy pvedaemon",
        ) from None
    finally:
        await connection.close()
    if identity != cluster.identity:
        raise naming.AnotherCluster.field(
            "url",
            f"{endpoint} leads to a node {called} of another cluster than {cluster.name}: its CA is another one.",
            code="another_cluster",
            hint=f"If {called} was reinstalled, remove it here and create it anew. If not, another machine has its address.",
        )


async def _identity(connection: Connection, node: str) -> str:
    rows = await reads.node_certificates(connection, node)
    pem = next((row.pem for row in rows.items if row.filename == ROOT_CA and row.pem), "")
    return certificates.parse(pem).sha256 if pem else ""
