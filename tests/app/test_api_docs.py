"""The reference of the REST API."""

import aiohttp

from tests.harness import Paddock


async def test_every_operation_of_the_document_has_an_entry_and_a_command(paddock: Paddock) -> None:
    status, text, _ = await paddock.browser.get("/api/docs")
    assert status == 200
    document = await paddock.api.get("/openapi.json")
    operations = [
        (method.upper(), path) for path, item in document["paths"].items() for method in item if path
    ]
    assert text.count("<article") == len(operations)
    for _, path in operations:
        assert f"<code>{path}</code>" in text
    assert f"{paddock.base}/api/v1/sites/SITE_ID" in text
    assert "Authorization: Bearer $PADDOCK_TOKEN" in text


async def test_it_can_be_filtered_without_a_script(paddock: Paddock) -> None:
    _, text, _ = await paddock.browser.get("/api/docs?q=/imports/preview")
    assert text.count("<article") == 1
    _, text, _ = await paddock.browser.get("/api/docs?q=nothing+of+that+kind")
    assert "Nothing matches" in text


async def test_strangers_are_sent_to_the_sign_in(paddock: Paddock) -> None:
    async with (
        aiohttp.ClientSession(paddock.base) as stranger,
        stranger.get("/api/docs", allow_redirects=False) as answer,
    ):
        assert answer.status == 303
        assert answer.headers["location"].startswith("/signin")


async def test_it_asks_nobody_else_for_anything(paddock: Paddock) -> None:
    _, text, headers = await paddock.browser.get("/api/docs")
    assert 'src="http' not in text
    assert "default-src 'self'" in headers["content-security-policy"]
