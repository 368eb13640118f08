"""What a person does in a browser, and what one looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROWEST = {"width": 360, "height": 800}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OF_COLOUR = ["color-contrast", "link-in-text-block"]
"""The rules of axe that another theme can break."""


SHOWN_IN_DOCS = frozenset(
    {
        "certificate-changed",
        "cluster",
        "containers",
        "diagnose",
        "import-confirm",
        "import-connect",
        "import-done",
        "import-review",
        "node",
        "nodes",
        "overview",
        "sites",
    }
)


@dataclass
class Person:
    page: Page
    base: str
    folder: Path
    """Where all pictures go."""
    docs: Path | None = None
    """Where the few go that the docs show; `make screenshots` says where."""

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def theme(self, name: str) -> None:
        await self.page.emulate_media(color_scheme=name)  # type: ignore[arg-type]
        await self.page.evaluate(f"document.documentElement.dataset.bsTheme = '{name}'")

    async def picture(self, name: str, *, whole: bool = False) -> None:
        await self.page.screenshot(path=self.folder / f"{name}.png", full_page=whole)

    async def look(self, name: str) -> None:
        """At desktop and phone width, light and dark: four pictures, no sideways scrolling, no accessibility fault.

        A theme changes colours, which are the same on a phone: they are looked at once in the dark.
        """
        for width, size in (("1440", WIDE), ("390", PHONE)):
            await self.page.set_viewport_size(size)  # type: ignore[arg-type]
            for theme in ("light", "dark"):
                await self.theme(theme)
                await self.page.evaluate(
                    "window.scrollTo(0, 0)"
                )  # the sticky bar covers what is scrolled below it
                await self.picture(f"{name}-{width}-{theme}", whole=width == "390")
                if self.docs and name in SHOWN_IN_DOCS and width == "1440":
                    suffix = "" if theme == "light" else "-dark"
                    if theme == "light" or name == "nodes":
                        await self.page.screenshot(path=self.docs / f"{name}{suffix}.png")
                if theme == "light" or width == "1440":
                    rules = RULES if theme == "light" else OF_COLOUR
                    await self.accessible(f"{name} {width} {theme}", rules=rules)
        await self.page.set_viewport_size(NARROWEST)  # type: ignore[arg-type]
        await self.fits(name)
        await self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        await self.theme("light")

    async def accessible(self, where: str, *, rules: list[str] = RULES) -> None:
        """No fault that axe finds by these rules."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE_SCRIPT)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found = await self.page.evaluate(
            "async options => (await axe.run(options)).violations.map(one => `${one.id}: ${one.nodes[0].html}`)",
            options,
        )
        assert not found, f"{where}: {[fault[:200] for fault in found]}"

    async def fits(self, where: str) -> None:
        over = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{where} scrolls sideways by {over} px at 360 px"
