"""The options that every list has, and how a list is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from paddock.terminal.client import PAGE
from paddock.terminal.commands import Terminal

Search = Annotated[
    str | None, typer.Option("--search", "-s", metavar="TEXT", help="Only what has this text in it.")
]
Sort = Annotated[
    str | None,
    typer.Option("--sort", metavar="COLUMN", help="Sort by this; with a minus before it, downwards."),
]
PageNumber = Annotated[
    int | None, typer.Option("--page", min=1, help="One page only. Without it all are read.")
]
PageSize = Annotated[
    int | None, typer.Option("--size", min=1, max=PAGE, help="Lines of a page; 50 by default.")
]
InSite = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Only those of this site.")]
InCluster = Annotated[
    str | None, typer.Option("--cluster", metavar="CLUSTER", help="Only those of this cluster.")
]


def read_list(
    terminal: Terminal,
    path: str,
    filters: Mapping[str, str | None],
    *,
    sort: str | None = None,
    page: int | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """All of a list, or the one page that was asked for."""
    query: dict[str, str | int | None] = {**filters, "sort": sort}
    if page is None and size is None:
        return terminal.client.everything(path, query)
    return terminal.client.page(path, {**query, "page": page or 1, "size": size or 50})
