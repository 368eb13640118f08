"""Parameter verification with Proxmox's own texts (pve-common `PVE/JSONSchema.pm`): all errors at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pvesim.errors import invalid

_INTEGER = re.compile(r"[+-]?\d+")
_NODE = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
_STORAGE = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]")
_TOKENID = re.compile(r"[A-Za-z][A-Za-z0-9._-]+")
_USER = re.compile(r"[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+")
_NAME = re.compile(r"[A-Za-z0-9._-]+")

Format = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Param:
    """What one parameter may be."""

    kind: str = "string"  # string, integer, boolean, number
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: re.Pattern[str] | None = None
    enum: tuple[str, ...] = ()
    format: Format | None = None  # text of what is wrong, or None

    def needed(self) -> Param:
        return replace(self, required=True)


def text(**limits: int) -> Param:
    return Param(**limits)  # type: ignore[arg-type]


def choice(*values: str) -> Param:
    return Param(enum=values)


def integer(minimum: int | None = None, maximum: int | None = None) -> Param:
    return Param("integer", minimum=minimum, maximum=maximum)


def _vmid(value: str) -> str | None:
    return None if re.fullmatch(r"[1-9][0-9]{2,8}", value) else "value does not look like a valid VM ID"


def _node(value: str) -> str | None:
    return None if _NODE.fullmatch(value) else "value does not look like a valid node name"


def _user(value: str) -> str | None:
    return None if _USER.fullmatch(value) else f"value '{value}' does not look like a valid user name"


def _storage(value: str) -> str | None:
    return None if _STORAGE.fullmatch(value) else f"storage ID '{value}' contains illegal characters"


def _named(what: str) -> Format:
    return lambda value: None if _NAME.fullmatch(value) else f"{what} '{value}' contains invalid characters"


TEXT = Param()
BOOLEAN = Param("boolean")
NODE = Param(format=_node)
VMID = Param("integer", minimum=100, maximum=999999999, format=_vmid)
STORAGE = Param(format=_storage)
USERID = Param(format=_user, max_length=64)
TOKENID = Param(pattern=_TOKENID)
ROLEID = Param(format=_named("role name"))
GROUPID = Param(format=_named("group name"))

#: Parameters that mean the same in every path.
IN_PATH: Mapping[str, Param] = {
    "node": NODE,
    "vmid": VMID,
    "storage": STORAGE,
    "userid": USERID,
    "tokenid": TOKENID,
}


def verify(given: Mapping[str, object], allowed: Mapping[str, Param], extra: str = "") -> dict[str, str]:
    """The parameters as texts, booleans as "1"/"0". Raises ApiError 400 naming everything wrong.

    `extra` is a prefix of names that are let through unchecked (net0, mp1 … of long schemas).
    """
    errors: dict[str, str] = {}
    good: dict[str, str] = {}
    for name, value in given.items():
        param = allowed.get(name)
        if param is None:
            errors[name] = (
                "property is not defined in schema and the schema does not allow additional properties"
            )
            continue
        if value is None:
            continue
        shown = "1" if value is True else "0" if value is False else value
        problem = _problem(param, shown)
        if problem:
            errors[name] = problem
        else:
            good[name] = str(shown)
    for name, param in allowed.items():
        if param.required and given.get(name) is None:
            errors[name] = "property is missing and it is not optional"
    if errors:
        raise invalid(**errors)
    return good


def _problem(param: Param, value: object) -> str | None:
    if isinstance(value, list | dict):
        return f"type check ('{param.kind}') failed - got {'ARRAY' if isinstance(value, list) else 'HASH'}"
    shown = str(value)
    if param.kind == "integer":
        if isinstance(value, float) and value.is_integer():
            shown = str(int(value))
        if not _INTEGER.fullmatch(shown):
            return f"type check ('integer') failed - got '{shown}'"
    if param.kind == "boolean" and shown not in ("0", "1"):
        return f"type check ('boolean') failed - got '{shown}'"
    if param.kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", shown):
        return f"type check ('number') failed - got '{shown}'"
    return _limits(param, shown)


def _limits(param: Param, shown: str) -> str | None:
    if param.format and (wrong := param.format(shown)):
        return f"invalid format - {wrong}\n"
    if param.minimum is not None and int(shown) < param.minimum:
        return f"value must have a minimum value of {param.minimum}"
    if param.maximum is not None and int(shown) > param.maximum:
        return f"value must have a maximum value of {param.maximum}"
    if param.min_length is not None and len(shown) < param.min_length:
        return f"value must be at least {param.min_length} characters long"
    if param.max_length is not None and len(shown) > param.max_length:
        return f"value may only be {param.max_length} characters long"
    if param.pattern and not param.pattern.fullmatch(shown):
        return "value does not match the regex pattern"
    if param.enum and shown not in param.enum:
        return f"value '{shown}' does not have a value in the enumeration '{', '.join(param.enum)}'"
    return None
