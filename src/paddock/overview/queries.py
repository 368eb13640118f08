"""Reads of the overview: what needs attention, how much room there is, what runs and what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from paddock.access import guard
from paddock.access import queries as access
from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.clusters.queries import ClusterView
from paddock.jobs import queries as jobs
from paddock.jobs.model import Job
from paddock.nodes import attention
from paddock.nodes import queries as nodes
from paddock.nodes.attention import Attention
from paddock.nodes.endings import ending
from paddock.nodes.health import Status
from paddock.nodes.model import NodeEvent
from paddock.nodes.offers import Offer, list_offers
from paddock.nodes.queries import NodeView
from paddock.proxmox import TrustMode, certificates
from paddock.proxmox.certificates import Certificate
from paddock.sites import queries as sites
from paddock.sites.model import Site
from paddock.storages import queries as storages
from paddock.web.paging import Paging

REFUSED = frozenset(
    {"password_refused", "token_refused", "ticket_refused", "two_factor_required", "sign_in_required"}
)
"""Troubles of a cluster that a right credential would end."""
EVENTS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a site has and what of it is in use. Memory and storage in bytes, CPU in cores."""

    site_id: str
    site: str
    clusters: tuple[str, ...]
    nodes_online: int
    nodes: int
    containers_running: int
    containers: int
    vms: int
    cpu_used: float
    cores: int
    memory_used: int
    memory: int
    storage_used: int
    storage: int
    """Own storages that hold guests, and shared ones counted once."""
    old: tuple[tuple[str, datetime | None], ...]
    """Nodes whose figures are old, and of when they are."""


@dataclass(frozen=True, slots=True)
class FirstStep:
    title: str
    text: str
    done: bool
    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Overview:
    attention: Sequence[Attention]
    offers: Sequence[Offer]
    """Members that joined; `attention` has them too."""
    sites: Sequence[Capacity]
    first_steps: Sequence[FirstStep]
    """Only while no node has been imported."""
    jobs: Sequence[Job]
    events: Sequence[tuple[NodeEvent, str]]

    @property
    def nodes(self) -> int:
        return sum(site.nodes for site in self.sites)

    @property
    def containers(self) -> int:
        return sum(site.containers for site in self.sites)

    @property
    def vms(self) -> int:
        return sum(site.vms for site in self.sites)


async def overview(ctx: Context, site_id: str = "") -> Overview:
    """Everything in scope, or in one site."""
    known = [site for site in await sites.all_sites(ctx) if site_id in ("", site.id)]
    every = [node for node in await nodes.all_nodes(ctx) if site_id in ("", node.site_id)]
    groups = await clusters.every_cluster(ctx, site_id)
    shared = await storages.shared_use(ctx, [cluster.row.id for cluster in groups])
    offered = await list_offers(ctx, site_id=site_id)
    return Overview(
        attention=needs(every, groups, ctx.now(), await ending(ctx, every))
        + [offer.attention for offer in offered],
        offers=offered,
        sites=[capacity(site, every, groups, shared) for site in known],
        first_steps=[] if every else await _first_steps(ctx, bool(known)),
        jobs=await jobs.running(ctx, site_id=site_id),
        events=await nodes.events_of(ctx, site_id=site_id, limit=EVENTS_SHOWN),
    )


def needs(
    every: Iterable[NodeView],
    groups: Iterable[ClusterView],
    now: datetime,
    leaves: Mapping[str, Certificate],
) -> list[Attention]:
    """What needs somebody, the worst first, and of the same weight the newest first. `leaves`: of nodes, by id.

    A trouble of a whole cluster is said once: its nodes do not repeat a refused sign-in, and a lone host
    speaks for its cluster of one.
    """
    of_clusters: list[Attention] = []
    by_cluster: dict[str, list[NodeView]] = {}
    for node in every:
        by_cluster.setdefault(node.cluster_id, []).append(node)
    found: list[Attention] = []
    for cluster in groups:
        members = by_cluster.pop(cluster.row.id, [])
        told = [one for node in members for one in attention.of_node(node, now, leaves.get(node.id))]
        if cluster.row.trouble in REFUSED:
            told = [one for one in told if one.code != "node_refused"]
            of_clusters.append(_refused(cluster))
        elif cluster.row.trouble and not (cluster.row.kind == "standalone" and told):
            of_clusters.append(_unreadable(cluster))
        if cluster.row.trust_mode == "off":
            of_clusters.append(_unverified(cluster))
        if cluster.row.quorate is False and not cluster.row.trouble:
            of_clusters.append(_no_quorum(cluster))
        if ending := _authority(cluster, now):
            of_clusters.append(ending)
        found += told
    rest = [node for members in by_cluster.values() for node in members]
    found += [one for node in rest for one in attention.of_node(node, now, leaves.get(node.id))]
    found = of_clusters + found
    found.sort(key=lambda one: -(one.since or now).timestamp())
    found.sort(key=lambda one: one.weight)
    return found


