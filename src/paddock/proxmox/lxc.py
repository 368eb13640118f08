"""The configuration of an LXC container, out of Proxmox VE's property strings. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TRUE = {"1", "on", "yes", "true"}
_NET = re.compile(r"net([0-9]{1,4})")
_MOUNT = re.compile(r"mp([0-9]{1,4})")
_LIMIT = 1 << 63  # a database holds no greater whole number


@dataclass(frozen=True, slots=True)
class Net:
    """One `netN`. `ip` is a CIDR address, `dhcp`, `manual` or None; `ip6` may also be `auto`."""

    index: int
    name: str | None
    bridge: str | None
    hwaddr: str | None
    ip: str | None
    ip6: str | None
    gateway: str | None
    gateway6: str | None
    tag: int | None
    firewall: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        """The static addresses, with prefix."""
        return tuple(a for a in (self.ip, self.ip6) if a and a not in {"dhcp", "manual", "auto"})


@dataclass(frozen=True, slots=True)
class Volume:
    """`rootfs` or a mount point; `storage` is None for a bind mount or device."""

    key: str
    volume: str
    storage: str | None
    size: int | None  # bytes
    path: str | None


@dataclass(frozen=True, slots=True)
class LxcConfig:
    """`complete` is False while the container is being made: then only a lock and a digest exist."""

    digest: str | None
    hostname: str | None
    description: str | None
    tags: tuple[str, ...]
    ostype: str | None
    arch: str | None
    memory: int | None  # bytes
    swap: int | None  # bytes
    cores: int | None
    cpulimit: float | None
    unprivileged: bool
    onboot: bool
    protection: bool
    template: bool
    features: tuple[str, ...]
    nets: tuple[Net, ...]
    volumes: tuple[Volume, ...]
    nameserver: str | None
    searchdomain: str | None
    lock: str | None
    complete: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(address for net in self.nets for address in net.addresses)


def parse_config(raw: Mapping[str, Any]) -> LxcConfig:
    """Never raises: what cannot be read is None or left out."""
    return LxcConfig(
        digest=_text(raw.get("digest")),
        hostname=_text(raw.get("hostname")),
        description=_text(raw.get("description")),
        tags=split_tags(_text(raw.get("tags"))),
        ostype=_text(raw.get("ostype")),
        arch=_text(raw.get("arch")),
        memory=_mebibytes(raw.get("memory")),
        swap=_mebibytes(raw.get("swap")),
        cores=_whole(raw.get("cores")),
        cpulimit=_number(raw.get("cpulimit")),
        unprivileged=_flag(raw.get("unprivileged")),
        onboot=_flag(raw.get("onboot")),
        protection=_flag(raw.get("protection")),
        template=_flag(raw.get("template")),
        features=tuple(
            f"{k}={v}" if k in {"mount"} else k
            for k, v in properties(_text(raw.get("features")) or "").items()
            if k in {"mount"} or _flag(v)
        ),
        nets=tuple(net(index, _text(raw[key]) or "") for index, key in _numbered(raw, _NET)),
        volumes=tuple(
            volume(key, _text(raw[key]) or "")
            for key in (*(["rootfs"] if "rootfs" in raw else []), *(k for _, k in _numbered(raw, _MOUNT)))
        ),
        nameserver=_text(raw.get("nameserver")),
        searchdomain=_text(raw.get("searchdomain")),
        lock=_text(raw.get("lock")),
        complete="rootfs" in raw,
    )


def properties(text: str, default: str = "") -> dict[str, str]:
    """`a=1,b=2` as a dict; a part without = goes under `default`."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        found[key.strip() if equals else default] = (value if equals else part).strip()
    return found


def net(index: int, text: str) -> Net:
    part = properties(text)
    return Net(
        index,
        name=part.get("name"),
        bridge=part.get("bridge"),
        hwaddr=part.get("hwaddr"),
        ip=part.get("ip"),
        ip6=part.get("ip6"),
        gateway=part.get("gw"),
        gateway6=part.get("gw6"),
        tag=_whole(part.get("tag")),
        firewall=_flag(part.get("firewall")),
    )


def volume(key: str, text: str) -> Volume:
    part = properties(text, default="volume")
    name = part.get("volume", "")
    storage, colon, _ = name.partition(":")
    return Volume(
        key,
        name,
        storage=storage if colon and not name.startswith("/") else None,
        size=size(part.get("size")),
        path="/" if key == "rootfs" else part.get("mp"),
    )


def size(text: str | None) -> int | None:
    """`8G`, `512M`, `1T` or bytes, as bytes; powers of 1024."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text or "")
    if not match:
        return None
    return _bounded(float(match[1]) * 1024 ** " KMGT".index(match[2] or " "))


def split_tags(text: str | None) -> tuple[str, ...]:
    """Proxmox VE joins tags with semicolons and accepts commas and blanks."""
    return tuple(dict.fromkeys(tag for tag in re.split(r"[;,\s]+", text or "") if tag))


def _numbered(raw: Mapping[str, Any], pattern: re.Pattern[str]) -> list[tuple[int, str]]:
    found = ((pattern.fullmatch(key), key) for key in raw)
    return sorted((int(match[1]), key) for match, key in found if match)


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value).rstrip("\n")


def _flag(value: object) -> bool:
    return str(value).strip().lower() in _TRUE if value is not None else False


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(number: float | None) -> int | None:
    """The whole number, if there is one within 64 bits."""
    return int(number) if number is not None and -_LIMIT <= number < _LIMIT else None


def _whole(value: object) -> int | None:
    return _bounded(_number(value))


def _mebibytes(value: object) -> int | None:
    number = _whole(value)
    return _bounded(number * 1024.0**2) if number is not None else None
