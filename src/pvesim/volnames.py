"""What the name of a volume says: its content, whose it is, its format.

Source: `parse_volname` of pve-storage's plugins; `Storage.pm` (`archive_info` and the lists of endings).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from pvesim.scene import StorageScene
from pvesim.storages import kind_of

ISO = re.compile(r".+\.(?:iso|img)", re.IGNORECASE)
TEMPLATE = re.compile(r".+\.tar(?:\.(?:gz|xz|zst|bz2))?", re.IGNORECASE)
TEMPLATE_BEFORE_OCI = re.compile(r".+\.tar\.(?:gz|xz|zst|bz2)", re.IGNORECASE)
IMPORT = re.compile(r"[A-Za-z0-9\-.+=_]+\.(?:ova|ovf|qcow2|raw|vmdk)")
_BACKUP = re.compile(r"(?:.+)\.(tgz|(?:tar|vma)(?:\.(?:gz|lzo|zst|bz2))?)")
_DUMP = re.compile(r"vzdump-(openvz|lxc|qemu)-(\d+)-.+")
_STANDARD = re.compile(
    r"vzdump-(lxc|qemu|openvz)-([1-9]\d{2,8})-(\d{4}_\d{2}_\d{2}-\d{2}_\d{2}_\d{2})"
    r"\.(?:tgz|(?:tar|vma)(?:\.(?:gz|lzo|zst|bz2))?)"
)
_IN_FOLDER = re.compile(r"(?:\d+/[^/\s]+/)?(\d+)/(\S+)")
_IMAGE = re.compile(r"\S+\.(raw|qcow2|vmdk|subvol)")
_ON_BLOCKS = re.compile(r"(?:\S+/)?(?:vm|base|subvol|basevol)-(\d+)-\S+")
_ON_PBS = re.compile(r"backup/(vm|ct|host)/([^/\s]+)/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")


@dataclass(frozen=True, slots=True)
class Named:
    """A volume's name taken apart."""

    content: str  # images for any disk
    file: str
    vmid: int | None = None
    format: str = "raw"


class BadName(ValueError):
    """A name that the storage's plugin cannot parse, in its words."""


def parse(storage: StorageScene, name: str) -> Named:
    """Take the part of a volume id behind the colon apart. Raises BadName."""
    kind = kind_of(storage)
    if not kind.files:
        return _on_blocks(storage, name, kind.label)
    folder, _, file = name.partition("/")
    if folder == "iso" and ISO.fullmatch(file):
        return Named("iso", file)
    if folder == "vztmpl" and TEMPLATE.fullmatch(file):
        return Named("vztmpl", file)
    if folder == "rootdir" and file.isdigit():
        return Named("rootdir", file, int(file))
    if folder == "backup" and (ending := _BACKUP.fullmatch(file)):
        dump = _DUMP.match(file)
        return Named("backup", file, int(dump[2]) if dump else None, ending[1])
    if folder == "snippets" and file:
        return Named("snippets", file)
    if folder == "import" and IMPORT.fullmatch(file):
        return Named("import", file)
    if disk := _IN_FOLDER.fullmatch(name):
        image = _IMAGE.fullmatch(disk[2])
        if image is None:
            raise BadName(f"unable to parse volume filename '{disk[2]}'")
        return Named("images", disk[2], int(disk[1]), image[1])
    raise BadName(f"unable to parse {kind.label} volume name '{name}'")


def _on_blocks(storage: StorageScene, name: str, label: str) -> Named:
    if storage.type == "pbs":
        backup = _ON_PBS.fullmatch(name)
        if backup is None:
            raise BadName(f"unable to parse PBS volume name '{name}'")
        owner = int(backup[2]) if backup[2].isdigit() else None
        return Named("backup", name.removeprefix("backup/"), owner, f"pbs-{backup[1]}")
    disk = _ON_BLOCKS.fullmatch(name)
    if disk is None:
        raise BadName(f"unable to parse {label} volume name '{name}'")
    return Named("images", name, int(disk[1]), "subvol" if "subvol-" in name or "basevol-" in name else "raw")


@dataclass(frozen=True, slots=True)
class Dump:
    """What the standard name of a backup says."""

    kind: str  # lxc, qemu
    vmid: int
    ctime: int


def dump(name: str) -> Dump | None:
    """A backup's guest and time by its name; None where it is not the standard one."""
    if backup := _ON_PBS.fullmatch(name):
        if not backup[2].isdigit():
            return None
        when = datetime.strptime(f"{backup[3]}+0000", "%Y-%m-%dT%H:%M:%SZ%z")
        return Dump({"ct": "lxc", "vm": "qemu"}.get(backup[1], "host"), int(backup[2]), int(when.timestamp()))
    standard = _STANDARD.fullmatch(name.rpartition("/")[2])
    if standard is None:
        return None
    when = datetime.strptime(f"{standard[3]}+0000", "%Y_%m_%d-%H_%M_%S%z")
    return Dump(standard[1], int(standard[2]), int(when.timestamp()))


def safe(file: str) -> str:
    """A file's name as it may be on a storage (`normalize_content_filename`)."""
    return re.sub(r"[^a-zA-Z0-9_.\-]", "_", re.sub(r"^.*[/\\]", "", file.removesuffix("\n")))