def capacity(
    site: Site,
    every: Iterable[NodeView],
    groups: Iterable[ClusterView],
    shared: dict[str, tuple[int, int]],
) -> Capacity:
    """Sums over the nodes of a site; guests of an offline node do not count as running."""
    here = [node for node in every if node.site_id == site.id]
    own = [cluster.row for cluster in groups if cluster.row.site_id == site.id]
    of_clusters = [shared.get(row.id, (0, 0)) for row in own]
    return Capacity(
        site_id=site.id,
        site=site.name,
        clusters=tuple(row.name for row in own),
        nodes_online=sum(node.status == Status.ONLINE for node in here),
        nodes=len(here),
        containers_running=sum(node.containers_running for node in here if node.status != Status.OFFLINE),
        containers=sum(node.containers_total for node in here),
        vms=sum(node.vms_total for node in here),
        cpu_used=sum(node.figures.cpu or 0.0 for node in here),
        cores=sum(node.cores for node in here),
        memory_used=sum(node.figures.memory or 0 for node in here),
        memory=sum(node.memory for node in here),
        storage_used=sum(node.figures.storage_used or 0 for node in here)
        + sum(used for used, _ in of_clusters),
        storage=sum(node.figures.storage_total or 0 for node in here)
        + sum(total for _, total in of_clusters),
        old=tuple((node.name, node.figures.at) for node in here if node.stale),
    )


def _refused(cluster: ClusterView) -> Attention:
    row = cluster.row
    return Attention(
        "warn", "key", f"{row.name} refuses Paddock's sign-in", row.trouble_text, "cluster_refused", "cluster",
        row.id, row.trouble_since, "See the sign-in", f"/clusters/{row.id}/sign-in",
    )  # fmt: skip


def _unverified(cluster: ClusterView) -> Attention:
    text = "Anybody between Paddock and its nodes can pose as a node and read the sign-in."
    return Attention(
        "warn", "shield-x", f"{cluster.row.name} is not verified", text, "trust_off", "cluster",
        cluster.row.id, None, "Change trust", f"/clusters/{cluster.row.id}/trust",
    )  # fmt: skip


def _authority(cluster: ClusterView, now: datetime) -> Attention | None:
    """The end of the cluster's own CA, when it is near: with it all members' certificates end."""
    row = cluster.row
    if row.trust_mode != TrustMode.CLUSTER_CA or not row.ca_pem:
        return None
    try:
        ends = certificates.parse(row.ca_pem).not_after
    except certificates.BadCertificate:
        return None
    if (near := attention.nearing(ends, now)) is None:
        return None
    kind, words = near
    text = (
        f"Valid until {ends:%d %b %Y %H:%M} UTC; after that no certificate of its nodes is believed. Have Proxmox VE "
        "make a new one in time, and confirm that here."
    )
    return Attention(
        kind, "certificate", f"The CA of {row.name} {words}", text, "authority_ends", "cluster",
        row.id, ends if ends <= now else None, "See trust", f"/clusters/{row.id}/trust",
    )  # fmt: skip


def _unreadable(cluster: ClusterView) -> Attention:
    return _of_cluster(
        cluster, "bad", "plug-x", f"{cluster.row.name} cannot be read", cluster.row.trouble_text,
        "cluster_unreadable", cluster.row.trouble_since,
    )  # fmt: skip


def _no_quorum(cluster: ClusterView) -> Attention:
    text = "Proxmox VE refuses changes and starts no guest there until more than half of the members see each other."
    return _of_cluster(
        cluster, "bad", "alert-triangle", f"{cluster.row.name} has no quorum", text,
        "no_quorum", cluster.row.quorate_since,
    )  # fmt: skip


def _of_cluster(
    cluster: ClusterView, kind: str, icon: str, title: str, text: str, code: str, since: datetime | None
) -> Attention:
    path = f"/nodes?cluster={cluster.row.id}"
    return Attention(kind, icon, title, text, code, "cluster", cluster.row.id, since, "Show nodes", path)


async def _first_steps(ctx: Context, any_site: bool) -> list[FirstStep]:
    own = await access.list_tokens(ctx, Paging(size=1), own=True)
    steps = [
        (
            "sites.create",
            FirstStep(
                "Create a site",
                "A site is a place with its own network: a data centre, an office, a lab.",
                any_site,
                "/sites/new",
                "Create Site",
            ),
        ),
        (
            "nodes.import",
            FirstStep(
                "Import nodes",
                "With the credentials of one node, Paddock reads the whole cluster. Nothing is written before you say so.",
                False,
                "/nodes/import" if any_site else "",
                "Import Nodes",
            ),
        ),
        (
            "tokens.own",
            FirstStep(
                "Issue an API token",
                "For the command line and for programs that speak REST.",
                bool(own.total),
                "/account",
                "Issue a Token",
            ),
        ),
    ]
    return [step for permission, step in steps if guard.may(ctx, permission)]
