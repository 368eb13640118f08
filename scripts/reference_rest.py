"""The page of the REST API, out of its own description."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markdown_parts import anchor, table

from paddock.app import create_app
from paddock.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")


def rest() -> str:
    described = openapi()
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, operations in described["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                by_tag[operation["tags"][0]].append(_operation(method, path, operation))
    schemas = described["components"]["schemas"]
    shown = {name: schema for name, schema in schemas.items() if not _left_out(name)}
    parts = [
        "# REST API",
        f"OpenAPI {described['openapi']}, version {described['info']['version']}. The machine-readable "
        "description is at `/api/v1/openapi.json`, a page to try it at `/api/docs`. How to sign in, page "
        "through lists and avoid overwriting other people's changes: [Use the REST API](../howto/api.md). "
        "Every failure is `application/problem+json`: [Errors](errors.md).",
    ]
    parts += [f"## {tag.capitalize()}\n\n" + "\n\n".join(found) for tag, found in by_tag.items()]
    parts.append("## Objects\n\nFields marked with * must be given, or are always there.")
    parts += [
        _schema(name, schema) for name, schema in sorted(shown.items(), key=lambda pair: _short(pair[0]))
    ]
    return "\n\n".join(parts)


@cache
def openapi() -> Mapping[str, Any]:
    """The API as the program describes it. Nothing is started or written."""
    return create_app(Settings(data_dir=Path("unused"), key="A" * 43 + "=")).openapi()


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    lines = [f"### `{method.upper()} {path}`", f"{operation['summary']}."]
    if text := operation.get("description"):
        lines.append(" ".join(text.split()))
    if parameters := operation.get("parameters"):
        rows = [
            (
                f"`{one['name']}`{'*' if one.get('required') else ''}",
                one["in"],
                _type(one["schema"]),
                _said(one),
            )
            for one in parameters
        ]
        lines.append(table(("parameter", "in", "type", "meaning"), rows))
    if body := operation.get("requestBody"):
        content = next(iter(body["content"].values()))
        lines.append(f"Body: {_type(content['schema'])}")
    answers = [
        f"{status} {_type(next(iter(answer['content'].values()))['schema']) if answer.get('content') else '(no body)'}"
        for status, answer in operation["responses"].items()
        if status != "default"
    ]
    lines.append("Answers: " + ", ".join(answers))
    return "\n\n".join(lines)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    head = [f"### {_short(name)}"]
    if text := schema.get("description"):
        head.append(" ".join(text.split()))
    if values := schema.get("enum"):
        head.append("One of " + ", ".join(f"`{value}`" for value in values) + ".")
        return "\n\n".join(head)
    required = schema.get("required", ())
    rows = [
        (f"`{field}`{'*' if field in required else ''}", _type(one), _said(one))
        for field, one in schema.get("properties", {}).items()
    ]
    head.append(table(("field", "type", "meaning"), rows))
    return "\n\n".join(head)


def _left_out(name: str) -> bool:
    return name.startswith("PageOut_")


def _short(name: str) -> str:
    """`paddock__jobs__schemas__JobOut` is told as `JobOut (jobs)`."""
    module, separator, plain = name.rpartition("__")
    return f"{plain} ({module.split('__')[1]})" if separator else name


def _type(schema: Mapping[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name.startswith("PageOut_"):
            listed = openapi()["components"]["schemas"][name]["properties"]["items"]
            return f"page of {_type(listed['items'])}"
        return _link(name)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(option) for option in options)
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if values := schema.get("enum"):
        return ", ".join(f"`{value}`" for value in values)
    return str(schema.get("format") or kind)


def _link(name: str) -> str:
    return f"[{_short(name)}](#{anchor(_short(name))})"


def _said(one: Mapping[str, Any]) -> str:
    schema = one.get("schema", one)
    text = " ".join((one.get("description") or schema.get("description") or "").split())
    default = schema.get("default")
    if default not in (None, "", [], {}) and not isinstance(default, dict):
        text = f"{text} Default: `{default}`.".strip()
    return text
