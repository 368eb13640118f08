"""What volumes of a storage can: snapshots, linked clones, full copies, becoming a template.

Source: pve-storage's plugins (`volume_has_feature`) for the formats that containers use, raw and subvol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvesim.guestconfig import Conf, disks
from pvesim.model import Cluster

_FILES: Mapping[str, tuple[str, ...]] = {"copy": ("current", "base"), "template": ("current",)}
_THIN: Mapping[str, tuple[str, ...]] = {
    "snapshot": ("current",),
    "clone": ("base", "snap"),
    "copy": ("current", "base", "snap"),
    "template": ("current",),
}
#: Storage type → feature → states of a volume: as it is, base of a template, at a snapshot.
_FEATURES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "lvm": {"copy": ("current", "base")},
    "lvmthin": _THIN,
    "rbd": {**_THIN, "snapshot": ("current", "snap")},
    "zfspool": {
        "snapshot": ("current", "snap"),
        "clone": ("base",),
        "copy": ("current", "base"),
        "template": ("current",),
    },
    "btrfs": {
        "snapshot": ("current", "snap"),
        "clone": ("current", "base", "snap"),
        "copy": ("current", "base", "snap"),
        "template": ("current",),
    },
}
#: Linked clones whose names begin with that of their base, so that they cannot leave it behind.
NAMES_BASE = frozenset(("zfspool", "rbd", "dir", "nfs", "cifs", "cephfs"))
_BASE = re.compile(r"(?:^|/)base(?:vol)?-\d+-[^/]+$")


def is_base(volid: str) -> bool:
    """Whether a template owns the volume."""
    return bool(_BASE.search(volid.partition(":")[2]))


def has_feature(cluster: Cluster, feature: str, volid: str, snapshot: str = "") -> bool:
    """Whether the volume's storage can do that with it."""
    storage = cluster.storages.get(volid.partition(":")[0])
    if storage is None:
        return False
    state = "snap" if snapshot else "base" if is_base(volid) else "current"
    known = _FEATURES.get(storage.type, _FILES)
    if known is _FILES and feature == "copy" and volid.endswith(".subvol"):
        return False
    return state in known.get(feature, ())


def all_have(cluster: Cluster, feature: str, conf: Conf, snapshot: str = "") -> bool:
    """Whether all volumes of a configuration have it."""
    return all(has_feature(cluster, feature, disk["volume"], snapshot) for disk in disks(conf).values())


def base_of(volid: str) -> str | None:
    """The base in a linked clone's name."""
    first, slash, _ = volid.partition(":")[2].rpartition("/")
    return first.rpartition("/")[2] if slash and is_base(f":{first}") else None
