"""Diagnoses over REST and on pages: asked for, by itself, before anything is registered; and the support bundle."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any

import pytest

from pvesim import ClusterScene, Running
from pvesim.strangers import stranger, web_page
from tests.app.conftest import Estates
from tests.app.persons import person
from tests.harness import Paddock

STEPS = [
    "url", "resolve", "connect", "certificate", "product", "sign_in", "version", "rights", "name", "membership",
    "clock", "storages", "others",
]  # fmt: skip
SECRET = "never-to-be-seen-77"


@pytest.fixture
async def prod(paddock: Paddock, estates: Estates) -> Any:
    """Three nodes, imported and seen online."""
    async with estates(ClusterScene.simple("prod", nodes=3, containers=6)) as running:
        job = await paddock.imported(await paddock.site(), running["prod"])
        assert job["state"] == "done", job
        yield running


async def id_of(paddock: Paddock, name: str) -> str:
    return str((await paddock.nodes())[name]["id"])


async def until_diagnosed(paddock: Paddock, node_id: str, code: str) -> Any:
    found: Any = None
    try:
        async with asyncio.timeout(15):
            while (found := await paddock.api.get(f"/nodes/{node_id}/diagnosis")).get("code") != code:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{found.get('code')} instead of {code}: {found.get('headline')}") from None
    return found


# -- REST ---------------------------------------------------------------------------------------------------------


async def test_a_healthy_node_passes_every_step(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve2")
    never = await paddock.api.get(f"/nodes/{node_id}/diagnosis")
    assert (never.status, never["code"]) == (404, "no_diagnosis")
    found = await paddock.api.post(f"/nodes/{node_id}/diagnose")
    assert found.status == 200, found
    assert [step["key"] for step in found["steps"]] == STEPS
    assert found["counts"] == {"passed": 13, "warned": 0, "failed": 0, "skipped": 0}, found
    assert (found["code"], found["failed_step"], found["automatic"]) == ("ok", None, False)
    assert found["milliseconds"] < 3000
    kept = await paddock.api.get(f"/nodes/{node_id}/diagnosis")
    assert dict(kept) == dict(found)


async def test_a_stopped_service_is_named_with_the_commands_to_run(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve2")
    prod.fault("daemon-down", cluster="prod", node="pve2")
    found = await paddock.api.post(f"/nodes/{node_id}/diagnose")
    assert (found["code"], found["failed_step"]) == ("connection_refused", "connect")
    cause = found["steps"][2]
    address = prod["prod"].nodes["pve2"].address
    assert f"ssh root@{address} systemctl status pveproxy" in [one["text"] for one in cause["commands"]]
    assert cause["next"].startswith("The API service does not run")
    assert {"label": "Seen", "text": cause["text"]} in cause["proof"]
    entry = (await paddock.api.get("/audit?action=nodes.diagnose"))["items"][0]
    assert (entry["target"], entry["detail"]) == ("pve2", {"found": "connection_refused"})


async def test_the_credential_is_tried_as_it_is_now(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve2")
    prod.fault("password-changed", cluster="prod")  # tickets that were given before stay valid
    found = await paddock.api.post(f"/nodes/{node_id}/diagnose")
    assert (found["code"], found["failed_step"]) == ("password_refused", "sign_in")


async def test_a_diagnosis_that_signs_in_ends_the_waiting_of_the_watch(
    paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=1, containers=2)) as running:
        token = running["prod"].tokens["full"]
        given = {"token_id": token.id, "token_secret": token.secret}
        await paddock.imported(await paddock.site(), running["prod"], **given)
        node_id = await id_of(paddock, "pve1")
        running.fault("token-deleted", cluster="prod")
        await paddock.until_status("pve1", "refused")
        running.clear()
        assert (await paddock.api.post(f"/nodes/{node_id}/diagnose"))["code"] == "ok"
        await paddock.until_status("pve1", "online", seconds=8)  # by itself it would wait a minute


# -- by itself ----------------------------------------------------------------------------------------------------


async def test_a_node_that_fails_is_diagnosed_by_itself_once(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve2")
    await paddock.until_status("pve2", "online")
    prod.fault("certificate-replaced", cluster="prod", node="pve2")
    await paddock.until_status("pve2", "untrusted")
    found = await until_diagnosed(paddock, node_id, "fingerprint_changed")
    assert found["automatic"] is True
    await asyncio.sleep(2.5)
    assert (await paddock.api.get(f"/nodes/{node_id}/diagnosis"))["started_at"] == found["started_at"]
    events = (await paddock.api.get(f"/nodes/{node_id}/events"))["items"]
    assert sum(event["kind"] == "diagnosed" for event in events) == 1
    status, text, _ = await paddock.browser.get(f"/nodes/{node_id}")
    assert status == 200
    assert f"/nodes/{node_id}/diagnosis/panel" in text
    status, text, _ = await paddock.browser.get(f"/nodes/{node_id}/diagnosis/panel")
    assert "Stopped at step 4 of 13: certificate" in text
    assert "Diagnosed by itself" in text
    assert "another certificate than the one that was confirmed" in text
    assert 'data-copy="pvenode cert info"' in text


async def test_a_refused_credential_is_not_tried_again_by_itself(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("prod", nodes=1, containers=2)) as running:
        token = running["prod"].tokens["full"]
        given = {"token_id": token.id, "token_secret": token.secret}
        await paddock.imported(await paddock.site(), running["prod"], **given)
        node_id = await id_of(paddock, "pve1")
        running.fault("token-deleted", cluster="prod")
        await paddock.until_status("pve1", "refused")
        found = await until_diagnosed(paddock, node_id, "token_refused")
        assert "It is not tried again by itself" in found["steps"][5]["text"]


# -- before anything is registered -----------------------------------------------------------------------------


async def test_an_address_is_diagnosed_before_it_is_registered(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("prod", nodes=2)) as running:
        node, prod = running["prod"].first, running["prod"]
        signing = {"username": "root@pam", "password": prod.root_password}
        found = await paddock.api.post("/diagnose", {"url": f"{node.url}/api2/json", **signing})
        by_key = {step["key"]: step for step in found["steps"]}
        assert by_key["certificate"]["code"] == "unknown_authority"
        assert by_key["certificate"]["shown"]["sha256"] == node.fingerprint
        assert by_key["product"]["outcome"] == "passed"
        assert by_key["sign_in"]["code"] == "not_sent"
        assert running.credentials() == []
        trust = {"fingerprint": node.fingerprint}
        found = await paddock.api.post("/diagnose", {"url": node.url, **signing, "trust": trust})
        assert found["code"] == "ok", found["steps"]
        assert by_key.keys() == {step["key"] for step in found["steps"]}
        assert (await paddock.nodes()) == {}


async def test_what_is_typed_wrong_is_told_beside_the_field(paddock: Paddock) -> None:
    body = {"url": "ftp://x", "token_id": "root", "token_secret": SECRET, "trust": {"fingerprint": "AA"}}
    found = await paddock.api.post("/diagnose", body)
    assert (found.status, {one["field"] for one in found["errors"]}) == (
        422,
        {"url", "token_id", "fingerprint"},
    )
    assert SECRET not in str(found)


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "[fe80::1]:8006", "0.0.0.0"])
async def test_nobody_is_led_to_a_metadata_address(paddock: Paddock, url: str) -> None:
    found = await paddock.api.post("/diagnose", {"url": url})
    assert found.status == 422
    assert "link-local or metadata" in found["detail"]


async def test_a_redirect_is_not_followed_with_a_credential(paddock: Paddock) -> None:
    async with stranger(web_page) as other:
        body = {"url": other.url, "username": "root@pam", "password": SECRET, "trust": {"mode": "off"}}
        found = await paddock.api.post("/diagnose", body)
        assert found["code"] == "not_proxmox"
        assert other.credentials == []


async def test_only_administrators_diagnose(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve1")
    async with person(paddock, "auditor") as auditor:
        for path, body in (("/diagnose", {"url": "192.0.2.1"}), (f"/nodes/{node_id}/diagnose", None)):
            refused = await auditor.post(path, body)
            assert (refused.status, refused["code"]) == (403, "denied")
        assert (await auditor.get(f"/nodes/{node_id}/diagnosis"))["code"] == "no_diagnosis"
        assert (await auditor.get(f"/nodes/{node_id}/support-bundle")).status == 200


# -- pages --------------------------------------------------------------------------------------------------------


async def test_the_button_on_a_nodes_page_leads_to_the_steps(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve3")
    browser = paddock.browser
    _, text, _ = await browser.get(f"/nodes/{node_id}")
    assert f'action="/nodes/{node_id}/diagnose"' in text
    _, text, _ = await browser.get(f"/nodes/{node_id}/diagnosis")
    assert "Not diagnosed yet" in text
    prod.fault("certificate-replaced", cluster="prod", node="pve3")
    status, _, headers = await browser.post(f"/nodes/{node_id}/diagnose")
    assert (status, headers["Location"]) == (303, f"/nodes/{node_id}/diagnosis")
    _, text, _ = await browser.get(headers["Location"])
    assert "Stopped at step 4 of 13: certificate" in text
    assert "Shown now" in text
    assert prod["prod"].nodes["pve3"].fingerprint in text
    assert 'data-copy="pvenode cert info"' in text
    assert "No credential was sent." in text


async def test_a_page_diagnoses_an_address_and_gives_no_secret_back(
    paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=1)) as running:
        node, browser = running["prod"].first, paddock.browser
        await browser.get("/diagnose")
        form = {"url": node.url, "sign_in": "password", "username": "root@pam", "password": SECRET}
        status, text, _ = await browser.post("/diagnose", form | {"fingerprint": node.fingerprint})
        assert status == 200
        assert "Stopped at step 6 of 13: sign-in" in text
        assert SECRET not in text
        saved = re.search(r'href="data:application/json;base64,([^"]+)" download', text)
        assert saved
        bundle = base64.b64decode(saved[1]).decode()
        assert SECRET not in bundle
        assert json.loads(bundle)["diagnosis"]["failed_step"] == "sign_in"
        status, text, _ = await browser.post("/diagnose", {"url": "ftp://x"})
        assert status == 422
        assert "Proxmox VE speaks HTTPS" in text


async def test_hostile_names_are_shown_as_text(paddock: Paddock, prod: Running) -> None:
    node_id = await id_of(paddock, "pve1")
    await paddock.browser.get("/nodes")
    for path in ("/nodes/localhost/storage", "/cluster/status", "/access/domains"):
        prod.fault("rubbish", cluster="prod", node="pve1", how="markup", path=path)
        await paddock.browser.post(f"/nodes/{node_id}/diagnose")
        prod.clear()
        _, text, _ = await paddock.browser.get(f"/nodes/{node_id}/diagnosis")
        assert not re.search(r"<(script|img|b|i)\b(?![^>]*(src=\"/static|class=))", text), path


# -- the support bundle -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["password", "token"])
async def test_the_support_bundle_holds_what_helps_and_no_secret(
    paddock: Paddock, estates: Estates, by: str
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=3, containers=6)) as running:
        prod = running["prod"]
        token = prod.tokens["full"]
        given = {"token_id": token.id, "token_secret": token.secret} if by == "token" else {}
        await paddock.imported(await paddock.site(), prod, **given)
        node_id = await id_of(paddock, "pve2")
        running.fault("rubbish", cluster="prod", node="pve2", how="empty", path="/cluster/status")
        await paddock.api.post(f"/nodes/{node_id}/diagnose")
        bundle = await paddock.api.get(f"/nodes/{node_id}/support-bundle")
        assert bundle.status == 200, bundle
        assert bundle.headers["Content-Disposition"] == 'attachment; filename="paddock-pve2.json"'
        assert bundle["diagnosis"]["code"] == "unreadable"
        assert [member["name"] for member in bundle["members"]] == ["pve1", "pve2", "pve3"]
        assert bundle["cluster"]["signs_in_as"] in {"root@pam", token.id}
        assert any(event["kind"] == "imported" for event in bundle["events"])
        status, page, headers = await paddock.browser.get(f"/nodes/{node_id}/support-bundle.json")
        assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="paddock-pve2.json"')
        assert json.loads(page)["node"]["name"] == "pve2"
        sealed = (await clusters_sealed(paddock))[0]
        tickets = [one for one in running.credentials() if one]
        secrets = [prod.root_password, token.secret, paddock.token, sealed, *tickets]
        for text in (str(dict(bundle)), page):
            assert not [secret for secret in secrets if secret in text]
            assert "PVE:root" not in text
            assert "BEGIN" not in text


async def clusters_sealed(paddock: Paddock) -> list[str]:
    from paddock.clusters import queries

    return [cluster.credential_sealed for cluster in await queries.all_clusters(paddock.ctx)]
