"""Bad input and bad days of the import: each ends in its own sentence and a next step, none in a traceback."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from paddock.access.rights import Role
from paddock.proxmox.first_contact import reach
from paddock.proxmox.transport import HttpTransport
from paddock.watch import actions
from pvesim import ClusterScene, NodeScene, Running, StorageScene, UserScene
from pvesim.certificates import Authority
from pvesim.gate import Gate
from pvesim.strangers import backup_server, silence, stranger, web_page
from pvesim.wire import Answer
from tests import addresses
from tests.app.conftest import Estates
from tests.app.persons import person
from tests.contract.odd_servers import Handler, answering, listening
from tests.harness import Paddock

SECRET = "never-to-be-seen-77"
OFF = {"mode": "off"}

Instead = Callable[..., None]


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Instead:
    """`instead("/nodes/pve2/status", status=500)`: what simulated nodes answer to this path from now on."""
    rules: list[tuple[re.Pattern[str], Answer]] = []
    whole = Gate._answer

    def answer(self: Gate, request: Any) -> Answer:
        path = request.path.removeprefix("/api2/json")
        return next((made for rule, made in rules if rule.fullmatch(path)), None) or whole(self, request)

    def add(path: str, body: bytes = b"", *, status: int = 200, reason: str = "OK") -> None:
        rules.insert(0, (re.compile(path), Answer(status, reason, body, "application/json;charset=UTF-8")))

    monkeypatch.setattr(Gate, "_answer", answer)
    return add


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives up on a connection after a moment instead of five seconds."""

    async def soon(*args: Any) -> Any:
        return await reach(*args, transport=HttpTransport(connect_seconds=0.3))

    monkeypatch.setattr(actions, "reach", soon)


async def ask(paddock: Paddock, url: str, **changes: Any) -> Any:
    wish = {"url": url, "username": "root@pam", "password": SECRET, "trust": OFF}
    if "site_id" not in changes:
        wish["site_id"] = await paddock.site()
    return await paddock.api.post("/imports/preview", wish | changes)


def assert_told(answer: Any, code: str, *words: str, status: int = 502) -> None:
    """A sentence, a next step, the code; nothing that only a programmer understands, and no secret."""
    assert (answer.status, answer["code"]) == (status, code), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer["detail"][-1] in ".!?", answer["detail"]
    assert answer["hint"]
    whole = f"{answer['detail']} {answer['hint']}"
    for word in words:
        assert word in whole, whole
    for odd in ("Traceback", "Exception", "object at", "Errno", "<html", SECRET):
        assert odd not in str(answer)


# -- what listens there is something else ------------------------------------------------------------------


async def test_a_backup_server_is_named(paddock: Paddock) -> None:
    async with stranger(backup_server) as other:
        assert_told(await ask(paddock, other.url), "not_proxmox", "Proxmox Backup Server", "8006")
        assert other.credentials == []
        assert not any("ticket" in line for line in other.requests)


async def test_a_web_server_is_named(paddock: Paddock) -> None:
    async with stranger(web_page) as other:
        assert_told(await ask(paddock, other.url), "not_proxmox", "web server (nginx/1.26.3)")
        assert other.credentials == []


async def test_plain_http_is_named(paddock: Paddock) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with listening(web) as endpoint:
        assert_told(await ask(paddock, str(endpoint)), "plain_http", "plain HTTP", "HTTPS", "8006")


async def test_a_service_that_is_not_http_is_told(paddock: Paddock) -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        await reader.read(100)

    async with listening(ssh) as endpoint:
        assert_told(await ask(paddock, str(endpoint)), "plain_http", "another service")


