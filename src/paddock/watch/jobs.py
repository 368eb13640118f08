"""The long verb of the import: a durable job whose every step is safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from paddock.base.context import Context
from paddock.base.errors import Conflict, PaddockError, Upstream
from paddock.clusters import connecting
from paddock.clusters import record as clusters
from paddock.clusters.membership import MemberSeen
from paddock.clusters.model import ClusterKind
from paddock.clusters.sign_in import record as sign_in
from paddock.jobs.run import JobType, Run
from paddock.nodes import record as nodes
from paddock.nodes.record import BridgeSeen, Facts, Registration
from paddock.proxmox import reads
from paddock.proxmox.address import Endpoint
from paddock.proxmox.ceremony import Before, Made
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import Connections
from paddock.proxmox.credentials import Credential
from paddock.proxmox.shapes import Interface
from paddock.proxmox.token_plan import Plan
from paddock.sites import queries as sites
from paddock.watch import making, reading, recording
from paddock.watch.making import first_connection
from paddock.watch.previews import Preview

TYPE = "watch.import_cluster.v1"
CONTACT_SECONDS = 8.0
AT_ONCE = 16

Visit = tuple[dict[str, Any], Facts | None, list[BridgeSeen] | None, Certificate | None]
"""The line of the result; what was read; the certificate, where it was believed."""


def arguments(preview: Preview, chosen: Sequence[str], plan: Plan | None, actor: str) -> dict[str, Any]:
    """Everything but the secret, JSON-ready. `plan`: the token that is to be made with the password."""
    review = preview.review
    return {
        "site_id": review.site_id,
        "host": preview.endpoint.host,
        "port": preview.endpoint.port,
        "local_node": review.via,
        "leaf": review.certificate.sha256,
        "identity": review.identity,
        "trust_mode": review.trust_mode,
        "trusted_pem": preview.trusted_pem,
        "credential_kind": review.credential_kind,
        "credential_name": review.credential_name,
        "addresses": preview.addresses,
        "fingerprints": preview.fingerprints,
        "hosts": preview.hosts,
        "server_names": preview.server_names,
        "members": list(chosen),
        "by_hand": review.by_hand,
        "token": plan.wire() if plan else None,
        "actor": actor,
    }


async def import_cluster(run: Run) -> dict[str, Any]:
    """(Make a token ·) read and record · contact each member. One bad node is one line of the result."""
    recorded = await _recorded(run)
    for text in recorded["notes"]:
        await run.line("warn", text)
    results = await run.step("Contact every node", lambda: contact_all(run, recorded))
    return {
        "cluster_id": recorded["cluster_id"],
        "cluster": recorded["cluster"],
        "nodes": results,
        "containers": recorded["containers"],
        "imported": len(results),
    }


IMPORT = JobType(TYPE, import_cluster)


async def _recorded(run: Run) -> dict[str, Any]:
    """What was made on Proxmox VE for an import that fails is taken back."""
    if not run.arguments.get("token"):
        recorded: dict[str, Any] = await run.step("Read and record", lambda: _record(run, None))
        return recorded
    plan = Plan.read(run.arguments["token"])
    before = Before.read(await run.step("Look at what is there", lambda: making.look(run, plan)))
    try:
        recorded = await run.step(
            "Make a token, read and record", lambda: _record(run, making.Wanted(plan, before))
        )
    except PaddockError:
        await making.take_back(run, plan, before)
        raise
    return recorded


async def _record(run: Run, wanted: making.Wanted | None) -> dict[str, Any]:
    given = run.arguments
    await sites.get_site(run.ctx, given["site_id"])
    connection = first_connection(run)
    try:
        made = await making.make(run, connection, wanted) if wanted else None
        seen = await reading.read(connection, run.ctx.now())
    finally:
        await connection.close()
    try:
        recorded = await _write(run, seen, given, made)
    except Conflict:
        # Two administrators import the same cluster at once: the other was first, so now it is known.
        recorded = await _write(run, seen, given, made)
    if made:
        await making.tell(run, made)
    return recorded


async def _write(
    run: Run, seen: reading.Reading, given: Mapping[str, Any], made: Made | None
) -> dict[str, Any]:
    ctx = run.ctx
    members = reading.members_seen(
        seen,
        given["port"],
        given["fingerprints"],
        given["addresses"],
        given["server_names"],
        given.get("hosts"),
    )
    chosen = [member for member in members if member.name in set(given["members"])]
    async with ctx.write() as tx:
        credential = made.credential if made else _given_credential(run)
        known = await clusters.known_for_update(ctx, tx, given["identity"]) if given.get("by_hand") else None
        cluster = known or await clusters.record_import(
            ctx, tx, given["site_id"], _cluster_seen(run, seen, credential)
        )
        if made:
            await making.record(run, tx, cluster.id, made)
        member_ids = await clusters.record_members(ctx, tx, cluster.id, members, given["members"])
        own = known is not None and connecting.unseal(ctx.vault, known) != credential
        for member in chosen if own else ():
            await sign_in.save_own_credential(ctx, tx, cluster.id, member.name, credential)
        new_ids = await nodes.register(
            ctx,
            tx,
            site_id=cluster.site_id,
            cluster_id=cluster.id,
            members=[_registration(member, member_ids[member.name]) for member in chosen],
        )
        await recording.recognise(ctx, tx, given["identity"], new_ids)
        node_ids = await nodes.registered_in(tx, cluster.id)
        recorded = await recording.record_reading(
            ctx, tx, seen, cluster_id=cluster.id, site_id=cluster.site_id, node_ids=node_ids
        )
    recording.observe(ctx, seen, cluster.id, node_ids, recorded.living)
    signed = f"a sign-in of its own, {connecting.name_of(credential)}; {cluster.name} keeps the one it has."
    missing = sorted(set(given["members"]) - {member.name for member in chosen})
    return {
        "cluster_id": cluster.id,
        "cluster": cluster.name,
        "via": seen.via,
        "lone": seen.name is None,
        "node_ids": new_ids,
        "online": sorted(name for name in new_ids if name not in seen.offline),
        "containers": len(recorded.living),
        "notes": [f"{member.name} has {signed}" for member in chosen if own]
        + [f"{name} has left the cluster since the review and was not imported." for name in missing]
        + ([f"{seen.unreadable} entries of Proxmox's list could not be read."] if seen.unreadable else []),
    }


async def contact_all(run: Run, recorded: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Contacts each node of `recorded`, and reads its facts and bridges. One bad node is one line."""
    connections = run.ctx.part(Connections)
    await connections.reload(recorded["cluster_id"])  # an import may bring another credential
    connection = await connections.get(recorded["cluster_id"])
    names: list[str] = sorted(recorded["node_ids"], key=str.casefold)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Visit:
        async with slots:
            return await _visit(run.ctx, connection, name, recorded)

    visits = await asyncio.gather(*(one(name) for name in names))
    ids = recorded["node_ids"]
    async with run.ctx.write() as tx:
        facts = {ids[result["name"]]: found for result, found, _, _ in visits if found is not None}
        await nodes.record_facts(run.ctx, tx, facts)
        for result, _, bridges, _ in visits:
            if bridges is not None:
                await nodes.record_bridges(tx, ids[result["name"]], bridges)
        shown = {result["name"]: leaf.pem for result, _, _, leaf in visits if leaf is not None}
        await clusters.record_certificates(run.ctx, tx, recorded["cluster_id"], shown, {})
    results = [result for result, _, _, _ in visits]
    await run.lines([(one["level"], one["text"], one["name"]) for one in results], done=len(results))
    statuses = await nodes.load_shown(run.ctx, recorded["cluster_id"])
    interval = timedelta(seconds=run.ctx.settings.watch_interval)
    await nodes.settle(run.ctx, statuses, lone=recorded["lone"], interval=interval)
    return results


