"""The official API schema, boiled down by scripts/pve_schema.py: what each method takes and asks for.

`pve.json` has no descriptions and only the branches that matter for containers, nodes and access; methods
beyond it are declared where they are implemented.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from pvesim.verify import Param


class MethodSchema(msgspec.Struct, frozen=True):
    """One method as the schema has it."""

    parameters: dict[str, Param]
    permissions: dict[str, Any] | None  # None: root@pam alone, and not by token
    protected: bool = False
    proxyto: str | None = None  # the parameter that names the node which answers
    allowtoken: bool = True
    since: str = "8.0"


@cache
def methods() -> Mapping[str, MethodSchema]:
    """ "VERB /path" → what the schema says of it."""
    text = resources.files(__name__).joinpath("pve.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, MethodSchema])


def find(verb: str, path: str) -> MethodSchema | None:
    return methods().get(f"{verb} {path}")
