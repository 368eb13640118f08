"""The import wizard, as a browser without scripts walks through it."""

import re
from typing import Any

import pytest

from paddock.base.context import Actor
from paddock.watch.previews import DRAFT_LIFE, Drafts
from pvesim import ClusterScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock


def typed(site: str, url: str, **changes: str) -> dict[str, str]:
    return {
        "site_id": site,
        "url": url,
        "sign_in": "password",
        "username": "root@pam",
        "trust": "cluster_ca",
    } | changes


async def send(paddock: Paddock, form: dict[str, Any]) -> tuple[int, str, Any]:
    await paddock.browser.get("/nodes/import")
    return await paddock.browser.post("/nodes/import", form)


async def test_without_a_site_the_wizard_leads_to_creating_one(paddock: Paddock) -> None:
    _, text, _ = await paddock.browser.get("/nodes/import")
    assert 'href="/sites/new?then=import"' in text
    await paddock.browser.get("/sites/new?then=import")
    _, _, headers = await paddock.browser.post("/sites/new", {"name": "Vienna", "then": "import"})
    assert headers["location"].startswith("/nodes/import?site=")


async def test_the_form_recommends_root_and_the_clusters_own_trust(paddock: Paddock) -> None:
    site = await paddock.site()
    _, text, _ = await paddock.browser.get(f"/nodes/import?site={site}")
    assert 'value="root@pam"' in text
    assert re.search(r'value="cluster_ca" checked', text)
    assert "Disable TLS Verification" in text
    assert "man in the middle" in text
    assert "Privilege Separation" in text