def greets(text: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        await writer.drain()

    return handler


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (answering("200 OK", b"<html><h1>It works!</h1></html>"), "not_proxmox"),
        (answering("200 OK", b'{"data":[{"realm":'), "not_proxmox"),
        (answering("200 OK", b"x" * 10_000_000), "not_proxmox"),
        (answering("200 OK", b""), "not_proxmox"),
        (answering("302 Found", b"", "Location: https://evil.example/"), "not_proxmox"),
        (answering("401 Unauthorized", b"who are you?"), "not_proxmox"),
        (answering("503 Service Unavailable", b""), "gateway_failed"),
        (greets(b"220 mail.example.org ESMTP\r\n\r\n"), "unreadable"),
        (greets(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"), "connection_reset"),
        (greets(b""), "connection_reset"),
    ],
    ids=["html", "torn-json", "10-mb", "empty", "redirect", "401", "503", "smtp", "torn", "hangs-up"],
)
async def test_odd_answers_before_the_sign_in_are_told_and_get_no_credential(
    paddock: Paddock, handler: Handler, code: str
) -> None:
    address = addresses.address()
    context = Authority.stranger().leaf("www.example.org", [address]).context
    async with listening(handler, context, address=address) as endpoint:
        assert_told(await ask(paddock, endpoint.url), code)


# -- nobody answers --------------------------------------------------------------------------------------------


async def test_a_wrong_port_is_refused_and_the_right_one_is_named(paddock: Paddock, estate: Running) -> None:
    address = estate["prod"].first.address
    assert_told(await ask(paddock, f"{address}:8007"), "connection_refused", "port 8007", "8006")


async def test_a_name_that_does_not_resolve_is_told(paddock: Paddock) -> None:
    assert_told(
        await ask(paddock, "no-such-host.invalid"), "name_not_found", "does not resolve", "getent hosts"
    )


async def test_a_port_that_says_nothing_times_out(paddock: Paddock, impatient: None) -> None:
    async with silence() as other:
        assert_told(await ask(paddock, other.url), "connect_timeout", "timed out", "nc -vz")


async def test_a_black_hole_times_out(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "PREVIEW_SECONDS", 0.5)
    node = estate["prod"].nodes["pve1"]
    estate.fault("black-hole", cluster="prod", node="pve1")
    answer = await ask(paddock, node.url)
    assert_told(answer, "timed_out", "0 s", "systemctl status", status=504)
    assert estate.credentials() == []


async def test_a_cluster_that_is_too_slow_is_given_up(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "PREVIEW_SECONDS", 1.0)
    estate.fault("slow", cluster="prod", seconds=0.4)
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    assert_told(seen, "timed_out", "too slowly", status=504)
    estate.clear()
    assert (await paddock.api.get("/nodes"))["total"] == 0


async def test_a_node_that_is_off_is_told(paddock: Paddock, estate: Running) -> None:
    answer = await ask(paddock, estate["prod"].nodes["pve3"].url)
    assert_told(answer, "connection_refused", "systemctl status pveproxy")


# -- whom to believe -------------------------------------------------------------------------------------------


async def test_a_cluster_ca_is_not_known_to_the_system(paddock: Paddock, estate: Running) -> None:
    prod = estate["prod"]
    seen = await paddock.preview(await paddock.site(), prod.first, prod, trust={"mode": "system"})
    assert_told(seen, "unknown_authority", "pvenode cert info")
    assert seen["certificate"]["sha256"] == prod.first.fingerprint
    assert estate.credentials() == []


async def test_another_certificate_than_the_confirmed_one_is_refused(
    paddock: Paddock, estate: Running
) -> None:
    prod, site = estate["prod"], await paddock.site()
    confirmed = prod.first.fingerprint
    estate.fault("certificate-replaced", cluster="prod", node=prod.first.name)
    seen = await paddock.preview(
        site, prod.first, prod, trust={"mode": "cluster_ca", "fingerprint": confirmed}
    )
    assert_told(seen, "fingerprint_changed", "somebody may be in between")
    assert seen["expected_sha256"] == confirmed
    assert estate.credentials() == []


async def test_an_expired_certificate_is_dated_and_its_renewal_named(
    paddock: Paddock, estate: Running
) -> None:
    prod = estate["prod"]
    ended = datetime.now(UTC) - timedelta(days=3)
    _install(estate, not_before=ended - timedelta(days=30), not_after=ended)
    seen = await paddock.preview(await paddock.site(), prod.first, prod)
    assert_told(seen, "expired", f"{ended:%Y-%m-%d}", "pvecm updatecerts")


async def test_a_certificate_for_another_host_is_told_with_its_names(
    paddock: Paddock, estate: Running
) -> None:
    prod = estate["prod"]
    _install(estate, names=["other.example.org"])
    seen = await paddock.preview(await paddock.site(), prod.first, prod)
    assert_told(seen, "host_mismatch", prod.first.address, "other.example.org")


async def test_a_malformed_fingerprint_is_told_beside_its_field(paddock: Paddock, estate: Running) -> None:
    trust = {"mode": "cluster_ca", "fingerprint": "AA:BB"}
    answer = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"], trust=trust)
    assert (answer.status, answer["errors"][0]["field"]) == (422, "fingerprint")


def _install(estate: Running, names: list[str] | None = None, **life: datetime) -> None:
    """Another certificate of the cluster's own CA for the first node."""
    node = estate["prod"].first.state
    leaf = node.cluster.authority.leaf(node.fqdn, names or node.names(), **life)
    node.install(leaf, None)
    node_of = estate["prod"].first
    node_of.listener.reset()
    node_of.listener.refresh()


# -- signing in ------------------------------------------------------------------------------------------------


async def test_a_wrong_password_is_told_and_tried_once(paddock: Paddock, estate: Running) -> None:
    prod = estate["prod"]
    seen = await paddock.preview(await paddock.site(), prod.first, prod, password=SECRET)
    assert_told(seen, "password_refused", "realm", "password")
    assert estate.count(path="/api2/json/access/ticket") == 1


async def test_an_unknown_realm_is_told(paddock: Paddock, estate: Running) -> None:
    seen = await paddock.preview(
        await paddock.site(), estate["prod"].first, estate["prod"], username="root@ldap"
    )
    assert_told(seen, "password_refused", "realm")


async def test_an_account_with_a_second_factor_is_sent_to_a_token(paddock: Paddock, estate: Running) -> None:
    estate.fault("tfa-demanded", cluster="prod")
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    assert_told(seen, "two_factor_required", "second factor", "API token")


async def test_a_disabled_user_is_told(paddock: Paddock, estate: Running) -> None:
    estate.fault("user-disabled", cluster="prod")
    prod = estate["prod"]
    seen = await paddock.preview(
        await paddock.site(), prod.first, prod, username="watch@pve", password="watch-only-1"
    )
    assert_told(seen, "password_refused", "disabled")


async def test_a_deleted_token_is_told(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["full"]
    estate.fault("token-deleted", cluster="prod", token="full")
    prod = estate["prod"]
    seen = await paddock.preview(
        await paddock.site(), prod.first, prod, token_id=token.id, token_secret=token.secret
    )
    assert_told(seen, "token_refused", "deleted", "API Tokens")


async def test_a_separated_token_without_rights_is_told_what_it_lacks(
    paddock: Paddock, estate: Running
) -> None:
    prod = estate["prod"]
    token = prod.tokens["privsep"]
    seen = await paddock.preview(
        await paddock.site(), prod.first, prod, token_id=token.id, token_secret=token.secret
    )
    assert_told(seen, "forbidden", "Sys.Audit", "privilege separation")
    assert seen["privilege"] == "Sys.Audit"


async def test_a_user_who_may_see_nodes_only_is_told_that_containers_are_hidden(
    paddock: Paddock, estates: Estates
) -> None:
    scene = ClusterScene(
        name="prod",
        nodes=[NodeScene(name="pve1"), NodeScene(name="pve2")],
        roles={"NodesOnly": ["Sys.Audit"]},
        users=[UserScene(userid="some@pve", password="some-1-pass", roles=["NodesOnly"])],
        tokens=[],
    )
    async with estates(scene) as running:
        prod = running["prod"]
        seen = await paddock.preview(
            await paddock.site(), prod.first, prod, username="some@pve", password="some-1-pass"
        )
        assert seen.status == 200, seen
        assert any("sees no containers" in note for note in seen["notes"])
        assert any(lack.startswith("VM.Audit") for lack in seen["credential"]["missing"])


async def test_a_stopped_pvedaemon_is_not_a_wrong_password(paddock: Paddock, estate: Running) -> None:
    prod = estate["prod"]
    estate.fault("backend-down", cluster="prod", node=prod.first.name)
    seen = await paddock.preview(await paddock.site(), prod.first, prod)
    assert_told(seen, "node_unreachable", "pvedaemon")


# -- the address and the fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "{host}:{port}",
        "https://{host}:{port}",
        "https://{host}:{port}/",
        "https://{host}:{port}/api2/json",
        "https://{host}:{port}/api2/json/",
        "http://{host}:{port}/",
        "  https://{host}:{port}/#v1:0:18:4::::  ",
        "HTTPS://{host}:{port}",
    ],
)
async def test_the_address_may_be_typed_in_any_form(paddock: Paddock, estate: Running, form: str) -> None:
    node = estate["prod"].first
    url = form.format(host=node.address, port=node.port)
    seen = await paddock.preview(await paddock.site(), node, estate["prod"], url=url)
    assert (seen.status, len(seen.get("members", []))) == (200, 5), seen


