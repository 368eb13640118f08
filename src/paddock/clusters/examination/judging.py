"""What each answer means for a diagnosis. Pure: answers in, steps out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paddock.clusters.examination.steps import Key, Line, Need, Outcome, Step
from paddock.proxmox.certificates import normal_fingerprint
from paddock.proxmox.errors import LoginRefused
from paddock.proxmox.shapes import Node, NodeStorage, NodeTime, StatusRow
from paddock.proxmox.wanted import Level, grant_on, table

SKEW_WARN = 5.0
SKEW_FAIL = 240.0  # tickets are refused from 300 s on
LITTLE = 0.95  # of a storage that is used
OLDEST = 8
"""Major version of Proxmox VE."""


def refused_code(error: LoginRefused) -> tuple[str, str]:
    """As exact as Proxmox VE is: before 9.1.5 its reason says why, since then only that."""
    reason = error.reason.lower()
    for mark, code, text in _REASONS:
        if mark in reason:
            return code, text
    return error.code, error.message


_REASONS = (
    ("no such token", "token_unknown", "Proxmox VE does not know the token: it was deleted."),
    ("access expired", "token_expired", "The token, or its user, has expired."),
    ("invalid token value", "token_secret_wrong", "The token exists, but its secret is another one."),
    ("is disabled", "user_disabled", "The user is disabled."),
    ("no such user", "user_unknown", "Proxmox VE does not know the user."),
)


def judge_rights(permissions: Mapping[str, Mapping[str, int]], token: str, user: str) -> Step:
    needs = tuple(
        Need(want.privilege, want.path, want.purpose, want.present, required=want.level is Level.OBSERVER)
        for want in table(permissions)
    )
    proof = (
        Line("Sent", "GET /access/permissions"),
        Line("Seen", f"{len(permissions)} paths with privileges"),
    )
    missing = [need for need in needs if need.required and not need.present]
    unable = [need for need in needs if not need.required and not need.present]
    if not any(permissions.values()):
        who = f"the token {token}" if token else user
        text = f"Signed in, but {who} holds no privilege at all"
        text += ", as a token with privilege separation and no entries of its own." if token else "."
        return Step(Key.RIGHTS, Outcome.FAILED, text, "no_rights", proof=proof, needs=needs)
    if missing:
        listed = ", ".join(f"{need.privilege} on {need.path}" for need in missing)
        cannot_see = any(need.privilege == "Sys.Audit" for need in missing)
        outcome = Outcome.FAILED if cannot_see else Outcome.WARNED
        text = f"Missing: {listed}."
        if narrower := [path for path in grant_on(permissions) if path != "/"]:
            text += f" A narrower entry, on {' and '.join(narrower)}, replaces the one that is inherited."
        return Step(Key.RIGHTS, outcome, text, "rights_missing", proof=proof, needs=needs)
    if unable:
        text = f"May watch everything; cannot {unable[0].purpose}"
        text += f" and {len(unable) - 1} more" if len(unable) > 1 else ""
        return Step(Key.RIGHTS, Outcome.PASSED, text, proof=proof, needs=needs)
    return Step(Key.RIGHTS, Outcome.PASSED, "May watch and manage everything", proof=proof, needs=needs)


def judge_name(registered: str, status: Sequence[StatusRow]) -> Step:
    rows = [row for row in status if row.type == "node"]
    local = next((row.name for row in rows if row.local or len(rows) == 1), "")
    if not local:
        return Step(Key.NAME, Outcome.SKIPPED, "The node does not say its own name")
    proof = (Line("Sent", "GET /cluster/status"), Line("Seen", f"local: {local}"))
    if registered and registered != local:
        other = next((row.name for row in rows if row.name == registered), "")
        why = ""
        if registered.lower() == local.lower():
            why = " They differ in case alone, and Proxmox VE tells cases apart."
        elif registered.partition(".")[0] == local:
            why = " Proxmox VE uses the short name, without the domain."
        elif other:
            why = f" {registered} is another member of the same cluster: the address is that of {local}."
        text = f"The node name doesn't match: Proxmox calls it {local}, registered is {registered}.{why}"
        return Step(Key.NAME, Outcome.FAILED, text, "name_mismatch", proof=proof)
    return Step(Key.NAME, Outcome.PASSED, f"Proxmox VE calls it {local}", proof=proof)


def judge_membership(node: str, identity: str, ca: str, lone: bool, status: Sequence[StatusRow]) -> Step:
    rows = [row for row in status if row.type == "node"]
    cluster = next((row for row in status if row.type == "cluster"), None)
    online = sum(bool(row.online) for row in rows)
    proof: tuple[Line, ...] = (
        Line("Sent", "GET /cluster/status"),
        Line("Seen", f"{online} of {len(rows)} members online"),
    )
    if identity and ca and not identity.startswith("leaf:") and normal_fingerprint(ca) != identity:
        text = "Another cluster answers here than the one that it was registered in: its CA is another one."
        return Step(
            Key.MEMBERSHIP, Outcome.FAILED, text, "other_cluster", proof=(*proof, Line("Seen", f"CA {ca}"))
        )
    if lone and cluster is not None:
        text = f"It was a lone host and is now a member of the cluster {cluster.name}."
        return Step(Key.MEMBERSHIP, Outcome.WARNED, text, "joined_cluster", proof=proof)
    if cluster is None:
        return Step(Key.MEMBERSHIP, Outcome.PASSED, "A lone host", proof=proof)
    if node and node not in {row.name for row in rows}:
        text = f"The cluster {cluster.name} does not list {node} as a member."
        return Step(Key.MEMBERSHIP, Outcome.FAILED, text, "left_cluster", proof=proof)
    if cluster.quorate is False:
        text = f"Member of {cluster.name}, which has no quorum: {online} of {len(rows)} members online."
        return Step(Key.MEMBERSHIP, Outcome.FAILED, text, "no_quorum", proof=proof)
    return Step(
        Key.MEMBERSHIP,
        Outcome.PASSED,
        f"Member of {cluster.name}, quorate, {online} of {len(rows)} online",
        proof=proof,
    )


def judge_clock(found: NodeTime, ours: float) -> Step:
    """`ours` is Paddock's time at the middle of the request, in seconds since the epoch."""
    if found.time is None:
        return Step(Key.CLOCK, Outcome.SKIPPED, "The node does not say its time")
    skew = found.time - ours
    shown = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Paddock's"
    proof = (Line("Sent", "GET /nodes/localhost/time"), Line("Seen", f"{found.time} s since 1970"))
    if abs(skew) >= SKEW_FAIL:
        return Step(
            Key.CLOCK,
            Outcome.FAILED,
            f"Its clock is {shown}: tickets are refused.",
            "clock_skew",
            proof=proof,
        )
    if abs(skew) >= SKEW_WARN:
        return Step(Key.CLOCK, Outcome.WARNED, f"Its clock is {shown}.", "clock_skew", proof=proof)
    return Step(Key.CLOCK, Outcome.PASSED, "Agrees with Paddock's", proof=proof)