async def test_from_the_credentials_to_the_job_without_typing_twice(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    status, _, headers = await send(paddock, typed(site, prod.first.url, password=prod.root_password))
    assert status == 303
    confirm = headers["location"]
    assert confirm.startswith("/nodes/import/confirm/")
    _, text, _ = await paddock.browser.get(confirm)
    assert f'data-copy="{prod.first.fingerprint}"' in text
    assert "pvenode cert info" in text
    assert prod.root_password not in text
    assert estate.credentials() == []
    status, _, headers = await paddock.browser.post(confirm, {})
    assert status == 303
    review = headers["location"]
    _, text, _ = await paddock.browser.get(review)
    assert prod.root_password not in text
    assert "Nothing has been written yet" in text
    assert "New, offline" in text
    assert "Import 5 nodes" in text
    assert (await paddock.api.get("/nodes"))["total"] == 0
    status, _, headers = await paddock.browser.post(review, {"members": ["pve1", "pve3"]})
    assert status == 303
    job_id = headers["location"].removeprefix("/jobs/")
    assert (await paddock.ended(job_id))["state"] == "done"
    assert sorted(await paddock.nodes()) == ["pve1", "pve3"]
    status, text, _ = await paddock.browser.get(confirm)
    assert (status, "kept for 10 minutes" in text) == (404, True)


async def test_a_pasted_fingerprint_that_differs_stops_the_import(paddock: Paddock, estate: Running) -> None:
    site, prod = await paddock.site(), estate["prod"]
    _, _, headers = await send(paddock, typed(site, prod.first.url, password=prod.root_password))
    await paddock.browser.get(headers["location"])
    status, text, _ = await paddock.browser.post(headers["location"], {"compare": ":".join(["AB"] * 32)})
    assert status == 422
    assert "The fingerprints differ" in text
    assert estate.credentials() == []


async def test_a_failure_keeps_what_was_typed_but_no_secret(paddock: Paddock, estate: Running) -> None:
    site, prod = await paddock.site(), estate["prod"]
    form = typed(site, prod.first.url, password="not the password", trust="off")
    status, text, _ = await send(paddock, form)
    assert status == 502
    assert "Stopped at step 5 of 6: sign-in" in text
    assert 'id="e-password"' in text
    assert f'value="{prod.first.url}"' in text
    assert re.search(r'value="off" checked', text)
    assert "not the password" not in text


async def test_after_a_mistyped_password_the_certificate_need_not_be_compared_again(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    wrong = typed(site, prod.first.url, password="not the password")
    _, _, headers = await send(paddock, wrong)
    unconfirmed = {"draft": headers["location"].rpartition("/")[2]}
    right = wrong | {"password": prod.root_password}
    _, _, again = await send(paddock, right | unconfirmed)
    assert "/import/confirm/" in again["location"], "nobody has believed it yet"
    status, text, _ = await paddock.browser.post(headers["location"], {})
    assert status == 502
    draft = re.search(r'name="draft" value="([^"]+)"', text)
    assert draft
    believed = {"draft": draft[1]}
    other = prod.nodes["pve2"].url
    for change in ({"url": other}, {"trust": "pinned"}):
        _, _, headers = await send(paddock, right | believed | change)
        assert "/import/confirm/" in headers["location"], "it was believed for that URL and that trust only"
    status, _, headers = await send(paddock, right | believed)
    assert "/import/review/" in headers["location"]
    _, _, headers = await send(paddock, right | believed)
    assert "/import/confirm/" in headers["location"], "with the review the draft has served"


@pytest.mark.parametrize(
    ("url", "step", "command"),
    [
        ("no-such-name.invalid", "1 of 6: name", "getent hosts no-such-name.invalid"),
        ("127.255.254.253:1", "2 of 6: connection", "systemctl status pveproxy"),
    ],
)
async def test_what_failed_is_told_with_a_command_to_copy(
    paddock: Paddock, url: str, step: str, command: str
) -> None:
    status, text, _ = await send(paddock, typed(await paddock.site(), url, password="x"))
    assert status == 502
    assert f"Stopped at step {step}" in text
    assert f'data-copy="{command}"' in text
    assert 'id="e-url"' in text
    assert "No credential was sent" in text


async def test_an_unknown_authority_offers_the_other_ways_of_trust(paddock: Paddock, estate: Running) -> None:
    form = typed(await paddock.site(), estate["prod"].first.url, password="x", trust="system")
    _, text, _ = await send(paddock, form)
    assert "3 of 6: certificate" in text
    assert "choose “Trust this cluster”" in text
    assert estate.credentials() == []


async def test_a_pinned_fingerprint_is_compared_and_reviewed(paddock: Paddock, estate: Running) -> None:
    site, prod = await paddock.site(), estate["prod"]
    form = typed(site, prod.first.url, password=prod.root_password, trust="pinned")
    _, _, headers = await send(paddock, form)
    assert "/confirm/" in headers["location"]
    _, text, _ = await paddock.browser.get(headers["location"])
    assert "for the other members those that the node reports now" in text
    assert estate.credentials() == []
    status, _, headers = await paddock.browser.post(headers["location"])
    assert status == 303
    _, text, _ = await paddock.browser.get(headers["location"])
    assert "Fingerprint confirmed" in text
    assert "this one certificate each, as reported" in text


async def test_a_ca_of_ones_own_is_kept_in_the_form_and_refused_with_a_sentence(
    paddock: Paddock, estate: Running
) -> None:
    form = typed(await paddock.site(), estate["prod"].first.url, password="x", trust="system")
    status, text, _ = await send(paddock, form | {"ca_pem": "not a certificate"})
    assert status == 422
    assert 'id="e-ca_pem"' in text
    assert "not a certificate</textarea>" in text
    own = estate["prod"].ca_pem  # as if it were a company's
    form["password"] = estate["prod"].root_password
    status, _, headers = await send(paddock, form | {"ca_pem": own})
    assert status == 303, "chain and address fit"
    _, text, _ = await paddock.browser.get(headers["location"])
    assert "Public or own CA" in text


async def test_only_the_chosen_way_of_signing_in_counts(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["auditor"]
    form = typed(
        await paddock.site(), estate["prod"].first.url, sign_in="token", trust="off", password="left over"
    ) | {"token_id": token.id, "token_secret": token.secret}
    status, _, headers = await send(paddock, form)
    assert status == 303
    _, text, _ = await paddock.browser.get(headers["location"])
    assert token.id in text
    assert "May not" in text
    assert "create and delete containers" in text
    assert token.secret not in text


async def test_wrong_fields_are_told_before_anything_is_tried(paddock: Paddock) -> None:
    status, text, _ = await send(paddock, typed(await paddock.site(), "", username="root", password="x"))
    assert status == 422
    assert 'id="e-url"' in text
    assert "did you mean root@pam?" in text
    status, text, _ = await send(paddock, typed("", "10.0.0.1", password="x", trust="anything"))
    assert status == 422
    assert 'id="e-site_id"' in text
    assert 'id="e-trust"' in text


async def test_reading_again_needs_no_credential_and_forgets_the_old_review(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    old = f"/nodes/import/review/{seen['preview_id']}"
    await paddock.browser.get(old)
    status, _, headers = await paddock.browser.post(f"{old}/again", {})
    assert status == 303
    assert headers["location"] != old
    assert (await paddock.browser.get(headers["location"]))[0] == 200
    status, text, _ = await paddock.browser.get(old)
    assert status == 404
    assert "This review is no longer there" in text


async def test_ticking_nothing_is_told_and_the_review_stays(paddock: Paddock, estate: Running) -> None:
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    path = f"/nodes/import/review/{seen['preview_id']}"
    await paddock.browser.get(path)
    status, text, _ = await paddock.browser.post(path, {})
    assert status == 422
    assert "Tick at least one member." in text
    assert (await paddock.browser.get(path))[0] == 200


async def test_a_cluster_of_another_site_cannot_be_ticked(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("edge", nodes=2, containers=2)) as running:
        await paddock.imported(await paddock.site("Vienna"), running["edge"])
        graz = await paddock.site("Graz")
        seen = await paddock.preview(graz, running["edge"].first, running["edge"])
        _, text, _ = await paddock.browser.get(f"/nodes/import/review/{seen['preview_id']}")
    assert text.count("This cluster is registered in site Vienna") == 3
    assert len(re.findall(r'name="members" value="pve\d"[^>]* disabled', text)) == 2


async def test_a_draft_belongs_to_one_person_and_does_not_outlive_its_time(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    _, _, headers = await send(paddock, typed(site, prod.first.url, password=prod.root_password))
    draft_id = headers["location"].rpartition("/")[2]
    drafts = paddock.services.parts[Drafts]
    (owner,) = {draft.owner for draft in drafts._waiting.values() if draft.id == draft_id}
    kept = drafts.find(draft_id, owner)
    assert kept is not None
    assert prod.root_password not in repr(kept)
    assert drafts.find(draft_id, Actor("somebody", "somebody", "administrator").name) is None
    assert kept.expires_at - paddock.services.clock.now() <= DRAFT_LIFE
