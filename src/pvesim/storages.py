"""What each type of storage can do, and the storage.cfg entries that follow from it.

Source: the `plugindata` and `options` of pve-storage `Storage/*Plugin.pm`, `Storage/Plugin.pm`
(`parse_config`: what is shared by nature, and that `local` is always there).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvesim.scene import StorageScene

_FILES = ("images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import")
_PRUNING = ("prune-backups", "max-protected-backups")
_DIRECTORY = ("content-dirs", "format", "mkdir", "create-base-path", "create-subdirs", "preallocation",
              "snapshot-as-volume-chain", *_PRUNING)  # fmt: skip
_COMMON = ("nodes", "disable", "content", "bwlimit")
_ISCSI_TARGET = ("comstar_hg", "comstar_tg", "lio_tpg", "zfs-base-path", "nowritecache", "sparse")

#: Options that storage.cfg does not hold: they go into files of their own and are never read back.
SECRET = frozenset(("password", "encryption-key", "keyring", "master-pubkey"))


@dataclass(frozen=True, slots=True)
class Kind:
    """A storage type: what it may hold, what it holds where nothing is said, and its options."""

    contents: tuple[str, ...]
    usual: tuple[str, ...]
    needs: tuple[str, ...] = ()  # and cannot be changed later
    takes: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()  # optional, but not to be changed later
    shared: bool = False  # by nature
    files: bool = False
    label: str = ""  # in "unable to parse … volume name"


KINDS: Mapping[str, Kind] = {
    "dir": Kind((*_FILES, "none"), ("images", "rootdir"), ("path",),
                (*_DIRECTORY, "shared", "is_mountpoint"), files=True, label="directory"),
    "btrfs": Kind((*_FILES, "none"), ("images", "rootdir"), ("path",),
                  (*_DIRECTORY, "shared", "is_mountpoint", "nocow"), files=True, label="directory"),
    "nfs": Kind((*_FILES, "none"), ("images",), ("server", "export"), (*_DIRECTORY, "options"), ("path",),
                shared=True, files=True, label="directory"),
    "cifs": Kind((*_FILES, "none"), ("images",), ("server", "share"),
                 (*_DIRECTORY, "options", "subdir", "username", "password", "domain", "smbversion"),
                 ("path",), shared=True, files=True, label="directory"),
    "cephfs": Kind(("vztmpl", "iso", "backup", "snippets", "import", "none"), ("backup",), (),
                   (*_DIRECTORY, "monhost", "options", "username", "fuse", "keyring"),
                   ("path", "subdir", "fs-name"), shared=True, files=True, label="directory"),
    "lvm": Kind(("images", "rootdir"), ("images",), ("vgname",),
                ("shared", "saferemove", "saferemove-stepsize", "saferemove_throughput", "tagged_only",
                 "snapshot-as-volume-chain"), ("base",), label="lvm"),
    "lvmthin": Kind(("images", "rootdir", "none"), ("images", "rootdir"), ("thinpool", "vgname"),
                    label="lvm"),
    "zfspool": Kind(("images", "rootdir", "none"), ("images", "rootdir"), ("pool",),
                    ("sparse", "mountpoint"), ("blocksize",), label="zfs"),
    "zfs": Kind(("images",), ("images",), ("portal", "target", "pool", "iscsiprovider"), _ISCSI_TARGET,
                ("blocksize",), shared=True, label="zfs"),
    "rbd": Kind(("images", "rootdir", "none"), ("images",), (),
                ("monhost", "pool", "data-pool", "namespace", "username", "krbd", "keyring"),
                shared=True, label="rbd"),
    "iscsi": Kind(("images", "none"), ("images",), ("portal", "target"), shared=True, label="iscsi"),
    "iscsidirect": Kind(("images", "none"), ("images",), ("portal", "target"), shared=True, label="iscsi"),
    "pbs": Kind(("backup", "none"), ("backup",), ("server", "datastore"),
                ("namespace", "port", "username", "password", "encryption-key", "master-pubkey",
                 "fingerprint", "skip-cert-verification", *_PRUNING), shared=True, label="PBS"),
    "esxi": Kind(("import",), ("import",), ("server", "username"),
                 ("password", "skip-cert-verification", "port"), shared=True, label="ESXi"),
}  # fmt: skip


def kind_of(storage: StorageScene) -> Kind:
    return KINDS.get(storage.type, KINDS["dir"])


class Unfit(ValueError):
    """An option that a storage of the type cannot have; the text is Proxmox's."""


def check_options(kind: Kind, given: Mapping[str, str], *, create: bool) -> None:
    """`check_config` of pve-common `SectionConfig.pm`. Raises Unfit."""
    known = {*kind.needs, *kind.takes, *kind.fixed, *_COMMON}
    for key, value in given.items():
        if not create and key in (*kind.needs, *kind.fixed):
            raise Unfit(f"can't change value of fixed parameter '{key}'")
        if key not in known:
            raise Unfit(f"unexpected property '{key}'")
        if key == "content":
            check_content(kind, value.split(","))
    for key in kind.needs if create else ():
        if key not in given:
            raise Unfit(f"missing value for required option '{key}'")


def check_content(kind: Kind, content: Iterable[str]) -> None:
    """Raises Unfit for what the type cannot hold."""
    content = list(content)
    for each in content:
        if each not in kind.contents:
            raise Unfit(f"storage does not support content type '{each}'")
    if "none" in content and len(set(content)) > 1:
        raise Unfit("unable to combine 'none' with other content types")


def check_deletion(kind: Kind, key: str, given: Mapping[str, str]) -> None:
    """Raises Unfit for an option that cannot be taken away."""
    if key in kind.needs:
        raise Unfit(f"unable to delete required option '{key}'")
    if key in kind.fixed:
        raise Unfit(f"unable to delete fixed option '{key}'")
    if key not in (*kind.takes, *_COMMON):
        raise Unfit(f"no such option '{key}'")
    if key in given:
        raise Unfit(f"cannot set and delete property '{key}' at the same time!")


def directory(storage: StorageScene) -> str:
    """Where a file-based storage has its files."""
    known = storage.options.get("path")
    if known:
        return known
    if storage.name == "local":
        return "/var/lib/vz"
    return f"/mnt/{'pve/' if kind_of(storage).shared else ''}{storage.name}"


def usual_local() -> StorageScene:
    """The `local` that is there even where storage.cfg does not have it."""
    return StorageScene(
        name="local", content=["backup", "images", "import", "iso", "rootdir", "snippets", "vztmpl"],
        options={"path": "/var/lib/vz", "prune-backups": "keep-all=1"},
    )  # fmt: skip