def judge_storages(rows: Sequence[NodeStorage]) -> Step:
    fit = [row for row in rows if "rootdir" in (row.content or "").split(",")]
    active = [row for row in fit if row.active]
    proof = (
        Line("Sent", "GET /nodes/localhost/storage"),
        Line(
            "Seen",
            ", ".join(f"{row.storage} {'active' if row.active else 'not active'}" for row in rows)
            or "nothing",
        ),
    )
    if not rows:
        return Step(Key.STORAGES, Outcome.WARNED, "No storage can be seen.", "no_storage", proof=proof)
    if not fit:
        text = "No storage takes containers' disks (content rootdir)."
        return Step(Key.STORAGES, Outcome.WARNED, text, "no_storage", proof=proof)
    down = [row.storage for row in rows if row.enabled and not row.active]
    if not active or down:
        text = f"Not active: {', '.join(down or [row.storage for row in fit])}."
        return Step(Key.STORAGES, Outcome.WARNED, text, "storage_inactive", proof=proof)
    full = [row.storage for row in active if row.total and (row.used or 0) / row.total >= LITTLE]
    if len(full) == len(active):
        return Step(Key.STORAGES, Outcome.WARNED, f"Full: {', '.join(full)}.", "storage_full", proof=proof)
    return Step(Key.STORAGES, Outcome.PASSED, ", ".join(row.storage for row in active), proof=proof)


