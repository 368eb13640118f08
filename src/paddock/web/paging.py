"""Pages of lists: what was asked for (`Paging`), what was found (`Page`), and how it goes over REST."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from paddock.base.errors import Invalid

T = TypeVar("T")
U = TypeVar("U")

SIZE = 50
MOST_ON_PAGES = 200
MOST_OVER_REST = 2000
_RESERVED = frozenset({"page", "size", "sort", "q"})


@dataclass(frozen=True, slots=True)
class Paging:
    """What a reader asked for. `sort` is a name the list knows, empty for its own order."""

    page: int = 1
    size: int = SIZE
    sort: str = ""
    descending: bool = False
    q: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size

    @property
    def narrowed(self) -> bool:
        """Whether a search or filter hides something, so that an empty list offers to clear it."""
        return bool(self.q or self.filters)

    def filter(self, name: str) -> str | None:
        return self.filters.get(name)

    def sorted_by(self, sort: str, *, descending: bool = False) -> Paging:
        return replace(self, sort=sort, descending=descending)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `total` counts everything that matches."""

    items: Sequence[T]
    total: int
    page: int = 1
    size: int = SIZE

    @classmethod
    def of(cls, items: Sequence[T], total: int, paging: Paging) -> Page[T]:
        return cls(items, total, paging.page, paging.size)

    @classmethod
    def cut(cls, everything: Sequence[T], paging: Paging) -> Page[T]:
        """The asked page out of a list that is whole in memory."""
        start = paging.offset
        return cls(everything[start : start + paging.size], len(everything), paging.page, paging.size)

    @property
    def first(self) -> int:
        """Number of the first item shown, counted from 1; 0 where nothing is shown."""
        return (self.page - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1 if self.items else 0

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def has_next(self) -> bool:
        return self.page < self.pages

    def map(self, change: Callable[[T], U]) -> Page[U]:
        return Page([change(item) for item in self.items], self.total, self.page, self.size)


class PageOut(BaseModel, Generic[T]):
    """The envelope of lists over REST."""

    items: list[T]
    total: int = Field(description="How many match in all.")
    page: int
    size: int
    next: str | None = Field(description="Path and query of the next page, null on the last.")


def page_paging(
    *, sorts: Iterable[str] = (), filters: Iterable[str] = (), size: int = SIZE
) -> Callable[..., Paging]:
    """A dependency that reads the paging of a page. Lenient: a shared address with a wrong number still opens."""
    known_sorts, known_filters = frozenset(sorts), tuple(filters)

    def read(request: Request) -> Paging:
        query = request.query_params
        sort, descending = _direction(query.get("sort", ""))
        return Paging(
            page=_number(query.get("page"), 1, 1, 1_000_000),
            size=_number(query.get("size"), size, 1, MOST_ON_PAGES),
            sort=sort if sort in known_sorts else "",
            descending=descending and sort in known_sorts,
            q=query.get("q", "").strip()[:200],
            filters={name: value for name in known_filters if (value := query.get(name, "").strip())},
        )

    return read


def rest_paging(
    *, sorts: Iterable[str] = (), filters: Mapping[str, str] | None = None, size: int = SIZE
) -> Callable[..., Paging]:
    """A dependency that reads the paging of a REST list; strict, and described in OpenAPI.

    `filters` maps each name to its description. Raises Invalid (422) for an unknown `sort`.
    """
    known_sorts, described = tuple(sorts), dict(filters or {})
    if clash := _RESERVED & described.keys():
        raise ValueError(f"reserved names cannot be filters: {sorted(clash)}")

    def read(**given: Any) -> Paging:
        sort, descending = _direction(given.get("sort", ""))
        if sort and sort not in known_sorts:
            raise Invalid.field("sort", f"Cannot sort by {sort!r}. Known: {', '.join(known_sorts)}.")
        return Paging(
            page=given["page"],
            size=given["size"],
            sort=sort,
            descending=descending,
            q=given["q"].strip(),
            filters={name: given[name] for name in described if given.get(name)},
        )

    names = ", ".join(f"`{name}`" for name in known_sorts)
    parameters = [
        _parameter("page", int, Query(1, ge=1, le=1_000_000)),
        _parameter("size", int, Query(size, ge=1, le=MOST_OVER_REST)),
        _parameter("q", str, Query("", max_length=200, description="Text to search for.")),
    ]
    if known_sorts:
        parameters.append(
            _parameter(
                "sort", str, Query("", description=f"One of {names}; with a minus in front, descending.")
            )
        )
    parameters += [
        _parameter(name, str | None, Query(None, description=description))
        for name, description in described.items()
    ]
    read.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return read


def page_response(request: Request, page: Page[Any], items: Iterable[Any] | None = None) -> Response:
    """The envelope as JSON, with a `Link` to the next page. `items` are structs, dataclasses, dicts or models.

    Encoded by msgspec: a list of 2,000 costs half of what pydantic needs. Say `response_model=PageOut[XOut]`
    on the route, so that OpenAPI knows the shape.
    """
    following = next_path(request, page)
    body = {
        "items": list(page.items if items is None else items),
        "total": page.total,
        "page": page.page,
        "size": page.size,
        "next": following,
    }
    headers = {"Link": f'<{following}>; rel="next"'} if following else None
    return Response(_encoder.encode(body), media_type="application/json", headers=headers)


def next_path(request: Request, page: Page[Any]) -> str | None:
    if not page.has_next:
        return None
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    return f"{request.url.path}?{urlencode([*pairs, ('page', str(page.page + 1))])}"


def _model(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"cannot encode {type(value)!r}")


_encoder = msgspec.json.Encoder(enc_hook=_model)


def _parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _direction(sort: str) -> tuple[str, bool]:
    return (sort[1:], True) if sort.startswith("-") else (sort, False)


def _number(text: str | None, default: int, least: int, most: int) -> int:
    try:
        return min(max(int(text or default), least), most)
    except ValueError:
        return default