async def _visit(ctx: Context, connection: Connection, name: str, recorded: Mapping[str, Any]) -> Visit:
    node_id = recorded["node_ids"][name]
    code, text = "", ""
    leaf: Certificate | None = None
    try:
        async with asyncio.timeout(CONTACT_SECONDS):
            leaf = await connection.contact(name)
    except Upstream as error:
        code, text = error.code, error.message
    except TimeoutError:
        code, text = "timed_out", f"no answer within {CONTACT_SECONDS:.0f} s."
    recording.observe_contact(ctx, node_id, ctx.now(), code, text)
    facts: Facts | None = None
    bridges: list[BridgeSeen] | None = None
    unread = ""
    if name in recorded["online"]:
        try:
            status, networks = await asyncio.gather(
                reads.node_status(connection, name), reads.node_networks(connection, name)
            )
            facts = Facts(
                pve_version=status.version,
                kernel=(status.kernel or "")[:128] or None,
                cpu_model=(status.cpuinfo.model or "")[:128] or None if status.cpuinfo else None,
                certificate_ends=leaf.not_after if leaf else None,
            )
            bridges = [_bridge(row) for row in networks.items if row.type in {"bridge", "OVSBridge"}]
        except Upstream as error:
            unread = error.message
    level, said = _said(name, recorded, text, unread)
    return (
        {"name": name, "node_id": node_id, "level": level, "text": said, "code": code},
        facts,
        bridges,
        leaf,
    )


def _said(name: str, recorded: Mapping[str, Any], failure: str, unread: str) -> tuple[str, str]:
    via = recorded["via"]
    if name not in recorded["online"]:
        return "warn", f"Offline, says {via}; imported and marked"
    if failure and via != name:
        return "warn", f"Known only through {via}: {failure}"
    if failure:
        return "warn", failure
    if unread:
        return "warn", f"Reachable directly, but its details could not be read: {unread}"
    return "ok", "Reachable directly"


def _given_credential(run: Run) -> Credential:
    given = run.arguments
    return connecting.rebuild(given["credential_kind"], given["credential_name"], run.secret())


def _cluster_seen(run: Run, seen: reading.Reading, credential: Credential) -> clusters.ClusterSeen:
    given = run.arguments
    return clusters.ClusterSeen(
        name=seen.name or seen.via or given["local_node"],
        kind=ClusterKind.STANDALONE if seen.name is None else ClusterKind.CLUSTER,
        identity=given["identity"],
        trust_mode=given["trust_mode"],
        ca_pem=given["trusted_pem"],
        credential_kind=connecting.kind_of(credential),
        credential_name=connecting.name_of(credential),
        credential_sealed=connecting.seal(run.ctx.vault, given["identity"], credential),
        quorate=seen.quorate,
    )


def _registration(member: MemberSeen, member_id: str) -> Registration:
    url = Endpoint(member.host or member.address, member.port).url
    return Registration(member_id, member.name, member.address, url)


def _bridge(row: Interface) -> BridgeSeen:
    return BridgeSeen(
        row.iface,
        row.cidr or row.cidr6 or "",
        row.bridge_ports or "",
        bool(row.bridge_vlan_aware),
        bool(row.active),
    )
