"""Support bundles of a node and of an address: what somebody who helps needs to see, without anything secret."""

from __future__ import annotations

import platform
import ssl
from collections.abc import Set
from typing import Any

import paddock
from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.clusters.connecting import credential_for, secret_of, unseal
from paddock.clusters.examination import Diagnosis
from paddock.clusters.examination.proofs import without_secrets
from paddock.diagnosis import queries
from paddock.diagnosis.documents import to_wire
from paddock.nodes import queries as nodes
from paddock.proxmox.connections import Connections
from paddock.proxmox.members import MemberState

EVENTS = 200
FORMAT = 1


async def make_bundle(ctx: Context, node_id: str) -> dict[str, Any]:
    """JSON-ready. Raises NotFound."""
    node = await nodes.get_node(ctx, node_id)
    view = await clusters.view_cluster(ctx, node.cluster_id)
    cluster = view.row
    kept = await queries.find_diagnosis(ctx, node_id)
    members = await clusters.members_of(ctx, node.cluster_id)
    events = await nodes.events_of(ctx, node_id, limit=EVENTS)
    connection = ctx.part(Connections).open(node.cluster_id)
    live = node.figures
    document = {
        **_heading(ctx),
        "node": {
            "id": node.id,
            "name": node.name,
            "address": node.address,
            "url": node.url,
            "status": str(node.status),
            "status_since": node.status_since,
            "status_code": node.status_code,
            "status_reason": node.status_reason,
            "pve_version": node.pve_version,
            "kernel": node.kernel,
            "certificate_ends": node.certificate_ends,
            "vanished_at": node.vanished_at,
            "cluster_says": live.word,
            "cluster_says_at": live.word_at,
            "contact_at": live.contact_at,
            "contact_ok_at": live.contact_ok_at,
            "contact_code": live.contact_code,
            "contact_problem": live.contact_text,
        },
        "cluster": {
            "id": cluster.id,
            "name": cluster.name,
            "kind": cluster.kind,
            "quorate": cluster.quorate,
            "trust_mode": cluster.trust_mode,
            "ca_fingerprint": cluster.identity,
            "signs_in_by": cluster.credential_kind,
            "signs_in_as": cluster.credential_name,
            "trouble": cluster.trouble,
            "trouble_text": cluster.trouble_text,
            "trouble_since": cluster.trouble_since,
        },
        "members": [
            {
                "name": member.name,
                "address": member.address,
                "port": member.port,
                "fingerprint": member.fingerprint,
                "vanished_at": member.vanished_at,
            }
            for member in members
        ],
        "conversations": [_state(state) for state in connection.member_states()] if connection else [],
        "diagnosis": to_wire(kept.diagnosis) if kept else None,
        "events": [
            {"at": event.at, "kind": event.kind, "level": event.level, "text": event.text}
            for event, _ in events
        ],
    }
    secrets = {secret_of(credential_for(ctx.vault, cluster, member)).reveal() for member in members}
    found: dict[str, Any] = _clean(document, {secret_of(unseal(ctx.vault, cluster)).reveal(), *secrets})
    return found


def address_bundle(ctx: Context, diagnosis: Diagnosis) -> dict[str, Any]:
    """JSON-ready, of an address that is not registered: Paddock knows no more of it than the diagnosis says."""
    return {**_heading(ctx), "diagnosis": to_wire(diagnosis)}


def _heading(ctx: Context) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made_at": ctx.now().isoformat(),
        "paddock": {
            "version": paddock.__version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "openssl": ssl.OPENSSL_VERSION,
            "database": "postgresql" if ctx.settings.database_url else "sqlite",
            "watch_interval": ctx.settings.watch_interval,
            "contact_interval": ctx.settings.contact_interval,
        },
    }


def bundle_name(node: str) -> str:
    """As a file; a node's name holds letters, digits and hyphens only."""
    return f"paddock-{''.join(sign for sign in node if sign.isalnum() or sign == '-') or 'node'}.json"


def _state(state: MemberState) -> dict[str, Any]:
    return {
        "member": state.member.name,
        "at": state.at,
        "failures": state.failures,
        "resting": state.resting,
        "error": state.error.code if state.error else None,
        "text": state.error.message if state.error else None,
    }


def _clean(value: Any, secrets: Set[str]) -> Any:
    """Whatever it is, without secrets: none is expected here, and a hostile server may still have sent one back."""
    if isinstance(value, str):
        for secret in secrets:
            value = without_secrets(value, secret)
        return value
    if isinstance(value, dict):
        return {key: _clean(one, secrets) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one, secrets) for one in value]
    return value
