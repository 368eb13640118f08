"""Four ways to trust a cluster: chosen at import, changed later after a test, shown, followed, and never lost silently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from paddock.access.rights import Role
from paddock.watch import following
from pvesim import ClusterScene, Running
from tests.app.clusters.companies import certify, certify_one
from tests.app.conftest import Estates
from tests.app.persons import person
from tests.harness import Paddock


@pytest.fixture
async def small(estates: Estates) -> AsyncIterator[Running]:
    """The cluster `prod`: three nodes."""
    async with estates(ClusterScene.simple("prod", nodes=3, containers=3)) as running:
        yield running


async def trust_of(paddock: Paddock) -> tuple[str, Any]:
    """Id and trust of the only cluster."""
    (cluster,) = (await paddock.api.get("/clusters"))["items"]
    return cluster["id"], await paddock.api.get(f"/clusters/{cluster['id']}/trust")


async def imported(paddock: Paddock, running: Running, **changes: Any) -> str:
    job = await paddock.imported(await paddock.site(), running["prod"], **changes)
    assert job["state"] == "done", job
    for name in running["prod"].nodes:
        await paddock.until_status(name, "online")
    return (await trust_of(paddock))[0]


async def change(paddock: Paddock, cluster: str, **wish: Any) -> Any:
    return await paddock.api.call("PUT", f"/clusters/{cluster}/trust", wish)


async def audited(paddock: Paddock, action: str) -> list[Any]:
    return list((await paddock.api.get(f"/audit?action={action}"))["items"])


# -- at import -------------------------------------------------------------------------------------------------------


async def test_pinned_believes_the_confirmed_certificate_and_those_that_the_cluster_reports(
    paddock: Paddock, small: Running
) -> None:
    first = small["prod"].first
    await imported(paddock, small, trust={"mode": "pinned", "fingerprint": first.fingerprint})
    _, trust = await trust_of(paddock)
    assert trust["mode"] == "pinned"
    assert trust["authorities"] == []
    assert {one["name"]: one["fingerprint"] for one in trust["members"]} == {
        node.name: node.fingerprint for node in small["prod"].nodes.values()
    }
    assert all(one["certificate"]["sha256"] == one["fingerprint"] for one in trust["members"])


async def test_certificates_of_ones_own_ca_are_accepted_with_chain_and_name_checked(
    paddock: Paddock, small: Running
) -> None:
    """The URL is an address translated by nobody; the certificates are for names only."""
    company = certify(small, "prod")
    # reached by name: what resolves nowhere is given to the member as the name to check
    cluster = await imported(paddock, small)
    ok = await change(paddock, cluster, mode="system", ca_pem=company.certificate.pem)
    assert ok.status == 200, ok
    assert [one["server_name"] for one in ok["members"]] == [f"pve{n}.example.org" for n in (1, 2, 3)]
    assert ok["authorities"][0]["subject"].startswith("CN=Example Company")
    contacts = {name: node["contact_ok_at"] for name, node in (await paddock.nodes()).items()}
    await until_contacted(paddock, contacts)
    assert {node["status"] for node in (await paddock.nodes()).values()} == {"online"}


async def test_a_whole_import_by_ones_own_ca(paddock: Paddock, small: Running) -> None:
    company = certify_addresses(small)
    await imported(paddock, small, trust={"mode": "system", "ca_pem": company})
    _, trust = await trust_of(paddock)
    assert (trust["mode"], len(trust["authorities"])) == ("system", 1)


async def test_what_is_no_ca_is_refused_beside_its_field(paddock: Paddock, small: Running) -> None:
    prod, site = small["prod"], await paddock.site()
    for text, words in (
        ("nonsense", "no certificate"),
        (prod.first.state.leaf.pem, "not of a CA"),
        (prod.first.state.leaf.key_pem.decode(), "private key"),
    ):
        seen = await paddock.preview(site, prod.first, prod, trust={"mode": "system", "ca_pem": text})
        assert (seen.status, seen["errors"][0]["field"]) == (422, "ca_pem")
        assert words in seen["detail"]
    assert small.credentials() == []


# -- changed later ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["pinned", "off", "cluster_ca"])
async def test_the_trust_of_a_cluster_can_be_changed_and_is_shown(
    paddock: Paddock, small: Running, mode: str
) -> None:
    cluster = await imported(paddock, small)
    before = (await paddock.api.get(f"/clusters/{cluster}"))["version"]
    made = await change(paddock, cluster, mode=mode)
    assert (made.status, made["mode"]) == (200, mode), made
    assert (await paddock.api.get(f"/clusters/{cluster}"))["version"] == before + 1
    (entry,) = await audited(paddock, "clusters.trust")
    assert (entry["outcome"], entry["detail"]["trust"]) == ("ok", ["cluster_ca", mode])
    contacts = {name: node["contact_ok_at"] for name, node in (await paddock.nodes()).items()}
    await until_contacted(paddock, contacts)
    assert {node["status"] for node in (await paddock.nodes()).values()} == {"online"}


async def test_a_trust_under_which_nobody_is_believed_is_not_saved(paddock: Paddock, small: Running) -> None:
    cluster = await imported(paddock, small)
    made = await change(paddock, cluster, mode="system")
    assert (made.status, made["code"]) == (409, "trust_not_proven")
    assert [one["outcome"] for one in made["members"]] == ["untrusted"] * 3
    assert (await trust_of(paddock))[1]["mode"] == "cluster_ca"
    (entry,) = await audited(paddock, "clusters.trust")
    assert entry["outcome"] == "failed"
    made = await change(paddock, cluster, mode="system", reason="The certificates come tonight")
    assert (made.status, made["mode"]) == (200, "system")
    entry = (await audited(paddock, "clusters.trust"))[0]
    assert entry["detail"]["reason"] == "The certificates come tonight"
    assert entry["detail"]["not_believed"] == ["pve1", "pve2", "pve3"]
    await paddock.until_status("pve1", "untrusted")


async def test_a_test_writes_nothing(paddock: Paddock, small: Running) -> None:
    cluster = await imported(paddock, small)
    small.fault("daemon-down", cluster="prod", node="pve2")
    tried = await paddock.api.post(f"/clusters/{cluster}/trust/test", {"mode": "pinned"})
    assert (tried.status, tried["sound"]) == (200, True)
    assert [one["outcome"] for one in tried["members"]] == ["trusted", "unreachable", "trusted"]
    assert (await trust_of(paddock))[1]["mode"] == "cluster_ca"


async def test_from_off_a_person_has_to_confirm_first(paddock: Paddock, small: Running) -> None:
    """What an unverified channel says of itself proves nothing."""
    cluster = await imported(paddock, small, trust={"mode": "off"})
    asked = await change(paddock, cluster, mode="cluster_ca")
    assert (asked.status, asked["code"]) == (502, "unconfirmed")
    fingerprint = asked["certificate"]["sha256"]
    assert fingerprint == small["prod"].first.fingerprint
    wrong = await change(paddock, cluster, mode="cluster_ca", fingerprint=":".join(["AB"] * 32))
    assert (wrong.status, wrong["code"]) == (422, "fingerprint_not_shown")
    made = await change(paddock, cluster, mode="cluster_ca", fingerprint=fingerprint)
    assert (made.status, made["mode"]) == (200, "cluster_ca"), made
    assert made["authorities"][0]["subject"].endswith("CN=Proxmox Virtual Environment")


async def test_a_cluster_whose_ca_was_made_anew_is_trusted_again_by_a_person(
    paddock: Paddock, small: Running
) -> None:
    cluster = await imported(paddock, small)
    old = (await paddock.api.get(f"/clusters/{cluster}"))["ca_fingerprint"]
    small.fault("ca-replaced", cluster="prod")
    await paddock.until_status("pve1", "untrusted")
    before = len(small.credentials())
    asked = await change(paddock, cluster, mode="cluster_ca")
    assert asked.status == 502, asked
    assert asked["certificate"]["sha256"], "what is shown instead"
    assert len(small.credentials()) == before
    made = await change(
        paddock, cluster, mode="cluster_ca", fingerprint=small["prod"].nodes["pve2"].fingerprint
    )
    assert made.status == 200, made
    await paddock.until_status("pve1", "online")
    found = await paddock.api.get(f"/clusters/{cluster}")
    assert found["ca_fingerprint"] not in (None, old)
    assert (await paddock.api.get("/clusters"))["total"] == 1, "it is the same cluster"
    assert found["trouble"] == "", "its sealed sign-in still opens"


async def test_an_auditor_sees_the_trust_and_changes_nothing(paddock: Paddock, small: Running) -> None:
    cluster = await imported(paddock, small)
    fingerprint = small["prod"].first.fingerprint
    async with person(paddock, "auditor", Role.AUDITOR) as api:
        assert (await api.get(f"/clusters/{cluster}/trust")).status == 200
        for method, path, body in (
            ("PUT", f"/clusters/{cluster}/trust", {"mode": "off"}),
            ("POST", f"/clusters/{cluster}/trust/test", {"mode": "off"}),
            ("POST", f"/clusters/{cluster}/members/pve1/trust", {"fingerprint": fingerprint}),
            ("POST", "/imports/preview", {"site_id": "x", "url": "192.0.2.1", "username": "a@pam"}),
            ("POST", "/nodes", {"site_id": "x", "url": "192.0.2.1", "username": "a@pam", "name": "n"}),
        ):
            answer = await api.call(method, path, body)
            assert answer.status == 403, (path, answer)
    assert (await trust_of(paddock))[1]["mode"] == "cluster_ca"


async def test_two_who_change_at_once_do_not_overwrite_each_other(paddock: Paddock, small: Running) -> None:
    cluster = await imported(paddock, small)
    etag = (await paddock.api.get(f"/clusters/{cluster}/trust")).headers["ETag"]
    path = f"/clusters/{cluster}/trust"
    assert (await paddock.api.call("PUT", path, {"mode": "pinned"}, if_match=etag)).status == 200
    assert (await paddock.api.call("PUT", path, {"mode": "off"}, if_match=etag)).status == 412


# -- a certificate that changes --------------------------------------------------------------------------------------


async def test_a_renewal_under_pins_waits_for_a_person(paddock: Paddock, small: Running) -> None:
    prod = small["prod"]
    cluster = await imported(paddock, small, trust={"mode": "pinned", "fingerprint": prod.first.fingerprint})
    old = prod.nodes["pve2"].fingerprint
    small.fault("certificate-renewed", cluster="prod", node="pve2")
    new = prod.nodes["pve2"].fingerprint
    node = await paddock.until_status("pve2", "untrusted")
    assert node["status_code"] == "fingerprint_changed"
    _, trust = await trust_of(paddock)
    member = next(one for one in trust["members"] if one["name"] == "pve2")
    assert (member["certificate"]["sha256"], member["refused"]["sha256"]) == (old, new)
    assert member["fingerprint"] == old, "the cluster's report alone does not replace a pin"
    path = f"/clusters/{cluster}/members/pve2/trust"
    wrong = await paddock.api.post(path, {"fingerprint": old})
    assert (wrong.status, wrong["code"]) == (502, "fingerprint_changed")
    assert (await paddock.nodes())["pve2"]["status"] == "untrusted"
    made = await paddock.api.post(path, {"fingerprint": new})
    assert made.status == 200, made
    await paddock.until_status("pve2", "online")
    entries = await audited(paddock, "clusters.retrust")
    assert [one["outcome"] for one in entries] == ["ok", "failed"]
    assert entries[0]["detail"] == {"node": "pve2", "before": old, "after": new}
    events = (await paddock.api.get(f"/nodes/{node['id']}/events"))["items"]
    assert any(event["text"].startswith("Certificate renewed") for event in events)


async def test_a_renewal_that_the_cluster_vouches_for_needs_nobody(paddock: Paddock, small: Running) -> None:
    """An administrator installs a certificate of another CA: the other members report it."""
    cluster = await imported(paddock, small)
    small.fault("certificate-custom", cluster="prod", node="pve2")
    new = small["prod"].nodes["pve2"].fingerprint
    async with asyncio.timeout(20):
        while True:
            trust = await paddock.api.get(f"/clusters/{cluster}/trust")
            member = next(one for one in trust["members"] if one["name"] == "pve2")
            if member["certificate"]["sha256"] == new:
                break
            await asyncio.sleep(0.1)
    assert member["refused"] is None
    node = (await paddock.nodes())["pve2"]
    assert node["status"] == "online"
    assert node["certificate_ends"] is not None
    assert node["certificate_ends"][:19] == member["certificate"]["not_after"][:19]
    events = [one["text"] for one in (await paddock.api.get(f"/nodes/{node['id']}/events"))["items"]]
    assert not any("not trusted" in text for text in events), "nobody was alarmed"


async def test_what_only_the_member_itself_shows_is_not_believed_and_cannot_be_confirmed(
    paddock: Paddock, small: Running
) -> None:
    """A proxy or a man in the middle: neither signed nor reported by the cluster, whatever a person says."""
    cluster = await imported(paddock, small)
    small.fault("certificate-replaced", cluster="prod", node="pve2")
    await paddock.until_status("pve2", "untrusted")
    _, trust = await trust_of(paddock)
    shown = next(one for one in trust["members"] if one["name"] == "pve2")["refused"]
    made = await paddock.api.post(f"/clusters/{cluster}/members/pve2/trust", {"fingerprint": shown["sha256"]})
    assert (made.status, made["code"]) == (502, "foreign_certificate")
    small.clear()
    await paddock.until_status("pve2", "online")
    _, trust = await trust_of(paddock)
    assert all(one["refused"] is None for one in trust["members"]), (
        "what was refused is gone when all is well"
    )


async def test_a_member_that_joins_is_followed(paddock: Paddock, small: Running) -> None:
    cluster = await imported(paddock, small)
    small.fault("node-added", cluster="prod")
    async with asyncio.timeout(20):
        while True:
            trust = await paddock.api.get(f"/clusters/{cluster}/trust")
            joined = [one for one in trust["members"] if one["name"] not in ("pve1", "pve2", "pve3")]
            if joined and joined[0]["fingerprint"]:
                break
            await asyncio.sleep(0.1)
    assert joined[0]["fingerprint"] == small["prod"].nodes[joined[0]["name"]].fingerprint


async def test_a_member_that_joins_with_a_company_certificate_is_checked_for_its_name(
    paddock: Paddock, small: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following.Follower.follow, "__kwdefaults__", {"every": timedelta(seconds=0.2)})
    company = certify(small, "prod")
    cluster = await imported(paddock, small)
    assert (await change(paddock, cluster, mode="system", ca_pem=company.certificate.pem)).status == 200
    small.fault("node-added", cluster="prod")
    (new,) = set(small["prod"].nodes) - {"pve1", "pve2", "pve3"}
    certify_one(small, new, company)
    async with asyncio.timeout(20):
        while True:
            _, trust = await trust_of(paddock)
            names = {one["name"]: one["server_name"] for one in trust["members"]}
            if names.get(new):
                break
            await asyncio.sleep(0.1)
    assert names[new] == f"{new}.example.org"


async def test_with_verification_off_the_overview_says_so_until_it_is_on_again(
    paddock: Paddock, small: Running
) -> None:
    cluster = await imported(paddock, small, trust={"mode": "off"})
    codes = [one["code"] for one in (await paddock.api.get("/overview"))["attention"]]
    assert codes == ["trust_off"]
    await change(paddock, cluster, mode="cluster_ca", fingerprint=small["prod"].first.fingerprint)
    assert (await paddock.api.get("/overview"))["attention"] == []


def certify_addresses(running: Running) -> str:
    """Certificates of one's own CA for the addresses of the nodes. Returns the CA."""
    from pvesim.certificates import Authority

    company = Authority.stranger()
    for node in running["prod"].nodes.values():
        node.state.install(node.state.leaf, company.leaf(node.name, [node.address]))
        node.listener.reset()
        node.listener.refresh()
    return company.certificate.pem


async def until_contacted(paddock: Paddock, before: dict[str, Any]) -> None:
    """Waits until Paddock has reached every node anew."""
    async with asyncio.timeout(20):
        while any(
            node["contact_ok_at"] is None or node["contact_ok_at"] <= before[name]
            for name, node in (await paddock.nodes()).items()
        ):
            await asyncio.sleep(0.1)
