"""What is pasted into the wizard is taken apart, and secrets are not given back."""

from pvesim import Running
from tests.harness import Paddock


async def test_the_secret_in_a_pasted_token_header_is_never_written_into_a_page(
    paddock: Paddock, estate: Running
) -> None:
    token = estate["prod"].tokens["auditor"]
    site = await paddock.site()
    await paddock.browser.get("/nodes/import")
    form = {
        "site_id": site,
        "url": estate["prod"].first.url,
        "sign_in": "token",
        "token_id": f"PVEAPIToken={token.id}={token.secret}",
        "trust": "cluster_ca",
    }
    status, _, headers = await paddock.browser.post("/nodes/import", form)
    assert status == 303
    status, text, _ = await paddock.browser.get(headers["Location"])
    assert status == 200
    assert token.id in text
    assert token.secret not in text
    status, text, _ = await paddock.browser.post("/nodes/import", form | {"url": ""})
    assert status == 422
    assert token.secret not in text
