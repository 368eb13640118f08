"""pvesim against recordings of a genuine Proxmox VE 9.2 cluster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pvesim import Estate, Settings, serve
from pvesim.routes import all_routes
from tests import addresses
from tests.pvesim import official
from tests.pvesim.known_differences import KNOWN, LACKING
from tests.pvesim.recorded import require, section
from tests.pvesim.replay import Player, Result, Standing
from tests.pvesim.sections import SECTIONS
from tests.pvesim.sections.section import winners_first

TOTAL = 0.97  # the least share over all sections; to be raised, never lowered


async def replay(name: str) -> list[Result]:
    """Play a section; every exchange with how it compares."""
    setup = SECTIONS[name]
    exchanges = list(section(name))
    if setup.winners_first:
        exchanges = winners_first(exchanges)
    estate = Estate(
        [setup.scene()],
        seed=setup.seed,
        clock=Standing(exchanges),
        settings=Settings.quick(auth_delay=0, delay_scale=0, lag=setup.lag, notice_after=10, speed=1),
    )
    async with serve(estate, network=addresses.network()) as running:
        running.advance(10.2 - estate.clock.now() % 10)  # pvestatd has just been round
        player = Player(running, before=setup.before, timed=setup.timed, signed_in=setup.signed_in)
        results = [await player.play(exchange) for exchange in exchanges]
    for result in results:
        if result.wrong and (lacking := _reason(result, LACKING)):
            result.wrong, result.lacking = "", lacking
        result.known = _reason(result, KNOWN) if result.wrong else ""
    return results


def _reason(result: Result, table: tuple[tuple[str, str], ...]) -> str:
    exchange = result.exchange
    text = f"{exchange.section} {exchange.method} {exchange.data['path']} | {exchange.note} | {result.wrong}"
    return next((reason for pattern, reason in table if re.search(pattern, text)), "")


def summary(name: str, results: list[Result]) -> str:
    """One line, and one more for everything that is not as recorded."""
    covered = [result for result in results if result.covered]
    agree = [result for result in covered if not result.wrong]
    lines = [
        f"{name:<11} {len(agree):>4} of {len(covered):>4} agree ({len(agree) / max(1, len(covered)):6.1%});"
        f" {len(results) - len(covered)} not played"
    ]
    for result in covered:
        if result.wrong:
            exchange = result.exchange
            mark = f"known: {result.known}" if result.known else "WRONG"
            lines.append(
                f"    {exchange.number}: {exchange.method} {exchange.data['path'][:70]} ({exchange.note[:40]}):"
                f" {result.wrong[:200]}  [{mark}]"
            )
    return "\n".join(lines)


@pytest.mark.shared
@pytest.mark.parametrize("name", SECTIONS)
async def test_recorded_exchanges_agree(name: str) -> None:
    require()
    results = await replay(name)
    report = summary(name, results)
    print("\n" + report)
    covered = [result for result in results if result.covered]
    agree = sum(not result.wrong for result in covered)
    floor = SECTIONS[name]
    assert agree / len(covered) >= floor.floor, report
    assert len(covered) >= floor.covered, report
    surprises = [result for result in covered if result.wrong and not result.known]
    assert not surprises or not floor.finished, report


@pytest.mark.shared
def test_the_page_about_conformance_is_about_these_sections_and_reasons() -> None:
    require()
    page = (Path(__file__).parents[2] / "docs" / "reference" / "pvesim-conformance.md").read_text(
        encoding="utf-8"
    )
    rows = {
        row[0]: row for row in re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+) \| (\d+) \|", page, re.MULTILINE)
    }
    assert rows.keys() == SECTIONS.keys(), "make docs"
    for name, setup in SECTIONS.items():
        _, _, played, agree = rows[name]
        assert int(played) >= setup.covered
        assert int(agree) / int(played) >= setup.floor
    assert sum(int(row[3]) for row in rows.values()) / sum(int(row[2]) for row in rows.values()) >= TOTAL
    assert "Without a reason: 0." in page
    here = len(official.methods().keys() & all_routes().declared().keys())
    assert f"{here} of the {len(official.methods())} methods in the schema file are there" in page, (
        "make docs"
    )
