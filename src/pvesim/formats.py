"""Proxmox's named formats and what each says of a value that does not fit.

Sources: pve-common `PVE/JSONSchema.pm`, pve-storage `PVE/Storage.pm` and `Storage/Plugin.pm`,
pve-access-control `PVE/AccessControl.pm`, pve-container `PVE/LXC/Config.pm`, pve-guest-common, ha-manager.
A format that is not here takes everything.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from zoneinfo import available_timezones

from pvesim.privileges import BUILTIN_ROLES

Check = Callable[[str], None]


class FormatError(ValueError):
    """What Proxmox says of a value that does not fit a format, without trailing newline."""


def words(value: str) -> list[str]:
    """A list as Proxmox takes it (`split_list`): by commas, semicolons, NULs or blanks."""
    return [word for word in re.split(r"[,;\0\s]+", value) if word]


def _matches(pattern: str, wrong: str, *, ignore_case: bool = False) -> Check:
    known = re.compile(pattern, re.IGNORECASE if ignore_case else 0)

    def check(value: str) -> None:
        if not known.fullmatch(value):
            raise FormatError(wrong.format(value))

    return check


def _address(version: int | None, wrong: str) -> Check:
    def check(value: str) -> None:
        try:
            found = ipaddress.ip_address(value)
        except ValueError:
            raise FormatError(wrong) from None
        if version not in (None, found.version) or "%" in value:
            raise FormatError(wrong)

    return check


def _is_host(value: str) -> bool:
    """A name or an address."""
    if re.fullmatch(rf"(?:{_NAME}\.)*{_NAME}", value):
        return True
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _host(wrong: str) -> Check:
    def check(value: str) -> None:
        if not _is_host(value):
            raise FormatError(wrong.format(value))

    return check


def _portal(value: str) -> None:
    """A host with or without a port; an IPv6 address with one stands in brackets (`parse_host_and_port`)."""
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([^:]+):\d+", value)
    if not _is_host((found[1] or found[2]) if found else value):
        raise FormatError("value does not look like a valid portal address")


def _network(versions: tuple[int, ...], wrong: str) -> Check:
    def check(value: str) -> None:
        try:
            found = ipaddress.ip_interface(value)
        except ValueError:
            raise FormatError(wrong) from None
        least = 8  # Proxmox refuses shorter prefixes in both families
        if "/" not in value or found.version not in versions or found.network.prefixlen < least:
            raise FormatError(wrong)

    return check


def _either(words: tuple[str, ...], check: Check, wrong: str) -> Check:
    def check_either(value: str) -> None:
        if value in words:
            return
        try:
            check(value)
        except FormatError:
            raise FormatError(wrong) from None

    return check_either


def _privilege(value: str) -> None:
    if not any(value in BUILTIN_ROLES[major]["Administrator"] for major in BUILTIN_ROLES):
        raise FormatError(f"invalid privilege '{value}'")


def _time_zone(value: str) -> None:
    if value != "host" and value not in available_timezones():
        raise FormatError(f"invalid time zone '{value}'")


def _device(value: str) -> None:
    if re.search(r"/\.\.?(?:/|$)", value) or not value.startswith("/dev/"):
        raise FormatError(f"{value} is not a valid device path")


def _pair(known: str) -> Check:
    """One entry of a mapping: FROM:TO, a default, or 1 for "each to itself" (`parse_idmap`)."""

    def check(value: str) -> None:
        parts = value.split(":") if re.fullmatch(r"[^:]+:[^:]+", value) else [value]
        for each in () if value == "1" else parts:
            try:
                FORMATS[known](each)
            except FormatError as error:
                raise FormatError(f"entry '{value}' contains invalid ID - {error}\n\n") from None

    return check


def _vlans(value: str) -> None:
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", value)
    if found is None:
        raise FormatError(f"invalid VLAN configuration '{value}'")
    ends = [tag for tag in found.groups() if tag]
    for tag in ends:
        if not 2 <= int(tag) <= 4094:
            raise FormatError(f"invalid VLAN tag '{tag}'")
    if len(ends) == 2 and int(ends[0]) >= int(ends[1]):
        raise FormatError(f"VLAN range must go from lower to higher tag '{value}'")


def _netmask(value: str) -> None:
    try:
        ipaddress.IPv4Network(f"0.0.0.0/{value}")
        right = value.count(".") == 3 and int(ipaddress.IPv4Address(value)) in _MASKS
    except ValueError:
        right = False
    if not right:
        raise FormatError("value does not look like a valid IP netmask")


def _startup(value: str) -> None:
    parts = [part for part in value.split(",") if part.strip()]
    if not value or not all(re.fullmatch(r"(?:(?:order=)?|up=|down=)\d+", part) for part in parts):
        raise FormatError("unable to parse startup options")


def _user_name(value: str) -> None:
    if len(value) < 3:
        raise FormatError(f"user name '{value}' is too short")
    if len(value) > 64:
        raise FormatError(f"user name '{value}' is too long ({len(value)} > 64)")
    if not re.fullmatch(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+", value):
        raise FormatError(f"value '{value}' does not look like a valid user name")


def _folder_of_content(value: str) -> None:
    found = re.fullmatch(r"([a-z]+)=([^.]*(?:\.?[^.]+)+)", value) if ".." not in value else None
    if found is None or len(found[2]) >= 1023 or any(len(part) >= 255 for part in found[2].split("/")):
        raise FormatError(f"invalid override '{value}'")
    _content(found[1])


def _mount_path(value: str) -> None:
    if re.search(r"/\.\.?/|/\.\.?$|^\.\.?/", value):
        raise FormatError(f"{value} contains illegal character sequences")


def _content(value: str) -> None:
    known = ("images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none")
    if value not in known:
        raise FormatError(f"invalid content type '{value}'")


_MASKS = frozenset((0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF for bits in range(33))
_EMAIL_USER = r"[\w+\-~]+(?:\.[\w+\-~]+)*"
_EMAIL = rf"{_EMAIL_USER}@[a-zA-Z0-9\-]+(?:\.[a-zA-Z0-9\-]+)*"
_LABEL = r"[a-zA-Z0-9][a-zA-Z0-9_\-]*"
_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?"
_CIDR4 = _network((4,), "value does not look like a valid IPv4 CIDR network")
_CIDR6 = _network((6,), "value does not look like a valid IPv6 CIDR network")
_IPV4 = _address(4, "value does not look like a valid IPv4 address")
_IPV6 = _address(6, "value does not look like a valid IPv6 address")
_IP = _address(None, "value does not look like a valid IP address")
_DNS_NAME = _matches(rf"(?:{_NAME}\.)*{_NAME}", "value does not look like a valid DNS name")
_HA_SID = r"(?:(?:vm|ct):[1-9][0-9]{2,8})"

#: Format name → check.
FORMATS: Mapping[str, Check] = {
    "pve-configid": _matches(r"[a-z][a-z0-9_-]+", "invalid configuration ID '{}'", ignore_case=True),
    "pve-storage-id": _matches(
        r"[a-z][a-z0-9\-_.]*[a-z0-9]", "storage ID '{}' contains illegal characters", ignore_case=True
    ),
    "pve-node": _matches(_NAME, "value does not look like a valid node name"),
    "pve-vmid": _matches(r"[1-9][0-9]{2,8}", "value does not look like a valid VM ID"),
    "pve-bridge-id": _matches(r"[-_.\w]+", "invalid bridge ID '{}'"),
    "pve-iface": _matches(
        r"[a-z][a-z0-9_]{1,20}([:.]\d+)?", "invalid network interface name '{}'", ignore_case=True
    ),
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "ip": _IP,
    "lxc-ip-with-ll-iface": _IP,
    "CIDRv4": _CIDR4,
    "CIDRv6": _CIDR6,
    "CIDR": _network((4, 6), "value does not look like a valid CIDR network"),
    "pve-ipv4-config": _either(
        ("dhcp", "manual"), _CIDR4, "value does not look like a valid ipv4 network configuration"
    ),
    "pve-ipv6-config": _either(
        ("dhcp", "auto", "manual"), _CIDR6, "value does not look like a valid ipv6 network configuration"
    ),
    "mac-addr": _matches(
        r"[a-f0-9][02468ace](?::[a-f0-9]{2}){5}",
        "value does not look like a valid unicast MAC address",
        ignore_case=True,
    ),
    "email": _matches(_EMAIL, "value does not look like a valid email address"),
    "email-or-username": _matches(
        rf"{_EMAIL}|{_EMAIL_USER}", "value does not look like a valid email address or user name"
    ),
    "dns-name": _DNS_NAME,
    "address": _host("value does not look like a valid address: {}"),
    "pve-storage-server": _host("value does not look like a valid server name or IP address"),
    "disk-size": _matches(r"\d+(\.\d+)?[KMGT]?", "value does not look like a valid disk size: {}"),
    "pve-startup-order": _startup,
    "pve-poolid": _matches(
        r"[A-Za-z0-9.\-_]+(?:/[A-Za-z0-9.\-_]+)*", "pool name '{}' contains invalid characters"
    ),
    "pve-userid": _user_name,
    "pve-tokenid": _matches(
        r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+",
        "value '{}' does not look like a valid token ID",
    ),
    "pve-groupid": _matches(r"[A-Za-z0-9.\-_]+", "group name '{}' contains invalid characters"),
    "pve-roleid": _matches(r"[A-Za-z0-9.\-_]+", "role name '{}' contains invalid characters"),
    "pve-realm": _matches(r"[A-Za-z][A-Za-z0-9.\-_]+", "value does not look like a valid realm"),
    "pve-priv": _privilege,
    "pve-volume-id": _matches(
        r"[a-z][a-z0-9\-_.]*[a-z0-9]:.+", "unable to parse volume ID '{}'", ignore_case=True
    ),
    "pve-storage-content": _content,
    "pve-tag": _matches(r"[a-z0-9_][a-z0-9_\-+.]*", "invalid characters in tag", ignore_case=True),
    "pve-ct-timezone": _time_zone,
    "pve-lxc-mp-string": _mount_path,
    "pve-lxc-dev-string": _device,
    "pve-storage-path": _matches(r"/[^;()]+.*", "value does not look like a valid absolute path"),
    "pve-storage-vgname": _matches(
        r"[a-z0-9][a-z0-9\-_.]*[a-z0-9]", "lvm name '{}' contains illegal characters", ignore_case=True
    ),
    "pve-storage-portal-dns": _portal,
    "pve-storage-options": _matches(r"\S+", "invalid options '{}'"),
    "pve-dir-override": _folder_of_content,
    "storage-pair": _pair("pve-storage-id"),
    "bridge-pair": _pair("pve-bridge-id"),
    "pve-vlan-id-or-range": _vlans,
    "mac-prefix": _matches(
        r"[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}:?",
        "value is not a valid unicast MAC address prefix",
        ignore_case=True,
    ),
    "ldap-simple-attr": _matches(
        r"[a-zA-Z0-9]+", "value '{}' does not look like a simple ldap attribute name"
    ),
    "pve-task-status-type": _matches(r"ok|error|warning|unknown", "invalid status '{}'", ignore_case=True),
    "pve-acme-domain": _matches(
        rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+", "value does not look like a valid domain name!"
    ),
    "pve-acme-alias": _matches(rf"{_LABEL}(?:\.{_LABEL})+", "value does not look like a valid alias name!"),
    "pve-ha-resource-id": _matches(_HA_SID, "value does not look like a valid ha resource id"),
    "pve-ha-resource-or-vm-id": _matches(
        rf"{_HA_SID}|[1-9][0-9]{{2,8}}", "value does not look like a valid ha resource id"
    ),
    "pve-ha-node": _matches(rf"{_NAME}(?::\d+)?", "value does not look like a valid ha node name"),
    "ipv4mask": _netmask,
    "urlencoded": _matches(r"[-%a-zA-Z0-9_.!~*'()]*", "invalid urlencoded string: {}"),
    "pve-replication-job-id": _matches(
        r"[1-9][0-9]{2,8}-\d{1,9}", "value does not look like a valid replication job id"
    ),
}
