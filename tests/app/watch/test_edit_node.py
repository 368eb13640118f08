"""A managed node is changed: tested first, saved then, and never under the wrong name."""

from __future__ import annotations

from typing import Any

import pytest

from paddock.nodes import changing
from paddock.watch.actions import editing
from paddock.watch.loop import Watcher
from pvesim import ClusterScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock


async def imported(paddock: Paddock, estate: Running) -> dict[str, Any]:
    await paddock.imported(await paddock.site(), estate["prod"])
    return await paddock.nodes()


async def patch(paddock: Paddock, node: Any, body: dict[str, Any], **headers: str) -> Any:
    return await paddock.api.call("PATCH", f"/nodes/{node['id']}", body, **headers)


async def test_a_changed_address_is_tested_and_used_from_then_on(paddock: Paddock, estate: Running) -> None:
    nodes = await imported(paddock, estate)
    moved = estate["prod"].nodes["pve2"]
    estate.fault("address-changed", cluster="prod", node="pve2")
    saved = await patch(paddock, nodes["pve2"], {"address": moved.address})
    assert saved.status == 200, saved
    assert (saved["address"], saved["url"]) == (moved.address, moved.url), "the URL follows the address"
    assert saved["version"] == nodes["pve2"]["version"] + 1
    events = (await paddock.api.get(f"/nodes/{saved['id']}/events"))["items"]
    assert any(f"→ {moved.address}" in event["text"] for event in events)
    await paddock.until_status("pve2", "online")


