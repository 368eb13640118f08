"""Every fault of the simulator, and what a diagnosis must say of it; or why it cannot see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from paddock.clusters.examination import Diagnosis, Key, Patience, Subject, examine
from paddock.proxmox import TlsPolicy, TrustMode
from paddock.proxmox.credentials import Credential
from pvesim import ClusterScene, Running
from pvesim.scene import WATCH_PASSWORD, UserScene
from tests.contract.lab import Lab

NODE = "pve2"
QUICK = Patience(connect=1.5, answer=3.0, sluggish=0.3)
"""For faults that let one wait. Where none does, the product's own keeps a busy machine from being a fault."""
ROLE_PASSWORD = "orchard gate hinge 4"


def scene() -> ClusterScene:
    """Three nodes, and a user whose role is the administrator's own."""
    made = ClusterScene.simple("c", nodes=3, containers=6)
    user = UserScene(userid="paddock@pve", password=ROLE_PASSWORD, roles=["Watching"])
    rights = ["Sys.Audit", "VM.Audit", "Datastore.Audit", "SDN.Audit", "Pool.Audit"]
    return msgspec.structs.replace(made, users=[*made.users, user], roles={"Watching": rights})


By = Callable[[Lab], Credential]


def root(lab: Lab) -> Credential:
    return lab.password()


def token(lab: Lab) -> Credential:
    return lab.token("full")


def auditor(lab: Lab) -> Credential:
    return lab.token("auditor")


def watcher(lab: Lab) -> Credential:
    return lab.password(WATCH_PASSWORD, "watch@pve")


def own_role(lab: Lab) -> Credential:
    return lab.password(ROLE_PASSWORD, "paddock@pve")


@dataclass(frozen=True)
class Case:
    """One fault with its parameters, and the code of the cause."""

    code: str
    parameters: dict[str, Any] = field(default_factory=dict)
    by: By = root
    everywhere: bool = False
    """Strikes the whole cluster; else the node alone."""
    off: bool = False
    """Verification is switched off."""
    at: Key | None = None
    """The step at which it shows, where its code does not say so."""


@dataclass(frozen=True)
class Unseen:
    """A fault that a diagnosis of a node does not show, and why."""

    why: str


ALL: dict[str, Any] = {"path": ".", "count": 0}

