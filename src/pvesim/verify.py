"""Parameter verification with Proxmox's own texts (pve-common `PVE/JSONSchema.pm`): all errors at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from pvesim.errors import invalid
from pvesim.formats import FORMATS, FormatError, words

UNDEFINED = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"

_LONGEST = 18  # digits; Perl counts on in fractions, we stop there
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(?=\d|\.\d)\d*(\.\d*)?([Ee][+-]?\d+)?")
_FORMS = {"integer": _INTEGER, "number": _NUMBER, "boolean": re.compile("[01]")}
_TRUE = frozenset(("1", "true", "yes", "on"))
_FALSE = frozenset(("0", "false", "no", "off"))

#: How many of a numbered parameter there are: net[n] is net0 … net31.
COUNTS: Mapping[str, int] = {
    "net": 32, "mp": 256, "unused": 256, "dev": 256, "ide": 4, "sata": 6, "scsi": 31, "virtio": 16,
    "virtiofs": 10, "usb": 14, "serial": 4, "parallel": 3, "hostpci": 16, "numa": 8, "ipconfig": 32,
    "link": 8, "acmedomain": 6,
}  # fmt: skip


class Param(msgspec.Struct, frozen=True, rename={"min_length": "minLength", "max_length": "maxLength",
                                                 "key_alias": "keyAlias"}, kw_only=True):  # fmt: skip
    """What one parameter may be, as in the official schema; `format` is a name or, for a property string,
    the properties in it."""

    type: str = "string"
    optional: int = 0
    format: str | dict[str, Param] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    enum: list[str] | None = None
    pattern: str | None = None
    requires: str | dict[str, Any] | None = None
    default_key: int = 0
    alias: str | None = None
    key_alias: str | None = None
    items: Param | None = None  # of an array
    since: str = "8.0"

    def needed(self) -> Param:
        return msgspec.structs.replace(self, optional=0)


def text(**limits: Any) -> Param:
    return Param(optional=1, **limits)


def choice(*values: str) -> Param:
    return Param(optional=1, enum=list(values))


def integer(minimum: int | None = None, maximum: int | None = None) -> Param:
    return Param(type="integer", optional=1, minimum=minimum, maximum=maximum)


TEXT = text()
BOOLEAN = Param(type="boolean", optional=1)
NODE = text(format="pve-node")
VMID = Param(type="integer", optional=1, minimum=100, maximum=999999999, format="pve-vmid")
STORAGE = text(format="pve-storage-id")
USERID = text(format="pve-userid", max_length=64)
GROUPID = text(format="pve-groupid")
ROLEID = text(format="pve-roleid")

#: Parameters that mean the same in every path.
IN_PATH: Mapping[str, Param] = {
    "node": NODE,
    "vmid": VMID,
    "storage": STORAGE,
    "userid": USERID,
    "roleid": ROLEID,
    "groupid": GROUPID,
}

Errors = dict[str, str]


def verify(given: Mapping[str, object], allowed: Mapping[str, Param], version: str = "9.9") -> dict[str, str]:
    """The parameters as texts, booleans as "1"/"0", null as "". Raises ApiError 400 naming all that is wrong."""
    errors: Errors = {}
    good: dict[str, str] = {}
    for name, value in given.items():
        param = find(allowed, name)
        if param is None or _newer(param.since, version):
            errors[name] = UNDEFINED
        elif value is None:
            good[name] = ""
        else:
            _required(param, name, given, errors)
            if (shown := _checked(param, value, name, errors)) is not None:
                good[name] = shown
    for name, param in allowed.items():
        if not param.optional and given.get(name) is None:
            errors[name] = MISSING
    if errors:
        raise invalid(**errors)
    return good


def find(allowed: Mapping[str, Param], name: str) -> Param | None:
    """The parameter of that name; `net0` is one of `net[n]`."""
    known = allowed.get(name)
    if known is not None:
        return None if name.endswith("[n]") else known
    base = name.rstrip("0123456789")
    number = name[len(base) :]
    if (
        not number
        or len(number) > 4
        or (len(number) > 1 and number[0] == "0")
        or int(number) >= COUNTS.get(base, 10)
    ):
        return None
    return allowed.get(f"{base}[n]")


def _newer(since: str, version: str) -> bool:
    return _numbers(since) > _numbers(version)


@cache
def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


def _required(param: Param, name: str, given: Mapping[str, object], errors: Errors, path: str = "") -> None:
    wanted = param.requires
    if isinstance(wanted, str) and given.get(wanted) is None:
        where = f"{path}.{wanted}" if path else wanted
        errors[where] = f"missing property - '{path}.{name}' requires this property".replace("'.", "'")


def _checked(param: Param, value: object, path: str, errors: Errors) -> str | None:
    """The value as text; None with an entry in `errors` where it is wrong (`check_prop`)."""
    if isinstance(value, bool):
        value = "1" if value else "0"
    if param.type == "array":
        return _array(param, value, path, errors)
    if isinstance(value, list) and isinstance(param.format, str) and param.format.endswith("-list"):
        value = ",".join("" if item is None else str(item) for item in value)  # as RESTHandler.pm does
    if isinstance(value, list | dict):
        errors[path] = (
            f"type check ('{param.type}') failed - got {'ARRAY' if isinstance(value, list) else 'HASH'}"
        )
        return None
    shown = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    wrong = _type(param.type, shown) or _format(param, shown, path) or _limits(param, shown)
    if wrong:
        errors[path] = wrong
        return None
    if param.type == "integer" and len(shown) > _LONGEST:
        digits = shown.lstrip("+-0")
        shown = "-" * shown.startswith("-") + ("9" * _LONGEST if len(digits) > _LONGEST else digits or "0")
    return shown


def _array(param: Param, value: object, path: str, errors: Errors) -> str | None:
    """The items, parted by NULs; a single value stands for a list of one, unless it is false to Perl."""
    if isinstance(value, dict) or value in ("", "0", 0):
        errors[path] = "type check ('array') failed"
        return None
    items = value if isinstance(value, list) else [value]
    if param.items is None:
        return "\0".join(str(item) for item in items)
    shown = [_checked(param.items, item, f"{path}[{n}]", errors) for n, item in enumerate(items)]
    return "\0".join(item for item in shown if item is not None) if None not in shown else None


def _type(kind: str, shown: str) -> str | None:
    form = _FORMS.get(kind)
    return None if form is None or form.fullmatch(shown) else f"type check ('{kind}') failed - got '{shown}'"


def _format(param: Param, shown: str, path: str) -> str | None:
    if param.format is None:
        return None
    try:
        if isinstance(param.format, str):
            _named(param.format, shown)
        else:
            properties(param.format, shown, path)
    except FormatError as error:
        return f"invalid format - {error}\n"
    return None


def _named(name: str, shown: str) -> None:
    """A registered format; with -list for several values, with -opt for perhaps none."""
    if name.endswith("-list"):
        check = FORMATS.get(name.removesuffix("-list"))
        for each in words(shown) if check else ():
            assert check is not None
            check(each)
    elif name.endswith("-opt"):
        check = FORMATS.get(name.removesuffix("-opt"))
        if check and shown:
            check(shown)
    elif check := FORMATS.get(name):
        check(shown)


def properties(schema: Mapping[str, Param], text: str, path: str = "") -> dict[str, str]:
    """A property string taken apart and checked (`parse_property_string`). Raises FormatError."""
    found = split(schema, text)
    errors: Errors = {}
    _check_object(schema, found, path, errors)
    if errors:
        raise FormatError("format error\n" + "\n".join(f"{name}: {wrong}" for name, wrong in errors.items()))
    return found


def split(schema: Mapping[str, Param], text: str) -> dict[str, str]:
    """The parts of a property string, booleans as "1"/"0"; what they hold is not looked at."""
    found: dict[str, str] = {}
    default = next((name for name, param in schema.items() if param.default_key), None)
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not part.strip():
            continue
        if not equals:
            if default is None:
                raise FormatError("value without key, but schema does not define a default key")
            if default in found:
                raise FormatError(f"duplicate key in comma-separated list property: {default}")
            found[default] = part
            continue
        if not key or not value:
            raise FormatError("missing key in comma-separated list property")
        if key in found:
            raise FormatError(f"duplicate key in comma-separated list property: {key}")
        param = schema.get(key)
        if param is not None and param.alias:
            if param.key_alias:
                if param.key_alias in found:
                    raise FormatError(f"key alias '{param.key_alias}' is already defined")
                found[param.key_alias] = key
            key, param = param.alias, schema.get(param.alias)
        if param is not None and param.type == "boolean":
            value = "1" if value.lower() in _TRUE else "0" if value.lower() in _FALSE else value
        found[key] = value
    return found


def _check_object(schema: Mapping[str, Param], found: Mapping[str, str], path: str, errors: Errors) -> None:
    for name, param in schema.items():
        inner = f"{path}.{name}" if path else name
        if name in found:
            _checked(param, found[name], inner, errors)
            _required(param, name, found, errors, path)
        elif not param.optional and not param.alias:
            errors[inner] = MISSING
    for name in found:
        if name not in schema:
            errors[f"{path}.{name}" if path else name] = UNDEFINED


def _limits(param: Param, shown: str) -> str | None:
    if param.pattern and not re.search(f"^{param.pattern}$", shown):  # so loosely; as Proxmox has it
        return "value does not match the regex pattern"
    if param.max_length is not None and len(shown) > param.max_length:
        return f"value may only be {param.max_length} characters long"
    if param.min_length is not None and len(shown) < param.min_length:
        return f"value must be at least {param.min_length} characters long"
    if _NUMBER.fullmatch(shown):
        if param.maximum is not None and float(shown) > param.maximum:
            return f"value must have a maximum value of {param.maximum}"
        if param.minimum is not None and float(shown) < param.minimum:
            return f"value must have a minimum value of {param.minimum}"
    if param.enum and shown not in param.enum:
        return f"value '{shown}' does not have a value in the enumeration '{', '.join(param.enum)}'"
    return None


def chosen(params: Iterable[str], allowed: Mapping[str, Param]) -> list[str]:
    """Those of `params` that `allowed` knows, numbered ones included."""
    return [name for name in params if find(allowed, name)]
