"""What the world outside has to offer: Proxmox's appliance templates, OCI images, files behind an address.

Nothing is ever fetched. An address answers with a file whose size follows from the address, unless it is a
loopback address or below `.invalid`, where nobody listens. Any checksum of the right length is right, but for
one of a single digit repeated, which is wrong.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from pvesim.scene import MIB
from pvesim.works.storing import Remote

_HOST = "http://download.proxmox.com/images/system"
_SYSTEMS: tuple[tuple[str, str, str, int], ...] = (
    ("alpine-3.22-default", "20250617", "alpine-3.22", 3),
    ("archlinux-base", "20240911-1", "archlinux", 148),
    ("debian-12-standard", "12.12-1", "debian-12", 124),
    ("debian-13-standard", "13.1-2", "debian-13", 121),
    ("fedora-42-default", "20250428", "fedora", 83),
    ("rockylinux-10-default", "20251001", "rockylinux-10", 98),
    ("ubuntu-24.04-standard", "24.04-2", "ubuntu-24.04", 135),
)
#: Repository → tags, newest last; what is not here does not exist or is private.
IMAGES: Mapping[str, tuple[str, ...]] = {
    "library/alpine": ("3.20", "3.21", "3.22", "latest"),
    "library/busybox": ("1.36", "1.37", "latest"),
    "library/debian": ("12", "13", "bookworm", "trixie", "latest"),
    "library/nginx": ("1.28", "1.29", "alpine", "latest"),
    "library/postgres": ("16", "17", "18", "latest"),
    "library/redis": ("7", "8", "latest"),
    "grafana/grafana": ("12.1.0", "12.2.0", "latest"),
}
_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_TYPES = {
    ".iso": "application/x-iso9660-image", ".gz": "application/gzip", ".zst": "application/zstd",
    ".xz": "application/x-xz", ".qcow2": "application/octet-stream",
}  # fmt: skip


def appliances() -> dict[str, dict[str, object]]:
    """File name → row of /nodes/{node}/aplinfo."""
    found: dict[str, dict[str, object]] = {}
    for package, version, system, size in _SYSTEMS:
        ending = "xz" if package.startswith(("alpine", "fedora", "rocky")) else "zst"
        file = f"{package}_{version}_amd64.tar.{ending}"
        name = package.rpartition("-")[0].replace("-", " ").title()
        found[file] = {
            "architecture": "amd64",
            "description": f"{name} ({package.rpartition('-')[2]})\n A small {name} system for containers.",
            "headline": f"{name} ({package.rpartition('-')[2]})",
            "infopage": "https://pve.proxmox.com/wiki/Linux_Container",
            "location": f"{_HOST}/{file}",
            "maintainer": "Proxmox Support Team <support@proxmox.com>",
            "os": system,
            "package": package,
            "section": "system",
            "sha512sum": f"{zlib.crc32(file.encode()):08x}" * 16,
            "source": _HOST,
            "template": file,
            "type": "lxc",
            "version": version,
            "size": size * MIB,
        }
    return found


def remote(url: str, algorithm: str = "", checksum: str = "") -> Remote:
    """What there is at an address."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    if not host or host == "localhost" or host.startswith("127.") or host.endswith(".invalid"):
        return Remote(url, None, checksum)
    intact = len(checksum) == _LENGTHS.get(algorithm, 0) and len(set(checksum)) > 1
    size = (40 + zlib.crc32(url.encode()) % 700) * MIB
    return Remote(url, size, checksum, intact or not checksum)


def mimetype(file: str) -> str:
    return next((kind for end, kind in _TYPES.items() if file.endswith(end)), "application/octet-stream")


def tags(reference: str) -> tuple[str, ...] | None:
    """The tags of a repository; None where there is none that one may see."""
    return IMAGES.get(_repository(reference))


def image_size(reference: str) -> int:
    """Bytes of an image's archive; 0 where there is no such image."""
    repository, _, tag = reference.rpartition(":")
    if tag not in IMAGES.get(_repository(repository), ()):
        return 0
    return (4 + zlib.crc32(reference.encode()) % 160) * MIB


def _repository(reference: str) -> str:
    """ "docker.io/library/nginx" and "nginx" are the same."""
    first, slash, rest = reference.partition("/")
    name = rest if slash and ("." in first or ":" in first or first == "localhost") else reference
    return name if "/" in name else f"library/{name}"
