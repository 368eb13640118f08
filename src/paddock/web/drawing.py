"""Icons, state words and utilisation bars as HTML. Pages draw hundreds of them, and macros take twenty times as long."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

FULL = 0.95
"""A share in use from which a bar warns."""


def build(icons: str) -> dict[str, Callable[..., Any]]:
    """The functions by the names that templates use; `icons` is the address of the file with all icons."""

    @lru_cache(maxsize=1024)
    def icon(name: str, class_: str = "") -> Markup:
        return Markup('<svg class="icon{}" aria-hidden="true"><use href="{}#i-{}"/></svg>').format(
            f" {class_}" if class_ else "", icons, name
        )

    @lru_cache(maxsize=4096)
    def state(word: str, kind: str, icon_name: str, pill: str = "") -> Markup:
        """A state word: kind is ok, warn, bad, wish or unknown. In lists, pill only for trouble ("in"); in headers "head"."""
        pills = (" st-pill" if pill else "") + (" st-in" if pill == "in" else "")
        return Markup('<span class="st st-{}{}">{}{}</span>').format(kind, pills, icon(icon_name), str(word))

    return {"icon": icon, "state": state, "bar": bar, "fig": fig}


def bar(
    label: str,
    used: float | None,
    there: float | None,
    promised: float | None = None,
    limit: float | None = None,
    text: str = "",
    added: float | None = None,
    big: bool = False,
    warn: bool | None = None,
) -> Markup:
    """A utilisation bar as SVG. All numbers are in one unit; `there` is what there is, `limit` the placement limit,
    which may be more."""
    full = max(there or 0, limit or 0, 0.000001)
    over = warn
    if over is None:
        over = (promised is not None and bool(limit) and promised > (limit or 0) * 0.98) or (
            used or 0
        ) > full * FULL
    classes = (" bar-big" if big else "") + (" is-warn" if over else "")
    parts = [
        f'<svg class="bar{classes}" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(text or label)}">',
        f'<rect class="b-track" width="{min(there or 0, full) / full * 100:.1f}" height="8" rx="1"/>',
    ]
    if limit and there and limit > there:
        share = there / full * 100
        parts.append(f'<rect class="b-over" x="{share:.1f}" width="{100 - share:.1f}" height="8"/>')
    if added is not None:
        parts.append(_filled("b-add", (promised or used or 0) + added, full))
    if promised is not None:
        parts.append(_filled("b-prom", promised, full))
    if used is not None:
        parts.append(_filled("b-used", used, full))
    if limit:
        parts.append(
            f'<rect class="b-lim" x="{min(limit / full * 100 - 0.5, 99):.1f}" y="-2" width="1" height="12"/>'
        )
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - numbers, and a text that was escaped


def fig(
    label: str,
    used_text: str,
    there_text: str,
    used: float | None,
    there: float | None,
    promised: float | None = None,
    limit: float | None = None,
    unit: str = "GiB",
    kind: str = "mem",
    old: bool = False,
) -> Markup:
    """A figure with its bar in the cell of a table. `kind` is cpu, mem, sto or big."""
    name = escape(label)
    if not there:
        return Markup(f'<span class="cell-l">{name}</span><span class="faint">–</span>')  # noqa: S704 - escaped
    said = f"{label}: {used_text} used of {there_text} {unit}{', old' if old else ''}"
    return Markup(  # noqa: S704 - every text is escaped
        f'<span class="cell-l">{name}</span><span class="fig fig-{escape(kind)}{" old" if old else ""}">'
        f'<span class="fig-n"><span>{escape(used_text)}</span><span>of {escape(there_text)}</span></span>'
        f"{bar(label, used, there, promised, limit, said)}</span>"
    )


def _filled(name: str, value: float, full: float) -> str:
    return f'<rect class="{name}" width="{min(value / full * 100, 100):.1f}" height="8" rx="1"/>'
