"""REST of the import."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends

from paddock.access.guard import api_context
from paddock.base.context import Context
from paddock.clusters.schemas import CertificateOut
from paddock.watch import actions
from paddock.watch.previews import Preview
from paddock.watch.review import MemberReview
from paddock.watch.schemas import (
    ClusterFoundOut,
    CredentialOut,
    ImportIn,
    ImportOut,
    MemberOut,
    NodeIn,
    PreviewIn,
    PreviewOut,
    RealmOut,
    RealmsIn,
    RealmsOut,
)
from paddock.watch.wish import ImportWish

router = APIRouter(tags=["imports"])
Ctx = Annotated[Context, Depends(api_context)]


@router.post("/imports/preview")
async def preview(ctx: Ctx, body: PreviewIn) -> PreviewOut:
    """Reads a cluster and says what an import would write. Writes nothing.

    A certificate that nobody has confirmed answers 502 with the code `unconfirmed` and the certificate:
    compare its `sha256` with `pvenode cert info` on the node, then repeat with `trust.fingerprint`.
    """
    return preview_out(await actions.preview(ctx, _wish(body)))


@router.post("/imports/realms")
async def list_realms(ctx: Ctx, body: RealmsIn) -> RealmsOut:
    """The realms that the server offers for a user name. Asked without a sign-in; nothing secret is sent."""
    found = await actions.list_realms(ctx, body.url)
    return RealmsOut(realms=[RealmOut(name=one.name, text=one.text, default=one.default) for one in found])


@router.post("/imports", status_code=202)
async def import_cluster(ctx: Ctx, body: ImportIn) -> ImportOut:
    """Starts the durable import of the named members; follow it at `/jobs/{job_id}`."""
    job = await actions.import_cluster(ctx, body.preview_id, body.members, token=body.token or "")
    return ImportOut(job_id=job.id)


@router.post("/nodes", status_code=202, tags=["nodes"])
async def create_node(ctx: Ctx, body: NodeIn) -> ImportOut:
    """Registers one node by hand, after its name was compared with what Proxmox says; follow `/jobs/{job_id}`."""
    wish = replace(_wish(body), name=body.name, address=body.address.strip().strip("[]"))
    job = await actions.create_node(ctx, wish)
    return ImportOut(job_id=job.id)


def _wish(body: PreviewIn) -> ImportWish:
    return ImportWish(
        site_id=body.site_id,
        url=body.url,
        username=body.username,
        password=body.password,
        token_id=body.token_id,
        token_secret=body.token_secret,
        trust=body.trust.mode,
        fingerprint=body.trust.fingerprint,
        ca_pem=body.trust.ca_pem,
    )


def preview_out(preview: Preview) -> PreviewOut:
    review = preview.review
    return PreviewOut(
        preview_id=preview.id,
        expires_at=preview.expires_at,
        site_id=review.site_id,
        read_at=review.read_at,
        via=review.via,
        cluster=ClusterFoundOut(
            name=review.cluster,
            kind="standalone" if review.lone else "cluster",
            identity=review.identity,
            known=bool(review.known_as),
            quorate=review.quorate,
        ),
        trust_mode=review.trust_mode,
        certificate=CertificateOut.of(review.certificate),
        ca=CertificateOut.of(review.authority) if review.authority else None,
        credential=CredentialOut(
            kind=review.credential_kind,
            name=review.credential_name,
            can=list(review.can),
            cannot=list(review.cannot),
            missing=list(review.missing),
            token_lacks=None if review.token_lacks is None else list(review.token_lacks),
        ),
        members=[_member(member) for member in review.members],
        notes=list(review.notes),
    )


def _member(member: MemberReview) -> MemberOut:
    return MemberOut(
        name=member.name,
        address=member.address,
        online=member.online,
        comparison=member.comparison,
        changes=list(member.changes),
        writes=member.writes,
        version=member.version,
        cores=member.cores,
        memory=member.memory,
        storage=member.storage,
        containers=member.containers,
        containers_running=member.containers_running,
        vms=member.vms,
        certificate=member.certificate,
        problem=member.problem,
        selectable=member.selectable,
        preselected=member.preselected,
    )
