"""The reference of the REST API at /api/docs: made from the application's own OpenAPI document, without a script of others."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup, escape

from paddock.web.render import page, templates_of

Schema = Mapping[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
DEPTH = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, an answer or the parameters; `name` is dotted, `[]` stands for each item of a list."""

    name: str
    type: str
    required: bool
    text: Markup
    where: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    title: str
    text: Markup
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    example: Any
    """An example of the body, or None."""

    def fits(self, text: str) -> bool:
        wanted = text.casefold()
        return any(wanted in part.casefold() for part in (self.path, self.method, self.title, str(self.text)))

    def curl(self, base: str) -> str:
        """A command to paste, once PADDOCK_TOKEN is set and the ids in capitals are replaced."""
        path = self.path.replace("{", "").replace("}", "")
        for field in self.parameters:
            if field.where == "path":
                path = path.replace(f"/{field.name}", f"/{field.name.upper()}")
        parts = ["curl -sS", '-H "Authorization: Bearer $PADDOCK_TOKEN"']
        if self.method != "GET":
            parts.append(f"-X {self.method}")
        if self.example is not None:
            parts.append("-H 'Content-Type: application/json'")
            parts.append(f"-d {shlex.quote(json.dumps(self.example, ensure_ascii=False))}")
        return " \\\n  ".join([" ".join(parts[:2]), *parts[2:], base + path])


@dataclass(frozen=True, slots=True)
class Reference:
    """All operations by tag, in the order of the document."""

    groups: Mapping[str, tuple[Operation, ...]]

    def matching(self, text: str) -> Mapping[str, tuple[Operation, ...]]:
        found = {tag: tuple(one for one in group if one.fits(text)) for tag, group in self.groups.items()}
        return {tag: group for tag, group in found.items() if group}


def router(require: Callable[..., Awaitable[Any]]) -> APIRouter:
    """The route /api/docs. `require` is the dependency that sends strangers to the sign-in."""
    made = APIRouter(include_in_schema=False)
    kept: list[Reference] = []

    @made.get("/api/docs", dependencies=[Depends(require)])
    async def docs(request: Request, q: str = "") -> Response:
        if not kept:
            kept.append(await asyncio.to_thread(lambda: reference(request.app.openapi())))
        base = f"{request.url.scheme}://{request.url.netloc}{templates_of(request).url('')}"
        return await page(request, "web/apidocs.html", groups=kept[0].matching(q.strip()), q=q, base=base)

    return made


def reference(document: Schema) -> Reference:
    """Reads an OpenAPI document. Pure."""
    reader = _Reader(document.get("components", {}).get("schemas", {}))
    groups: dict[str, list[Operation]] = {}
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(reader.operation(method, path, item[method]))
    return Reference({tag: tuple(group) for tag, group in groups.items()})


def marked(text: str) -> Markup:
    """A description with its `code` marked; everything else is escaped."""
    parts = " ".join(text.split()).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


class _Reader:
    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas

    def operation(self, method: str, path: str, found: Schema) -> Operation:
        body = _json(found.get("requestBody", {}).get("content", {}))
        return Operation(
            id=f"{method}{path.removeprefix('/api/v1')}".replace("/", "-").replace("{", "").replace("}", ""),
            method=method.upper(),
            path=path,
            title=str(found.get("summary", path)).capitalize(),
            text=marked(found.get("description", "")),
            parameters=tuple(self._parameter(one) for one in found.get("parameters", ())),
            body=tuple(self._fields(body)) if body else (),
            answers=tuple(
                self._answer(status, answer)
                for status, answer in found.get("responses", {}).items()
                if status.startswith("2")
            ),
            example=self._example(body) if body else None,
        )

    def _parameter(self, found: Schema) -> Field:
        schema = found.get("schema", {})
        text = found.get("description") or schema.get("description", "")
        if schema.get("default") not in (None, ""):
            text = f"{text} Default `{schema['default']}`."
        return Field(
            found["name"], self._type(schema), bool(found.get("required")), marked(text), found["in"]
        )

    def _answer(self, status: str, found: Schema) -> Answer:
        schema = _json(found.get("content", {}))
        return Answer(status, found.get("description", ""), tuple(self._fields(schema)) if schema else ())

    def _fields(self, schema: Schema, prefix: str = "", depth: int = 0) -> Iterator[Field]:
        schema = self._resolved(schema)
        if schema.get("type") == "array":
            yield from self._fields(schema.get("items", {}), f"{prefix}[].", depth)
            return
        required = set(schema.get("required", ()))
        for name, one in schema.get("properties", {}).items():
            examples = one.get("examples") or ()
            text = one.get("description", "")
            if examples:
                text = f"{text} For example `{examples[0]}`."
            yield Field(prefix + name, self._type(one), name in required, marked(text))
            inner, suffix = self._inner(one)
            if inner is not None and depth < DEPTH:
                yield from self._fields(inner, f"{prefix}{name}{suffix}.", depth + 1)

    def _inner(self, schema: Schema) -> tuple[Schema | None, str]:
        """The object inside a field, if there is one, and `[]` where it is each item of a list."""
        found = self._resolved(_without_null(schema))
        if found.get("type") == "array":
            item = self._resolved(found.get("items", {}))
            return (item, "[]") if item.get("properties") else (None, "")
        return (found, "") if found.get("properties") else (None, "")

    def _type(self, schema: Schema) -> str:
        choices = schema.get("anyOf")
        if choices:
            return " or ".join(dict.fromkeys(self._type(one) for one in choices))
        found = self._resolved(schema)
        if found.get("enum"):
            return " · ".join(str(value) for value in found["enum"])
        if found.get("type") == "array":
            return f"list of {self._type(found.get('items', {}))}"
        name = {"date-time": "time"}.get(found.get("format", ""), found.get("type", "any"))
        return str(name)

    def _example(self, schema: Schema, depth: int = 0) -> Any:
        found = self._resolved(_without_null(schema))
        for key in ("examples", "default", "enum"):
            value = found.get(key)
            if value not in (None, "", []):
                return value[0] if isinstance(value, list) and key != "default" else value
        kind = found.get("type")
        if kind == "array":
            return [] if depth > DEPTH else [self._example(found.get("items", {}), depth + 1)]
        if properties := found.get("properties"):
            wanted = found.get("required") or list(properties)[:1]
            return {name: self._example(properties[name], depth + 1) for name in wanted}
        return {"integer": 1, "number": 1, "boolean": True, "object": {}}.get(str(kind), "...")

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = {
                **self._schemas.get(schema["$ref"].rpartition("/")[2], {}),
                **{k: v for k, v in schema.items() if k != "$ref"},
            }
        return schema


def _json(content: Schema) -> Schema | None:
    schema = content.get("application/json", {}).get("schema")
    return schema or None


def _without_null(schema: Schema) -> Schema:
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return {**one, **{k: v for k, v in schema.items() if k in ("examples", "description")}}
    return schema
