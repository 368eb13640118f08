"""A person changes and removes nodes, and adds one that joined."""

from __future__ import annotations

import re

from playwright.async_api import expect

from pvesim import ClusterScene, Running
from tests.app.clusters.signing import signed
from tests.application import Estates
from tests.browser.driving import Person
from tests.harness import Paddock


async def test_a_person_changes_a_node_and_sees_the_test_of_the_new_configuration(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    node = (await paddock.nodes())["pve1"]
    page = person.page
    await person.go(f"/nodes/{node['id']}")
    await page.get_by_role("link", name="Edit", exact=True).first.click()
    await page.get_by_label("API URL").fill(f"{node['address']}:1")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Stopped at step 2 of 6: connection")).to_be_visible()
    await expect(page.get_by_text("Nothing was saved")).to_be_visible()
    await person.look("node-edit-failed")
    await page.locator(".nav-side").get_by_role("link", name="Sites").click()
    await expect(page.get_by_role("heading", name="Sites")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_label("API URL")).to_have_value(f"{node['address']}:1")
    await page.get_by_label("API URL").fill(node["url"])
    await page.get_by_label("API URL").press("Enter")
    await expect(page.get_by_text("Saved, and tested with the new configuration")).to_be_visible()
    await expect(page.get_by_role("listitem").filter(has_text="Sign-in").first).to_contain_text("passed")
    await page.get_by_label("Name", exact=True).fill("PVE1")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("button", name="Take pve1").click()
    await expect(page.get_by_text("Saved, and tested with the new configuration")).to_be_visible()


async def test_a_person_is_refused_while_containers_run_and_removes_the_node_then(
    person: Person, paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=2, containers=4)) as estate:
        await paddock.imported(await paddock.site("Vienna"), estate["prod"])
        node = (await paddock.nodes())["pve1"]
        page = person.page
        await person.go(f"/nodes/{node['id']}")
        await page.get_by_role("link", name="Remove", exact=True).first.click()
        await expect(page.get_by_text(re.compile("It cannot be removed while .* there"))).to_be_visible()
        await expect(
            page.get_by_text("Migrate them to another node, shut them down, or delete them, first.")
        ).to_be_visible()
        running = [g for g in estate.estate["prod"].guests.values() if g.node.name == "pve1"]
        for guest in running:
            await expect(page.get_by_text(f"{guest.vmid} {guest.name}")).to_be_visible()
        await person.look("node-remove-refused")
        for guest in running:
            estate.estate["prod"].set_status(guest.vmid, "stopped")
        await page.get_by_role("link", name="Ask again").first.click()
        await expect(page.get_by_text("No active container is there.")).to_be_visible()
        confirm = page.get_by_label("Type pve1 to confirm")
        await confirm.fill("PVE1")
        await expect(page.get_by_role("button", name="Remove pve1").first).to_be_disabled()
        await confirm.fill("pve1")
        await page.get_by_role("button", name="Remove pve1").first.click()
        await expect(page.get_by_text("pve1 was removed from Paddock.")).to_be_visible()
        await page.get_by_role("button", name="Undo: add pve1 again").click()
        await expect(page.get_by_text("Reachable directly").first).to_be_visible(timeout=15_000)
        assert sorted(await paddock.nodes()) == ["pve1", "pve2"]


async def test_a_person_adds_a_node_that_joined_by_one_click(
    person: Person, paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=2, containers=2)) as estate:
        await paddock.imported(await paddock.site("Vienna"), estate["prod"])
        await person.go("/")
        page = person.page
        estate.fault("node-added", cluster="prod", called="pve3")
        await expect(page.get_by_text("pve3 joined prod: add?")).to_be_visible(timeout=15_000)
        await page.get_by_role("button", name="Add pve3", exact=True).click()
        await expect(page.get_by_text("Reachable directly").first).to_be_visible(timeout=15_000)
        assert "pve3" in await paddock.nodes()


async def test_a_person_removes_a_cluster_and_takes_away_what_paddock_made_on_it(
    person: Person, paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=2, containers=0)) as estate:
        cluster = await signed(paddock, estate)
        before = cluster.entries()
        assert (await cluster.ceremony(token="demo"))["state"] == "done"
        page = person.page
        await person.go(f"/clusters/{cluster.id}/remove")
        await expect(page.get_by_text("token paddock@pve!demo", exact=True)).to_be_visible()
        password = page.locator("#f-password")
        await expect(password).to_be_hidden()
        await page.get_by_label("Take it away").check()
        await expect(password).to_be_visible()
        await password.fill("not this one")
        await page.get_by_label("Type prod to confirm").fill("prod")
        await person.look("cluster-remove")
        await page.get_by_role("button", name="Remove prod").first.click()
        await expect(page.get_by_text("Proxmox VE refused root@pam").first).to_be_visible()
        assert cluster.entries() != before
        await password.fill(cluster.prod.root_password)
        await page.get_by_label("Type prod to confirm").fill("prod")
        await page.get_by_role("button", name="Remove prod").first.click()
        await expect(page.get_by_text("prod was removed from Paddock with its nodes.")).to_be_visible()
        await expect(page.get_by_text("Taken away from Proxmox VE:")).to_be_visible()
        await person.look("cluster-removed")
        assert cluster.entries() == before