TABLE: dict[str, list[Case] | Unseen] = {
    # nodes and network
    "node-down": [Case("node_down"), Case("node_down", {"how": "silent"})],
    "power-cut": [Case("node_down", {"how": "silent"}), Case("node_down", {"how": "refused"})],
    "daemon-down": [Case("connection_refused"), Case("connection_refused", by=token)],
    "backend-down": [Case("backend_down"), Case("backend_down", by=token)],
    "black-hole": [Case("timed_out"), Case("storage_hangs", {"path": "/storage"})],
    "slow": [Case("timed_out"), Case("slow", {"seconds": 0.4})],
    "backlog-full": [Case("api_hangs")],
    "address-changed": [Case("wrong_address")],
    "clock-skew": [
        Case("clock_skew"),
        Case("clock_skew", {"seconds": -600.0}),
        Case("clock_skew", {"seconds": 30.0}, by=token),
    ],
    "wrong-product": [
        Case("fingerprint_changed"),
        Case("not_proxmox", off=True),
        Case("not_proxmox", {"product": "backup"}, off=True),
    ],
    # answers
    "answer-lost": [Case("connection_reset", ALL), Case("connection_reset", ALL | {"how": "reset"})],
    "request-lost": [Case("connection_reset", ALL), Case("timed_out", ALL | {"how": "silent"})],
    "answer-cut": [Case("connection_reset", ALL), Case("connection_reset", ALL | {"how": "close"})],
    "drip": [Case("timed_out", {"path": "domains"})],
    "overloaded": [Case("gateway_failed")],
    "rubbish": [
        Case("not_proxmox"),
        Case("not_proxmox", {"how": "not-json"}),
        Case("unreadable", {"path": "/version"}),
        Case("unreadable", {"path": "/version", "how": "binary"}),
        Case("unreadable", {"path": "/cluster/status", "how": "empty"}),
        Case("unreadable", {"path": "/access/permissions", "how": "wrong-type"}),
    ],
    # certificates
    "certificate-replaced": [
        Case("fingerprint_changed"),
        Case("fingerprint_changed", {"by": "impostor"}),
        Case("unverified", off=True),
    ],
    "certificate-renewed": [Case("ok")],
    "certificate-custom": [Case("custom_certificate")],
    "certificate-expired": [Case("expired")],
    "certificate-early": [Case("not_yet_valid")],
    "certificate-misnamed": [Case("host_mismatch")],
    "ca-replaced": [Case("ca_replaced", everywhere=True)],
    # credentials and rights
    "password-changed": [Case("password_refused", everywhere=True)],
    "token-deleted": [Case("token_refused", by=token, everywhere=True)],
    "token-replaced": [Case("token_refused", by=token, everywhere=True)],
    "token-expired": [Case("token_refused", by=token, everywhere=True)],
    "token-stripped": [Case("no_rights", by=auditor, everywhere=True)],
    "user-disabled": [Case("password_refused", by=watcher, everywhere=True)],
    "user-expired": [Case("password_refused", by=watcher, everywhere=True)],
    "tfa-demanded": [Case("two_factor_required", everywhere=True)],
    "role-emptied": [Case("no_rights", by=own_role, everywhere=True)],
    "acl-removed": [Case("no_rights", by=watcher, everywhere=True)],
    # the cluster
    "quorum-lost": [Case("no_quorum", everywhere=True)],
    "node-added": Unseen("the node that is diagnosed is well; what joins is offered elsewhere"),
    "node-removed": [Case("left_cluster", at=Key.CONNECT)],
    "node-renamed": [Case("name_mismatch")],
    "maintenance": Unseen("it is wanted, and the node answers as always"),
    "cluster-formed": Unseen("needs a lone host: see the tests of lone hosts"),
    "host-joined": Unseen("needs a lone host: see the tests of lone hosts"),
    # guests and tasks
    "guest-moved": Unseen("concerns one guest, not the node"),
    "guest-renamed": Unseen("concerns one guest, not the node"),
    "guest-locked": Unseen("concerns one guest, not the node"),
    "guest-toggled": Unseen("concerns one guest, not the node"),
    "guest-stubborn": Unseen("concerns one guest, not the node"),
    "guest-destroyed": Unseen("concerns one guest, not the node"),
    "vmid-taken": Unseen("concerns one guest, not the node"),
    "task-trouble": Unseen("a diagnosis starts no task"),
    "task-killed": Unseen("a diagnosis starts no task"),
    # storages
    "storage-full": [Case("storage_full")],
    "storage-inactive": [Case("storage_inactive")],
    "storage-hung": [Case("storage_hangs")],
}


def cause(sim: Running, name: str, case: Case, node: str = NODE) -> None:
    sim.fault(name, cluster="c", node="" if case.everywhere else node, **case.parameters)


def subject(lab: Lab, by: By = root, *, off: bool = False, node: str = NODE) -> Subject:
    """As Paddock has it in its rows before anything goes wrong."""
    there = lab.cluster.nodes
    policies = {
        name: TlsPolicy(TrustMode.OFF)
        if off
        else TlsPolicy(TrustMode.CLUSTER_CA, ca_pem=lab.cluster.ca_pem, fingerprint=one.fingerprint)
        for name, one in there.items()
    }
    credential = by(lab)
    return Subject(
        endpoint=lab.endpoint(node),
        policy=policies[node],
        credential=credential,
        node=node,
        cluster="c",
        identity=lab.cluster.ca_fingerprint,
        reported=there[node].fingerprint,
        peers=lab.connection(credential, policies=policies),
        peer_names=tuple(name for name in there if name != node),
    )


async def diagnosed(found: Subject, *, patience: Patience = QUICK, **changes: Any) -> Diagnosis:
    async with asyncio.timeout(8):
        return await examine(replace(found, **changes), patience=patience)