_FOR_CONTAINERS = ("lvmthin", "zfspool", "btrfs", "rbd", "lvm", "dir", "nfs", "cifs")
"""Types that may take containers' disks, those first that are made for disks (pve-storage, `plugindata`)."""


def could_hold(rows: Sequence[NodeStorage]) -> tuple[str, str]:
    """A storage of the node that could take containers' disks, and its content types with `rootdir`; empty texts
    where there is none. Setting them replaces the old ones, so these are kept."""
    fit = [row for row in rows if row.enabled and row.active and row.type in _FOR_CONTAINERS]
    if not fit:
        return "", ""
    best = min(fit, key=lambda row: _FOR_CONTAINERS.index(row.type or ""))
    kept = {each for each in (best.content or "").split(",") if each not in ("", "none")}
    return best.storage, ",".join(sorted(kept | {"rootdir"}))


def judge_version(version: str) -> Step:
    proof = (Line("Sent", "GET /version"), Line("Seen", version))
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST:
        text = f"Proxmox VE {version} is older than what Paddock is made for ({OLDEST} and newer)."
        return Step(Key.VERSION, Outcome.WARNED, text, "old_version", proof=proof)
    return Step(Key.VERSION, Outcome.PASSED, f"Proxmox VE {version}", proof=proof)


def judge_others(
    node: str,
    status: Sequence[StatusRow],
    rows: Sequence[Node],
    *,
    host: str = "",
    shown: str = "",
    reached: bool | None = None,
    elsewhere: str = "",
) -> Step:
    """What the other members say of the node. `shown` is the fingerprint that it shows to Paddock, "" if none;
    `reached` whether they reach its API; `elsewhere` another address of it that answers."""
    row = next((row for row in status if row.type == "node" and row.name == node), None)
    via = next((row.name for row in status if row.local), "Another member")
    proof: tuple[Line, ...] = (Line("Sent", f"GET /cluster/status, GET /nodes at {via}"),)
    if row is None:
        text = f"{via} does not list {node} as a member."
        return Step(Key.OTHERS, Outcome.FAILED, text, "left_cluster", proof=proof)
    word = "online" if row.online else "offline"
    proof = (*proof, Line("Seen", f"{node} {word}, ip {row.ip or 'unknown'}"))
    reported = next((each.ssl_fingerprint for each in rows if each.node == node and each.ssl_fingerprint), "")
    if reported:
        reported = normal_fingerprint(reported)
        proof = (*proof, Line("Reported", reported))
    if reached is not None:
        said = "answers" if reached else "does not answer"
        proof = (*proof, Line("Asked through", f"GET /nodes/{node}/version at {via}: {said}"))
    if not row.online:
        return Step(Key.OTHERS, Outcome.WARNED, f"{via} sees {node} offline.", "seen_offline", proof=proof)
    sees = f"{via} sees {node} online"
    if shown and shown == reported:
        return Step(
            Key.OTHERS, Outcome.PASSED, f"{sees}, with this certificate", "same_certificate", proof=proof
        )
    if elsewhere:
        text = f"{sees} at {elsewhere}, where the port answers; registered is {host}."
        return Step(Key.OTHERS, Outcome.WARNED, text, "seen_elsewhere", proof=proof)
    if shown and reported:
        text = f"{sees}, but reports another certificate than the one that is shown here."
        return Step(Key.OTHERS, Outcome.WARNED, text, "other_certificate", proof=proof)
    if reached is False:
        text = f"{sees}, but gets no answer of its API either."
        return Step(Key.OTHERS, Outcome.WARNED, text, "seen_unreached", proof=proof)
    return Step(Key.OTHERS, Outcome.PASSED, sees, "seen_online", proof=proof)
