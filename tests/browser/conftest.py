"""Chromium in front of the real application."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from pvesim import Running, demo_scene
from tests.application import Estates
from tests.browser.driving import WIDE, Person
from tests.conftest import ROOT, needs
from tests.harness import Paddock

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EXPECTED = ("status of 4", "status of 5", "ERR_FAILED")
"""What the console says of refused forms and of requests that a test cuts."""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    needs(os.path.exists(CHROMIUM), "Chromium")  # noqa: ASYNC240
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def window(chromium: Browser, paddock: Paddock) -> AsyncIterator[BrowserContext]:
    """A signed-in browser window."""
    context = await chromium.new_context(base_url=paddock.base, viewport=WIDE, reduced_motion="reduce")
    cookies = [
        {"name": cookie.key, "value": cookie.value, "url": paddock.base}
        for cookie in paddock.browser.session.cookie_jar
    ]
    await context.add_cookies(cookies)  # type: ignore[arg-type]
    yield context
    await context.close()


@pytest.fixture
async def tab(window: BrowserContext) -> AsyncIterator[Page]:
    """One tab. The test fails if the page reports an error, breaks the content security policy or asks elsewhere."""
    page = await window.new_page()
    page.set_default_timeout(10_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(known in message.text for known in EXPECTED):
            troubles.append(f"console: {message.text}")

    page.on("console", heard)
    yield page
    assert troubles == []


@pytest.fixture
def person(tab: Page, paddock: Paddock) -> Person:
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    docs = os.environ.get("PADDOCK_SCREENSHOTS")
    if docs:
        Path(docs).mkdir(parents=True, exist_ok=True)
    return Person(tab, paddock.base, folder, Path(docs) if docs else None)


@pytest.fixture
async def demo(estates: Estates) -> AsyncIterator[Running]:
    """The estate of `make demo`."""
    async with estates(*demo_scene()) as running:
        yield running