async def test_a_host_alone_means_port_8006(paddock: Paddock) -> None:
    assert "port 8006" in (await ask(paddock, addresses.address()))["detail"]


@pytest.mark.parametrize("url", ["::1", "[::1]", "https://[::1]/api2/json", "[::1]:8006"])
async def test_an_ipv6_address_is_taken_with_and_without_brackets(paddock: Paddock, url: str) -> None:
    assert "[::1]:8006" in (await ask(paddock, url))["detail"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"url": ""}, {"url"}),
        ({"url": "ftp://pve1"}, {"url"}),
        ({"url": "pve1:99999"}, {"url"}),
        ({"url": "https://root:secret@pve1"}, {"url"}),
        ({"url": "https://pve1/ui"}, {"url"}),
        ({"url": "169.254.169.254"}, {"url"}),
        ({"username": ""}, {"username"}),
        ({"username": "root"}, {"username"}),
        ({"password": ""}, {"password"}),
        ({"url": "", "username": ""}, {"url", "username"}),
        ({"token_id": "root@pam!x1", "token_secret": "0" * 8}, {"token_id"}),
        ({"username": "", "password": "", "token_id": "root@pam", "token_secret": "x"}, {"token_id"}),
        ({"username": "", "password": "", "token_id": "root@pam!full"}, {"token_secret"}),
        ({"trust": {"mode": "sometimes"}}, {"trust.mode"}),
        ({"passwrod": "x"}, {"passwrod"}),
    ],
)
async def test_what_is_missing_or_wrong_is_named_field_by_field(
    paddock: Paddock, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = await ask(paddock, **{"url": "pve1.example.org", **changes})
    assert answer.status == 422, answer
    assert {one["field"] for one in answer["errors"]} == fields
    assert all(one["message"][-1] in ".?" for one in answer["errors"])
    assert SECRET not in str(answer)


async def test_an_empty_wish_names_every_field(paddock: Paddock) -> None:
    answer = await paddock.api.post("/imports/preview", {})
    assert answer.status == 422
    assert {one["field"] for one in answer["errors"]} == {"site_id", "url"}


async def test_a_password_and_a_token_together_are_refused(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["full"]
    answer = await ask(paddock, estate["prod"].first.url, token_id=token.id, token_secret=token.secret)
    assert answer.status == 422
    assert "not both" in answer["detail"]
    assert token.secret not in str(answer)


async def test_a_site_that_does_not_exist_is_told_before_anything_is_sent(
    paddock: Paddock, estate: Running
) -> None:
    for site_id in ("", "nowhere", "0190a0a0-0000-7000-8000-000000000000"):
        answer = await ask(paddock, estate["prod"].first.url, site_id=site_id)
        assert answer.status in {404, 422}, answer
        assert "site" in answer["detail"]
    assert not estate.requests


async def test_a_review_of_one_person_is_of_no_use_to_another(paddock: Paddock, estate: Running) -> None:
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    async with person(paddock, "a.gruber", Role.ADMINISTRATOR) as other:
        answer = await other.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    assert (answer.status, answer["code"]) == (404, "review_expired")
    mine = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    assert mine.status == 202
    await paddock.ended(mine["job_id"])


# -- estates that are not as expected --------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["8.4.14", "9.0.3", "9.2.11"])
async def test_the_versions_that_people_run_are_imported(
    paddock: Paddock, estates: Estates, version: str
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=3, containers=6, version=version)) as running:
        job = await paddock.imported(await paddock.site(), running["prod"])
        assert job["state"] == "done", job
        assert {line["level"] for line in job["lines"]} == {"ok"}
        assert {node["pve_version"] for node in (await paddock.nodes()).values()} == {version}


async def test_an_old_ca_without_key_usage_is_believed(paddock: Paddock, estates: Estates) -> None:
    scene = ClusterScene(
        name="old", nodes=[NodeScene(name="pve1"), NodeScene(name="pve2")], ca_key_usage=False
    )
    async with estates(scene) as running:
        job = await paddock.imported(await paddock.site(), running["old"])
        assert {line["text"] for line in job["lines"]} == {"Reachable directly"}


async def test_a_node_with_a_certificate_of_its_own_is_pinned(paddock: Paddock, estates: Estates) -> None:
    scene = ClusterScene(
        name="prod", nodes=[NodeScene(name="pve1"), NodeScene(name="pve2", custom_certificate=True)]
    )
    async with estates(scene) as running:
        job = await paddock.imported(await paddock.site(), running["prod"])
        assert {line["text"] for line in job["lines"]} == {"Reachable directly"}, job["lines"]


async def test_a_member_that_dies_between_review_and_import_is_one_line(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    estate.fault("node-down", cluster="prod", node="pve5")
    started = await paddock.api.post(
        "/imports", {"preview_id": seen["preview_id"], "members": [one["name"] for one in seen["members"]]}
    )
    job = await paddock.ended(started["job_id"])
    assert job["state"] == "done", job
    said = {line["subject"]: (line["level"], line["text"]) for line in job["lines"]}
    assert said["pve5"] == ("warn", "Offline, says pve1; imported and marked")
    assert said["pve2"][0] == "ok"


async def test_the_member_that_was_reviewed_may_die_too(paddock: Paddock, estate: Running) -> None:
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    estate.fault("node-down", cluster="prod", node=prod.first.name)
    started = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve2"]})
    job = await paddock.ended(started["job_id"])
    assert job["state"] == "failed"
    assert job["error"]["code"] == "connection_refused"
    assert job["error"]["message"]
    assert job["error"]["hint"]
    assert (await paddock.api.get("/nodes"))["total"] == 0, "nothing is half-written"
    assert (await paddock.api.get("/clusters"))["total"] == 0


async def test_a_member_that_has_left_since_the_review_is_one_line(paddock: Paddock, estate: Running) -> None:
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    estate.fault("node-removed", cluster="prod", node="pve4")
    names = [one["name"] for one in seen["members"]]
    started = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": names})
    job = await paddock.ended(started["job_id"])
    assert job["state"] == "done"
    assert any("pve4 has left the cluster" in line["text"] for line in job["lines"])
    assert sorted(await paddock.nodes()) == ["pve1", "pve2", "pve3", "pve5"]


async def test_a_site_that_is_deleted_between_review_and_import_is_told(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    assert (await paddock.api.call("DELETE", f"/sites/{site}")).status == 204
    started = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    job = await paddock.ended(started["job_id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "not_found")
    assert "site" in job["error"]["message"]


async def test_a_node_whose_status_cannot_be_read_is_one_line(
    paddock: Paddock, estate: Running, instead: Instead
) -> None:
    instead("/nodes/pve2/status", status=500, reason="can't open '/proc/stat' - no such file")
    site, prod = await paddock.site(), estate["prod"]
    seen = await paddock.preview(site, prod.first, prod)
    problems = {one["name"]: one["problem"] for one in seen["members"]}
    assert "/proc/stat" in problems["pve2"]
    assert problems["pve1"] == ""
    job = await paddock.imported(site, prod)
    assert job["state"] == "done"
    said = {line["subject"]: (line["level"], line["text"]) for line in job["lines"]}
    assert said["pve2"][0] == "warn"
    assert "could not be read" in said["pve2"][1]
    assert said["pve1"] == ("ok", "Reachable directly")
    assert len(await paddock.nodes()) == 5


async def test_a_container_whose_configuration_cannot_be_read_is_noted_and_not_fatal(
    paddock: Paddock, estate: Running, instead: Instead
) -> None:
    instead("/nodes/[^/]+/lxc/100/config", status=500, reason="unable to parse config of 100")
    instead("/nodes/[^/]+/lxc/101/config", b"<html>")
    instead("/nodes/[^/]+/lxc/103/config", b'{"data":{"net0":17,"ostype":["x"],"unprivileged":"maybe"}}')
    await paddock.imported(await paddock.site(), estate["prod"])
    async with asyncio.timeout(15):
        while True:
            found = {one["vmid"]: one for one in (await paddock.api.get("/containers?size=2000"))["items"]}
            living = [one for one in found.values() if one["status"] != "unknown"]
            if all(one["ostype"] for one in living if one["vmid"] not in {100, 101, 103}):
                break
            await asyncio.sleep(0.05)
    assert len(found) == 20
    assert found[100]["ostype"] == ""
    assert found[100]["details_error"].startswith("Proxmox VE refused: unable to parse config")
    assert found[101]["details_error"]
    await paddock.until_status("pve1", "online")


async def test_names_with_markup_pass_as_text_through_review_and_result(
    paddock: Paddock, estates: Estates
) -> None:
    scene = ClusterScene(
        name="<b>prod</b>",
        nodes=[NodeScene(name="pve1"), NodeScene(name="pve2")],
        storages=[StorageScene(name="local")],
    )
    async with estates(scene) as running:
        job = await paddock.imported(await paddock.site("A<i>&amp;</i>"), running["<b>prod</b>"])
        assert job["state"] == "done"
        assert (await paddock.api.get("/clusters"))["items"][0]["name"] == "<b>prod</b>"
        for path in ("/nodes", "/containers", f"/jobs/{job['id']}", "/sites", "/"):
            status, text, _ = await paddock.browser.get(path)
            assert status in {200, 404}
            assert "<b>prod" not in text
            assert "<i>&amp;" not in text


PATHS = [
    "/access/domains",
    "/access/ticket",
    "/version",
    "/cluster/status",
    "/access/permissions",
    "/nodes/pve1/certificates/info",
    "/cluster/resources",
    "/nodes",
    "/nodes/pve1/status",
    "/nodes/pve1/network",
]
GARBAGE = {
    "html": b"<html><body>maintenance</body></html>",
    "torn": b'{"data":[{"type":"node"',
    "null": b'{"data":null}',
    "text": b'{"data":"hello"}',
    "number": b'{"data":17}',
    "mixed": b'{"data":[null,1,"x",[],{},{"type":"node","name":null},{"type":"node"}]}',
    "objects": b'{"data":{"a":{"b":[1]},"/":"x","pem":3}}',
    "list": b"[]",
    "empty": b"",
    "bytes": b"\xff\xfe\x00{",
    "surrogate": b'{"data":[{"type":"node","name":"a\\ud800b"}]}',
    "deep": b'{"data":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "10-mb": b'{"data":[' + b'{"type":"lxc","id":"lxc/1","x":"' + b"y" * 10_000_000 + b'"}]}',
}


@pytest.mark.parametrize("path", PATHS)
async def test_garbage_is_told_and_never_a_fault_of_paddocks_own(
    paddock: Paddock, estate: Running, instead: Instead, path: str
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    for kind, body in GARBAGE.items():
        instead(path, body)
        seen = await paddock.preview(site, prod.first, prod)
        assert seen.status in {200, 502}, (kind, seen)
        if seen.status == 502:
            assert seen["detail"][-1] in ".!?", (kind, seen["detail"])
            assert len(seen["detail"]) < 600
            assert seen["hint"], kind


ODD_ROW = {
    "negative": b'"maxmem":-5,"mem":-1,"maxdisk":-9,"cpu":-0.5,"maxcpu":-2,"uptime":-3',
    "huge": b'"maxmem":9223372036854775808000,"mem":1e40,"maxdisk":1e300,"maxcpu":1e300,"cpu":1e300',
    "texts": b'"maxmem":"2048","mem":"","maxdisk":"many","cpu":"0.5","maxcpu":"2"',
    "long": b'"name":"' + b"n" * 5000 + b'","tags":"' + b"t;" * 3000 + b'","pool":"' + b"p" * 300 + b'"',
    "nul": b'"name":"a\\u0000b","tags":"x\\u0000","lock":"\\u0000","pool":"\\u0000"',
    "objects": b'"name":{"x":1},"tags":["a"],"status":[],"template":"perhaps"',
    "bare": b'"vmid":null',
    "many": b'"vmid":99999999999999999999',
    "below": b'"vmid":-1',
}


@pytest.mark.parametrize("odd", ODD_ROW)
async def test_an_odd_row_of_the_picture_does_no_harm_to_the_others(
    paddock: Paddock, estates: Estates, instead: Instead, odd: str
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=2, containers=2)) as running:
        rows = [
            b'{"type":"node","id":"node/pve1","node":"pve1","status":"online","maxcpu":8,"maxmem":1024,"mem":5}',
            b'{"type":"node","id":"node/pve2","node":"pve2","status":"online",' + ODD_ROW[odd] + b"}",
            b'{"type":"lxc","id":"lxc/100","node":"pve1","vmid":100,"status":"running","name":"fine"}',
            b'{"type":"lxc","id":"lxc/101","node":"pve1","vmid":101,"status":"running",'
            + ODD_ROW[odd]
            + b"}",
            b'{"type":"storage","id":"storage/pve1/local","storage":"local","node":"pve1",'
            b'"status":"available","content":"rootdir",' + ODD_ROW[odd] + b"}",
        ]
        instead("/cluster/resources", b'{"data":[' + b",".join(rows) + b"]}")
        job = await paddock.imported(await paddock.site(), running["prod"])
        assert job["state"] == "done", job["error"]
        found = {one["vmid"]: one for one in (await paddock.api.get("/containers"))["items"]}
        assert found[100]["name"] == "fine"
        nodes = await paddock.nodes()
        assert set(nodes) == {"pve1", "pve2"}
        await paddock.until_status("pve1", "online")
        for path in ("/nodes", "/containers", f"/nodes/{nodes['pve1']['id']}", "/"):
            assert (await paddock.browser.get(path))[0] == 200, path