async def test_what_paddock_changes_itself_meanwhile_is_no_conflict(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    tried = editing.try_node

    async def followed_meanwhile(*given: Any) -> None:
        monkeypatch.setattr(editing, "try_node", tried)
        async with paddock.ctx.write() as tx:
            (await changing.lock(paddock.ctx, tx, node["id"], None)).version += 1
        await tried(*given)

    for headers, status in (({}, 200), ({"If-Match": f'"{node["version"] + 1}"'}, 412)):
        monkeypatch.setattr(editing, "try_node", followed_meanwhile)
        answer = await patch(paddock, node, {"url": node["url"]}, **headers)
        assert answer.status == status, answer


async def test_a_failing_test_is_not_saved_and_says_the_step(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    refused = await patch(paddock, node, {"url": f"{node['address']}:1"})
    assert (refused.status, refused["code"]) == (502, "connection_refused")
    assert refused["detail"].startswith("Nothing was saved")
    assert refused["hint"]
    assert [one["state"] for one in refused["steps"]] == ["passed", "failed"] + ["skipped"] * 4
    after = (await paddock.nodes())["pve2"]
    assert (after["url"], after["version"]) == (node["url"], node["version"])
    audit = await paddock.api.get("/audit?action=nodes.edit")
    assert (audit["items"][0]["outcome"], audit["items"][0]["code"]) == ("failed", "connection_refused")


async def test_a_failing_test_is_saved_with_a_reason_which_is_audited(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    saved = await patch(paddock, node, {"url": f"{node['address']}:1", "save_anyway": "moves tonight"})
    assert (saved.status, saved["url"]) == (200, f"https://{node['address']}:1")
    entry = (await paddock.api.get("/audit?action=nodes.edit"))["items"][0]
    assert entry["detail"]["saved_anyway"] == "moves tonight"
    assert entry["detail"]["failed"] == "connection_refused"
    assert entry["detail"]["url"] == [node["url"], saved["url"]]
    events = (await paddock.api.get(f"/nodes/{node['id']}/events"))["items"]
    assert any("because: moves tonight" in event["text"] for event in events)


async def test_what_is_left_out_stays(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    assert (await patch(paddock, node, {})).status == 200
    after = (await paddock.nodes())["pve2"]
    same = ("name", "address", "url", "site_id", "version")
    assert {name: after[name] for name in same} == {name: node[name] for name in same}
    named = await patch(paddock, node, {"url": f"https://localhost:{estate['prod'].first.port}"})
    assert named.status in {422, 502}, "localhost is another machine, or nobody"


async def test_the_address_of_another_node_is_never_saved_not_even_with_a_reason(
    paddock: Paddock, estate: Running
) -> None:
    nodes = await imported(paddock, estate)
    body = {"url": nodes["pve1"]["url"], "save_anyway": "I know better"}
    refused = await patch(paddock, nodes["pve2"], body)
    assert (refused.status, refused["code"], refused["called"]) == (422, "name_other_member", "pve1")
    assert "Proxmox calls it pve1, you typed pve2" in refused["detail"]
    assert (await paddock.nodes())["pve2"]["url"] == nodes["pve2"]["url"]


async def test_a_name_is_taken_only_as_proxmox_writes_it(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    for typed, code in (
        ("PVE2", "name_case"),
        ("pve2.example.org", "name_fqdn"),
        ("pve1", "name_other_member"),
    ):
        refused = await patch(paddock, node, {"name": typed})
        assert (refused.status, refused["code"], refused["called"]) == (422, code, "pve2")


@pytest.mark.parametrize("lone", [False, True])
async def test_a_renamed_node_takes_its_new_name_and_keeps_its_history(
    paddock: Paddock, estates: Estates, lone: bool
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=1 if lone else 3, containers=3)) as estate:
        node = (await imported(paddock, estate))["pve1"]
        estate.fault("node-renamed", cluster="prod", node="pve1", called="alpha")
        refused = await patch(paddock, node, {})
        assert (refused["code"], refused["called"]) == ("name_mismatch", "alpha")
        saved = await patch(paddock, node, {"name": "alpha"})
        assert (saved.status, saved["name"], saved["id"]) == (200, "alpha", node["id"])
        found = await paddock.until_status("alpha", "online")
        assert found["vanished_at"] is None
        events = (await paddock.api.get(f"/nodes/{node['id']}/events"))["items"]
        assert any("Name pve1 → alpha" in event["text"] for event in events)
        assert any(event["text"] == "Imported" for event in events)
        assert "pve1" not in await paddock.nodes()


async def test_two_people_at_once_do_not_overwrite_each_other(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    etag = (await paddock.api.get(f"/nodes/{node['id']}")).headers["ETag"]
    graz = await paddock.site("Graz")
    assert (await patch(paddock, node, {"site_id": graz}, if_match=etag)).status == 200
    late = await patch(paddock, node, {"url": node["url"], "save_anyway": "x"}, if_match=etag)
    assert (late.status, late["code"]) == (412, "stale_version")


async def test_a_new_site_takes_the_whole_cluster_with_its_containers(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    graz = await paddock.site("Graz")
    saved = await patch(paddock, node, {"site_id": graz})
    assert (saved.status, saved["site"]) == (200, "Graz")
    assert {one["site"] for one in (await paddock.nodes()).values()} == {"Graz"}
    assert (await paddock.api.get(f"/containers?site={graz}&size=100"))["total"] == 20
    nowhere = await patch(paddock, node, {"site_id": "nowhere"})
    assert (nowhere.status, nowhere["errors"][0]["field"]) == (422, "site_id")


async def test_wrong_fields_are_told_beside_them(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    refused = await patch(paddock, node, {"address": "10.0.0.999", "url": "ftp://pve2"})
    assert refused.status == 422
    assert {one["field"] for one in refused["errors"]} == {"address", "url"}
    metadata = await patch(paddock, node, {"address": "169.254.169.254"})
    assert (metadata.status, metadata["errors"][0]["field"]) == (422, "address")


async def test_a_certificate_that_is_not_trusted_stops_the_test_before_any_credential(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    estate.fault("certificate-replaced", cluster="prod", node="pve2")
    await paddock.services.parts[Watcher].forget_all()
    sent = len(estate.credentials())
    refused = await patch(paddock, node, {"address": node["address"]})
    assert refused.status == 502
    assert [one["state"] for one in refused["steps"]][2] == "failed"
    assert estate.credentials()[sent:] == []


# -- the page ------------------------------------------------------------------------------------------------------


def form_of(node: Any, **changes: str) -> dict[str, str]:
    fields = {name: str(node[name]) for name in ("name", "address", "url", "site_id", "version")}
    return fields | changes


async def test_the_page_saves_and_shows_the_steps_of_the_test(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    _, text, _ = await paddock.browser.get(f"/nodes/{node['id']}")
    assert f'href="/nodes/{node["id"]}/edit"' in text
    status, text, _ = await paddock.browser.get(f"/nodes/{node['id']}/edit")
    assert status == 200
    for field in ("name", "address", "url"):
        assert f'value="{node[field]}"' in text
    for way in ("Change the sign-in", "Change it for pve2 alone", "Change the trust"):
        assert way in text, "what is kept once per cluster is one click away"
    status, text, _ = await paddock.browser.post(f"/nodes/{node['id']}/edit", form_of(node))
    assert status == 200
    assert "Saved, and tested with the new configuration" in text
    for step in ("Connection", "Certificate", "Sign-in", "Reading the cluster"):
        assert f'<span class="what">{step}</span>' in text


async def test_the_page_stops_at_the_failed_step_and_asks_for_a_reason(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    path = f"/nodes/{node['id']}/edit"
    await paddock.browser.get(path)
    wrong = form_of(node, url=f"https://{node['address']}:1")
    status, text, _ = await paddock.browser.post(path, wrong)
    assert status == 502
    assert "Stopped at step 2 of 6: connection" in text
    assert f'value="https://{node["address"]}:1"' in text, "nothing typed is lost"
    status, text, _ = await paddock.browser.post(path, wrong | {"anyway": "yes", "reason": " "})
    assert status == 422
    assert 'id="e-reason"' in text
    assert (await paddock.nodes())["pve2"]["url"] == node["url"]
    status, text, _ = await paddock.browser.post(path, wrong | {"anyway": "yes", "reason": "moves tonight"})
    assert (status, "Saved without a successful test" in text) == (200, True)


async def test_a_change_of_somebody_else_is_shown_beside_ones_own(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    path = f"/nodes/{node['id']}/edit"
    await paddock.browser.get(path)
    graz = await paddock.site("Graz")
    await patch(paddock, node, {"site_id": graz})
    status, text, _ = await paddock.browser.post(path, form_of(node))
    assert status == 412
    assert "Saved now: <b>Graz</b>" in text
    assert f'name="version" value="{node["version"] + 1}"' in text


async def test_the_right_name_is_one_click_away(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve2"]
    path = f"/nodes/{node['id']}/edit"
    await paddock.browser.get(path)
    status, text, _ = await paddock.browser.post(path, form_of(node, name="Pve2"))
    assert status == 422
    assert "Proxmox calls it pve2, you typed Pve2" in text
    assert '<button class="btn btn-plain" type="submit" name="take" value="pve2">' in text
    status, _, _ = await paddock.browser.post(path, form_of(node, name="Pve2", take="pve2"))
    assert status == 200
