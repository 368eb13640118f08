"""REST of diagnoses."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.clusters.examination import Diagnosis
from paddock.diagnosis import actions, queries
from paddock.diagnosis.bundle import bundle_name, make_bundle
from paddock.diagnosis.documents import to_wire
from paddock.diagnosis.schemas import BundleOut, DiagnosisOut, UrlDiagnosisIn
from paddock.diagnosis.wish import UrlWish

router = APIRouter(tags=["diagnosis"])
Ctx = Annotated[Context, Depends(api_context)]


@router.post("/nodes/{node_id}/diagnose")
async def diagnose_node(ctx: Ctx, node_id: str) -> DiagnosisOut:
    """Looks at a node step by step, as every request goes, and keeps the result.

    What is wrong with the node is the answer, not an error: look at `code`. Takes seconds where it is silent.
    """
    return diagnosis_out(await actions.diagnose_node(ctx, node_id))


@router.get("/nodes/{node_id}/diagnosis")
async def last_diagnosis(ctx: Ctx, node_id: str) -> DiagnosisOut:
    """The newest diagnosis of a node: asked for, or made by itself when the node failed."""
    check(ctx, "nodes.read")
    return diagnosis_out((await queries.get_diagnosis(ctx, node_id)).diagnosis)


@router.get("/nodes/{node_id}/support-bundle")
async def support_bundle(ctx: Ctx, node_id: str, response: Response) -> BundleOut:
    """What somebody who helps needs to see, in one document and without secrets."""
    check(ctx, "nodes.read")
    bundle = await make_bundle(ctx, node_id)
    response.headers["Content-Disposition"] = f'attachment; filename="{bundle_name(bundle["node"]["name"])}"'
    return BundleOut.model_validate(bundle)


@router.post("/diagnose")
async def diagnose_url(ctx: Ctx, body: UrlDiagnosisIn) -> DiagnosisOut:
    """The same for an address before anything is registered. Nothing is kept, the credential least of all.

    A certificate that is not trusted is described and gets no credential: compare its SHA-256 with
    `pvenode cert info` on the node, then give it as `trust.fingerprint`.
    """
    wish = UrlWish(
        url=body.url,
        username=body.username,
        password=body.password.get_secret_value(),
        token_id=body.token_id,
        token_secret=body.token_secret.get_secret_value(),
        trust=body.trust.mode,
        fingerprint=body.trust.fingerprint or "",
    )
    return diagnosis_out(await actions.diagnose_url(ctx, wish))


def diagnosis_out(diagnosis: Diagnosis) -> DiagnosisOut:
    return DiagnosisOut.model_validate(to_wire(diagnosis))
