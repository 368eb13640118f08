"""Pydantic's findings in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paddock.base.errors import Detail

_WHERE = {"body", "query", "path", "header", "cookie"}


def details(errors: Iterable[Any]) -> list[Detail]:
    """One detail per finding; the field is named as on the wire, without `body` or `query` before it."""
    return [Detail(_field(error.get("loc", ())), plain(error)) for error in errors]


def plain(error: Mapping[str, Any]) -> str:
    """One finding as a sentence for people."""
    limits: Mapping[str, Any] = error.get("ctx") or {}
    kind = str(error.get("type", ""))
    match kind:
        case "string_pattern_mismatch":
            return "This is not in the form that is expected here."
        case "missing":
            return "This is needed."
        case "string_too_short":
            least = limits.get("min_length", 1)
            return "This is needed." if least == 1 else f"At least {least} characters."
        case "string_too_long":
            return f"At most {limits.get('max_length')} characters."
        case "too_short":
            return f"At least {limits.get('min_length')}."
        case "too_long":
            return f"At most {limits.get('max_length')}."
        case "int_parsing" | "int_type" | "int_from_float":
            return "A whole number, please."
        case "float_parsing" | "float_type":
            return "A number, please."
        case "bool_parsing" | "bool_type":
            return "Yes or no (true or false)."
        case "greater_than_equal":
            return f"At least {limits.get('ge')}."
        case "greater_than":
            return f"More than {limits.get('gt')}."
        case "less_than_equal":
            return f"At most {limits.get('le')}."
        case "less_than":
            return f"Less than {limits.get('lt')}."
        case "enum" | "literal_error":
            return f"One of: {limits.get('expected', '')}."
        case "extra_forbidden":
            return "This field is not known here."
        case "json_invalid":
            return "The body is not valid JSON."
        case "datetime_parsing" | "datetime_from_date_parsing":
            return "A time such as 2026-11-23T03:12:00Z."
        case "string_type":
            return "A text, please."
        case "value_error" | "assertion_error" if limits.get("error"):
            return str(limits["error"])
    return _sentence(str(error.get("msg", "Not valid.")))


def _field(loc: Iterable[Any]) -> str:
    parts = [str(part) for part in loc]
    if len(parts) > 1 and parts[0] in _WHERE:
        parts = parts[1:]
    elif parts and parts[0] in _WHERE:
        return ""
    return ".".join(parts)


def _sentence(text: str) -> str:
    text = text.removeprefix("Value error, ").strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
