"""From the rows of a cluster to a connection with it."""

from __future__ import annotations

from collections.abc import Iterable

from paddock.base.context import SYSTEM, Context, Services
from paddock.base.vault import Secret, Vault
from paddock.clusters.model import Cluster
from paddock.clusters.model import Member as MemberRow
from paddock.clusters.queries import get_cluster, members_of
from paddock.clusters.reaching import Way
from paddock.clusters.record import own_context, seal_context
from paddock.proxmox.address import Endpoint
from paddock.proxmox.connections import ConnectionPlan, Loader
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential
from paddock.proxmox.members import Member
from paddock.proxmox.trust import TlsPolicy, TrustMode


def loader(services: Services) -> Loader:
    """How `Connections` reads what a connection is made of.

    Raises NotFound, or VaultLocked where the credential cannot be unsealed.
    """
    ctx = Context(services, SYSTEM)

    async def load(cluster_id: str) -> ConnectionPlan:
        cluster = await get_cluster(ctx, cluster_id)
        members = await members_of(ctx, cluster_id)
        return ConnectionPlan(
            cluster.name,
            tuple(proxmox_members(cluster, members, ctx.vault)),
            unseal(ctx.vault, cluster),
        )

    return load


def proxmox_members(
    cluster: Cluster, members: Iterable[MemberRow], vault: Vault | None = None
) -> list[Member]:
    """Those that are still members. With `vault` each comes with its own credential, where it has one."""
    return [
        Member(
            member.name,
            endpoint_of(member),
            policy_for(cluster, member),
            unseal_own(vault, member) if vault is not None and member.credential_sealed else None,
        )
        for member in members
        if member.vanished_at is None
    ]


def endpoint_of(member: MemberRow) -> Endpoint:
    """Where the member's API listens."""
    return way_of(member).endpoint


def way_of(member: MemberRow) -> Way:
    return Way(member.address, member.host, member.port)


def policy_for(cluster: Cluster, member: MemberRow) -> TlsPolicy:
    return policy(
        TrustMode(cluster.trust_mode), cluster.ca_pem, fingerprint=member.fingerprint, name=member.server_name
    )


def policy(mode: TrustMode, ca_pem: str, *, fingerprint: str = "", name: str = "") -> TlsPolicy:
    """Under `cluster_ca` a member is also believed with the fingerprint that the cluster reports for it."""
    pin, name_ = fingerprint or None, name or None
    if mode is TrustMode.CLUSTER_CA:
        return TlsPolicy(mode, ca_pem=ca_pem or None, fingerprint=pin, server_name=name_)
    if mode is TrustMode.SYSTEM:
        return TlsPolicy(mode, ca_pem=ca_pem or None, server_name=name_)
    return TlsPolicy(mode, fingerprint=pin if mode is TrustMode.PINNED else None)


def seal(vault: Vault, identity: str, credential: Credential) -> str:
    return vault.seal(secret_of(credential), context=seal_context(identity))


def unseal(vault: Vault, cluster: Cluster) -> Credential:
    secret = vault.open(cluster.credential_sealed, context=seal_context(cluster.identity))
    return rebuild(cluster.credential_kind, cluster.credential_name, secret)


def seal_own(vault: Vault, member_id: str, credential: Credential) -> str:
    return vault.seal(secret_of(credential), context=own_context(member_id))


def unseal_own(vault: Vault, member: MemberRow) -> Credential:
    secret = vault.open(member.credential_sealed, context=own_context(member.id))
    return rebuild(member.credential_kind, member.credential_name, secret)


def credential_for(vault: Vault, cluster: Cluster, member: MemberRow) -> Credential:
    """What signs in at this member: its own, or that of the cluster."""
    return unseal_own(vault, member) if member.credential_sealed else unseal(vault, cluster)


def rebuild(kind: str, name: str, secret: Secret) -> Credential:
    return TokenCredential(name, secret) if kind == "token" else PasswordCredential(name, secret)


def secret_of(credential: Credential) -> Secret:
    return credential.secret if isinstance(credential, TokenCredential) else credential.password


def kind_of(credential: Credential) -> str:
    return "token" if isinstance(credential, TokenCredential) else "password"


def name_of(credential: Credential) -> str:
    return credential.token_id if isinstance(credential, TokenCredential) else credential.username
