"""Reproducible randomness."""

from __future__ import annotations

import random


def chance(*parts: object) -> random.Random:
    """A generator for what `parts` name; the same parts give the same numbers."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - for scenery, not for secrets
