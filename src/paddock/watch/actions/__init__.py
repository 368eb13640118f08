"""Short verbs of the import: look without writing, then start the job that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from paddock.access import audit, guard
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError, Upstream
from paddock.base.ids import new_id
from paddock.clusters import connecting
from paddock.clusters import queries as clusters
from paddock.clusters.connecting import secret_of
from paddock.clusters.sign_in import naming as token_names
from paddock.clusters.sign_in.realms import Offered, offered
from paddock.jobs import record as jobs
from paddock.jobs.model import Job
from paddock.nodes import queries as nodes
from paddock.proxmox.address import parse_api_url
from paddock.proxmox.first_contact import Reached, reach
from paddock.proxmox.identify import identify
from paddock.proxmox.token_plan import Plan
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.trust import TlsPolicy, TrustMode
from paddock.proxmox.wanted import Level
from paddock.sites import queries as sites
from paddock.watch import by_hand, naming
from paddock.watch import jobs as import_job
from paddock.watch.previews import Preview, Previews
from paddock.watch.reviewing import look
from paddock.watch.wish import ImportWish, parsed

PREVIEW_SECONDS = 25.0


async def preview(ctx: Context, wish: ImportWish) -> Preview:
    """Reads the cluster and compares it with what is known. Writes nothing but the audit.

    Raises Invalid beside the field, NotFound for the site, and the exact error of `proxmox.errors`; for
    a certificate that nobody has confirmed yet that is Untrusted with the code `unconfirmed`.
    """
    target = audit.Target("site", wish.site_id, _shown(wish.url))
    await guard.require(ctx, "nodes.import", target=target)
    endpoint, credential, choice = parsed(wish)
    site = await sites.get_site(ctx, wish.site_id)
    try:
        async with asyncio.timeout(PREVIEW_SECONDS):
            reached = await reach(endpoint, choice, credential)
            try:
                if wish.name:
                    await _check_name(ctx, wish, reached)
                found = await look(ctx, reached, credential, site.id, site.name, by_hand=bool(wish.name))
                if wish.name:
                    found = await _narrowed(ctx, found, wish)
            finally:
                await reached.connection.close()
    except TimeoutError:
        raise Upstream(
            f"{endpoint} answers too slowly: the cluster could not be read within {PREVIEW_SECONDS:.0f} s.",
            code="timed_out",
            hint="Look on the node: systemctl status pveproxy pvedaemon pvestatd",
        ) from None
    except PaddockError as error:
        await audit.record_alone(ctx, "nodes.preview", target, outcome="failed", code=error.code)
        raise
    await audit.record_alone(
        ctx, "nodes.preview", target, outcome="ok", detail={"cluster": found.review.cluster}
    )
    return ctx.part(Previews).keep(found)


async def list_realms(ctx: Context, url: str) -> tuple[Offered, ...]:
    """The realms that a server offers, whoever it is: nothing is believed and nothing secret is sent for it.

    Raises Invalid for the URL, and what `proxmox.identify` raises.
    """
    await guard.require(ctx, "nodes.import", target=audit.Target("realms", label=_shown(url)))
    endpoint = parse_api_url(url)
    transport = HttpTransport()
    try:
        return offered((await identify(endpoint, TlsPolicy(TrustMode.OFF), transport)).items)
    finally:
        await transport.close()


async def read_again(ctx: Context, preview_id: str) -> Preview:
    """Another review with the same address, sign-in and trust; the old one is forgotten. Raises as `preview`, and NotFound."""
    owner = ctx.actor.user_id or ctx.actor.name
    await guard.require(ctx, "nodes.import", target=audit.Target("preview", preview_id))
    made = await preview(ctx, wish_of(ctx.part(Previews).get(preview_id, owner)))
    ctx.part(Previews).forget(preview_id)
    return made


async def import_cluster(ctx: Context, preview_id: str, members: Sequence[str], *, token: str = "") -> Job:
    """Queues the durable import of the ticked members. With `token` (observer · operator) the password is used
    once to make a token, and forgotten.

    Raises NotFound for an expired review, Invalid for the ticks or the `token`.
    """
    previews = ctx.part(Previews)
    owner = ctx.actor.user_id or ctx.actor.name
    await guard.require(ctx, "nodes.import", target=audit.Target("preview", preview_id))
    kept = previews.get(preview_id, owner)
    chosen = sorted(set(members))
    if not chosen:
        raise Invalid.field("members", "Tick at least one member.")
    for name in chosen:
        member = kept.review.only(name)
        if member is None:
            raise Invalid.field("members", f"{name} is not in this review; names are case-sensitive.")
        if not member.selectable:
            raise Invalid.field("members", f"{name} cannot be imported: {member.writes}.")
    plan = _token_plan(ctx, kept, token) if token else None
    kept = previews.take(preview_id, owner)
    label = f"Import {len(chosen)} {'node' if len(chosen) == 1 else 'nodes'} of {kept.review.cluster}"
    async with ctx.write() as tx:
        job = jobs.queue(
            ctx,
            tx,
            import_job.TYPE,
            import_job.arguments(kept, chosen, plan, ctx.actor.name),
            label=label,
            site_id=kept.review.site_id,
            links=[{"kind": "site", "id": kept.review.site_id, "label": kept.review.site}],
            total=len(chosen),
            secret=secret_of(kept.credential),
        )
        audit.record(
            tx,
            ctx,
            "nodes.import",
            audit.Target("job", job.id, label),
            detail={
                "members": chosen,
                "trust": kept.review.trust_mode,
                "sign_in": plan.token if plan else kept.review.credential_name,
            },
        )
    return job


def wish_of(kept: Preview) -> ImportWish:
    """What led to this review, to be tried again or typed anew."""
    name, secret = kept.review.credential_name, secret_of(kept.credential).reveal()
    by_token = kept.review.credential_kind == "token"
    confirmed = kept.review.trust_mode in (TrustMode.CLUSTER_CA, TrustMode.PINNED)
    trusted = kept.review.certificate.sha256 if confirmed else None
    return ImportWish(
        site_id=kept.review.site_id,
        url=kept.endpoint.url,
        username="" if by_token else name,
        password="" if by_token else secret,
        token_id=name if by_token else "",
        token_secret=secret if by_token else "",
        trust=kept.review.trust_mode,
        fingerprint=trusted,
        ca_pem=kept.trusted_pem if kept.review.trust_mode == TrustMode.SYSTEM else "",
        name=kept.review.via if kept.review.by_hand else "",
        address=kept.addresses.get(kept.review.via, "") if kept.review.by_hand else "",
    )


async def create_node(ctx: Context, wish: ImportWish) -> Job:
    """Registers the one node behind the URL, under exactly the name that Proxmox gives it.

    Raises what `preview` and `import_cluster` raise, and Invalid where `wish` has no name.
    """
    await guard.require(ctx, "nodes.import", target=audit.Target("node", label=wish.name))
    if not wish.name.strip():
        raise Invalid.field("name", "Give the node's name, exactly as Proxmox shows it.")
    kept = await preview(ctx, wish)
    return await import_cluster(ctx, kept.id, [kept.review.via])


def _token_plan(ctx: Context, kept: Preview, level: str) -> Plan:
    """Raises Invalid where this sign-in cannot make a token, with what it lacks."""
    if level not in set(Level):
        raise Invalid.field("token", "Choose operator or observer.")
    lacks = kept.review.token_lacks
    if lacks is None:
        raise Invalid.field("token", "You sign in with a token already.")
    if lacks:
        raise Invalid.field(
            "token",
            f"{kept.review.credential_name} may not make a token: it lacks {', '.join(lacks)}.",
            code="ceremony_rights",
        )
    return token_names.plan(Level(level), "", "", ctx.now(), new_id())


async def _check_name(ctx: Context, wish: ImportWish, reached: Reached) -> None:
    """Compares exactly, with case: Proxmox finds a node under no other name. Raises NameMismatch."""
    members = {row.name for row in reached.status if row.type == "node"}
    elsewhere = {node.name: node.cluster for node in await nodes.all_nodes(ctx)}
    naming.check(wish.name.strip(), reached.local_node, members, elsewhere)


async def _narrowed(ctx: Context, kept: Preview, wish: ImportWish) -> Preview:
    """The review of one node out of its cluster. Raises AlreadyExists where it is registered, here or elsewhere."""
    only = kept.review.only(kept.review.via)
    assert only is not None  # the node that answered is one of its members
    managed = await nodes.all_nodes(ctx)
    same = [node for node in managed if node.name == only.name and node.cluster == kept.review.known_as]
    by_hand.check(only, kept.review, same, kept.endpoint, managed)
    review = kept.review
    if known := await clusters.find_by_identity(ctx, review.identity):
        by_hand.check_trust(review.trust_mode, known.name, known.trust_mode)
        shared = connecting.unseal(ctx.vault, known) == kept.credential
        review = replace(review, notes=by_hand.notes(review, shared=shared), token_lacks=None)
    if wish.address:
        kept.addresses[only.name] = wish.address
        only = replace(only, address=wish.address)
    if kept.endpoint.host != only.address:
        kept.hosts[only.name] = kept.endpoint.host
    return replace(kept, review=replace(review, members=(only,), by_hand=True))


def _shown(url: str) -> str:
    """An address for the audit; what cannot be read may hold a password, and is left out."""
    try:
        return parse_api_url(url).authority
    except Invalid:
        return ""
