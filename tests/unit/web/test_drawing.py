"""Icons, states and bars: what stands on every page."""

from __future__ import annotations

import re

from paddock.web import drawing


def widths(svg: str) -> dict[str, float]:
    return {name: float(width) for name, width in re.findall(r'class="(b-\w+)" width="([\d.]+)"', svg)}


def test_a_bar_shows_the_share_in_use_and_says_it_in_words() -> None:
    svg = drawing.bar("Memory", 3.0, 12.0, text="Memory: 3 used of 12 GiB")
    assert widths(svg) == {"b-track": 100.0, "b-used": 25.0}
    assert 'aria-label="Memory: 3 used of 12 GiB"' in svg
    assert "is-warn" not in svg


def test_more_than_there_is_fills_the_bar_and_no_more() -> None:
    svg = drawing.bar("Memory", 30.0, 12.0)
    assert widths(svg)["b-used"] == 100.0
    assert "is-warn" in svg


def test_a_limit_above_what_is_there_is_drawn_beyond_it() -> None:
    svg = drawing.bar("CPU", 8.0, 16.0, promised=20.0, limit=32.0)
    assert widths(svg) == {"b-track": 50.0, "b-prom": 62.5, "b-used": 25.0}
    assert '<rect class="b-over" x="50.0" width="50.0"' in svg
    assert '<rect class="b-lim" x="99.0"' in svg
    assert "is-warn" not in svg
    assert "is-warn" in drawing.bar("CPU", 8.0, 16.0, promised=31.9, limit=32.0)


def test_what_would_be_added_stands_on_what_is_promised() -> None:
    assert widths(drawing.bar("CPU", 1.0, 10.0, promised=4.0, added=2.0))["b-add"] == 60.0
    assert widths(drawing.bar("CPU", 1.0, 10.0, added=2.0))["b-add"] == 30.0


def test_nothing_known_is_a_dash_and_no_bar() -> None:
    assert (
        drawing.fig("CPU", "–", "–", None, None)
        == '<span class="cell-l">CPU</span><span class="faint">–</span>'
    )
    assert "b-used" not in drawing.fig("CPU", "–", "4", None, 4.0)


def test_whatever_is_written_is_escaped() -> None:
    made = drawing.build("/icons.svg")
    evil = '<b>&"'
    for html in (
        drawing.fig(evil, evil, evil, 1.0, 2.0, unit=evil, kind=evil),
        drawing.bar(evil, 1.0, 2.0),
        made["state"](evil, evil, evil),
        made["icon"](evil, evil),
    ):
        assert "<b>" not in html
        assert '&"' not in html
        assert "&lt;b&gt;&amp;&#34;" in html


def test_old_figures_are_marked_and_said() -> None:
    html = drawing.fig("Memory", "1.0", "2.0", 1.0, 2.0, old=True)
    assert "fig-mem old" in html
    assert "of 2.0 GiB, old" in html
