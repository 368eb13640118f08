"""The page of a cluster, its trust, and a certificate that has changed, as a person sees them."""

from __future__ import annotations

import re

from playwright.async_api import expect

from pvesim import Running
from tests.browser.driving import Person
from tests.harness import Paddock


async def cluster_of(paddock: Paddock) -> str:
    return str((await paddock.api.get("/clusters"))["items"][0]["id"])


async def test_a_person_changes_the_trust_of_a_cluster_after_a_test(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site(), demo["prod"])
    await paddock.until_status("pve1", "online")
    page = person.page
    await person.go("/nodes")
    await page.get_by_role("link", name="prod", exact=True).click()
    await expect(page.get_by_role("heading", name="prod")).to_be_visible()
    await expect(page.get_by_text("This cluster's CA")).to_be_visible()
    await expect(page.get_by_text("Believed").first).to_be_visible()
    await person.look("cluster")
    await page.get_by_role("link", name="Change Trust").first.click()
    await page.get_by_label("Verify with a public or own CA").check()
    await expect(page.get_by_label("CA certificates of your own")).to_be_visible()
    await page.get_by_role("button", name="Test and Save").click()
    await expect(page.get_by_text("Nothing was saved").first).to_be_visible(timeout=20_000)
    await expect(page.get_by_text("Not believed.").first).to_be_visible()
    await expect(page.get_by_label("Reason")).to_be_visible()
    await person.look("cluster-trust-refused")
    await page.get_by_label("Pin each node's fingerprint").check()
    await page.get_by_role("button", name="Test", exact=True).click()
    await expect(page.get_by_text("Tried on")).to_be_visible(timeout=20_000)
    await person.look("cluster-trust-tested")
    await page.get_by_role("button", name="Test and Save").click()
    await expect(page.get_by_text("The new trust was tried and saved.")).to_be_visible(timeout=20_000)
    await expect(page.get_by_text("Pinned fingerprints")).to_be_visible()


async def test_a_changed_certificate_stands_beside_the_old_one_until_a_person_decides(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    prod = demo["prod"]
    trust = {"mode": "pinned", "fingerprint": prod.first.fingerprint}
    await paddock.imported(await paddock.site(), prod, trust=trust)
    await paddock.until_status("pve2", "online")
    demo.fault("certificate-renewed", cluster="prod", node="pve2")
    node = await paddock.until_status("pve2", "untrusted")
    page = person.page
    await person.go("/nodes")
    await expect(page.get_by_text("Certificate changed").first).to_be_visible()
    await person.go(f"/nodes/{node['id']}")
    await expect(page.get_by_role("heading", name="The certificate has changed.")).to_be_visible()
    await expect(page.get_by_text("Believed before")).to_be_visible()
    await expect(page.get_by_text("Shown now")).to_be_visible()
    await person.look("certificate-changed")
    await page.get_by_role("link", name="Compare and decide").click()
    shown = re.sub(r"[^0-9A-F]", "", await page.locator(".fp.is-bad").inner_text())
    assert shown == prod.nodes["pve2"].fingerprint.replace(":", "")
    await page.get_by_label("Fingerprint from the node").fill(":".join(["AB"] * 32))
    await page.get_by_role("button", name="The fingerprint matches, trust it").click()
    await expect(page.get_by_text("This is another fingerprint than the one shown.").first).to_be_visible()
    await page.get_by_label("Fingerprint from the node").fill(prod.nodes["pve2"].fingerprint)
    await person.look("certificate-compare")
    await page.get_by_role("button", name="The fingerprint matches, trust it").click()
    await expect(page.get_by_text("The new certificate is trusted from now on.")).to_be_visible()
    await paddock.until_status("pve2", "online")


async def test_without_verification_a_warning_stays_wherever_the_cluster_is_shown(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site(), demo["prod"], trust={"mode": "off"})
    node = await paddock.until_status("pve1", "online")
    page = person.page
    await person.go("/")
    await expect(page.get_by_text("prod is not verified")).to_be_visible()
    await person.go("/nodes")
    await expect(page.get_by_role("link", name="Not verified")).to_be_visible()
    await person.go(f"/nodes/{node['id']}?tab=network")
    await expect(page.get_by_role("link", name="Not verified")).to_be_visible()
    await person.look("node-not-verified")
    await page.get_by_role("link", name="Not verified").click()
    await expect(page.get_by_text("Certificates are not verified")).to_be_visible()
    await person.look("cluster-not-verified")
    await page.get_by_role("link", name="Choose another trust").click()
    await page.get_by_label("Trust this cluster").check()
    await page.get_by_role("button", name="Test and Save").click()
    await expect(page.get_by_text("I have compared it on the node")).to_be_visible(timeout=20_000)
    await person.look("cluster-trust-confirm")
    await page.get_by_label("I have compared it on the node").check()
    await page.get_by_role("button", name="Test and Save").click()
    await expect(page.get_by_text("The new trust was tried and saved.")).to_be_visible(timeout=20_000)
    await person.go("/")
    await expect(page.get_by_text("prod is not verified")).not_to_be_visible()
