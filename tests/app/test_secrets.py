"""No secret in clear: not in the database, not in the log, not in an answer, a page or the audit."""

from __future__ import annotations

import base64
import json
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from sqlalchemy import text

from pvesim import Running
from pvesim.scene import WATCH_PASSWORD
from tests.app.persons import person
from tests.harness import ADMIN, PASSWORD, Api, Browser, Paddock

WRONG = "a-wrong-password-51"
CHOSEN = "harvest moon barn 3"


class Heard:
    """Every answer that came back."""

    def __init__(self, base: str) -> None:
        self.answers: list[tuple[str, str]] = []
        trace = aiohttp.TraceConfig()
        trace.on_response_chunk_received.append(self._chunk)
        trace.on_request_end.append(self._end)
        self.pages = aiohttp.ClientSession(
            base, cookie_jar=aiohttp.CookieJar(unsafe=True), trace_configs=[trace]
        )
        self.rest = aiohttp.ClientSession(base, trace_configs=[trace])

    async def _chunk(self, _session: object, _context: object, got: Any) -> None:
        self.answers.append((f"{got.method} {got.url.path}", got.chunk.decode("utf-8", "replace")))

    async def _end(self, _session: object, _context: object, got: Any) -> None:
        headers = {k: v for k, v in got.response.headers.items() if k != "Set-Cookie"}
        self.answers.append((f"{got.method} {got.url.path}", json.dumps({**headers, "Location": ""})))

    async def close(self) -> None:
        await self.pages.close()
        await self.rest.close()


async def test_nothing_secret_is_ever_seen_again(
    paddock: Paddock, estate: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    heard = Heard(paddock.base)
    prod, token = estate["prod"], estate["prod"].tokens["full"]
    try:
        secrets = await everything(paddock, estate, heard)
        secrets |= {
            "root password": prod.root_password,
            "token of Proxmox": token.secret,
            "wrong password": WRONG,
            "password of another user": WATCH_PASSWORD,
            "password of the administrator": PASSWORD,
            "token of the tests": paddock.token,
            "key": key_of(paddock.services.settings.data_dir),
        }
        await crawl(heard)
    finally:
        await heard.close()
    places = {
        "log": "\n".join(
            logged(record)
            for record in caplog.records
            if record.name != "uvicorn.access"  # `serve` switches it off
        ),
        **await stored(paddock),
    }
    for where, content in heard.answers:
        places[where] = places.get(where, "") + content
    assert len(places) > 30
    assert {"GET /nodes", "GET /containers", "GET /access/audit"} <= set(places), "the pages were seen"
    assert (
        len([where for where in places if where.endswith(("/sign-in", "/deeds", "/change", "/rotate"))]) >= 4
    )
    found = [
        f"{what} in {where}"
        for what, secret in secrets.items()
        for where, content in places.items()
        if any(form in content for form in forms(secret)) and (what, where) not in SHOWN_ONCE
    ]
    assert not found


SHOWN_ONCE = {("new token", "POST /api/v1/tokens"), ("link", "POST /api/v1/users")}


async def everything(paddock: Paddock, estate: Running, heard: Heard) -> dict[str, str]:
    """Whatever touches a secret; returns those that came up."""
    prod, token = estate["prod"], estate["prod"].tokens["full"]
    site = await paddock.site()
    heard.rest.headers["Authorization"] = f"Bearer {paddock.token}"
    heard_paddock = Paddock(paddock.services, paddock.base, paddock.token, Api(heard.rest), paddock.browser)
    by_token = {"token_id": token.id, "token_secret": token.secret}
    await heard_paddock.preview(site, prod.first, prod, password=WRONG)
    await heard_paddock.preview(site, prod.first, prod, trust={"mode": "cluster_ca"})
    await heard_paddock.preview(site, prod.first, prod, **{**by_token, "token_id": "x"})
    await heard_paddock.preview(site, prod.first, prod, **by_token, username="root@pam", password=WRONG)
    await heard_paddock.preview("nowhere", prod.first, prod, username="watch@pve", password=WATCH_PASSWORD)
    assert (await heard_paddock.imported(site, prod))["state"] == "done"
    assert (await heard_paddock.imported(site, prod, **by_token))["state"] == "done"
    minted = await signing_in(heard_paddock, estate, site)
    minted |= await changed_and_removed(heard_paddock, estate, site)
    assert (await heard_paddock.imported(site, prod, **by_token))["state"] == "done"
    estate.fault("password-changed", cluster="prod")
    await heard_paddock.preview(site, prod.first, prod)
    await diagnosed(heard_paddock, estate)
    browser = Browser(heard.pages)
    await browser.get("/signin")
    await browser.post("/signin", {"name": ADMIN, "password": WRONG})
    await browser.post("/signin", {"name": ADMIN, "password": PASSWORD})
    cookie = next(one.value for one in heard.pages.cookie_jar)
    await browser.get("/access")
    async with heard.pages.post(
        "/api/v1/tokens", json={"name": "made here"}, headers={"X-CSRF-Token": browser.csrf}
    ) as answer:
        made = await answer.json()
        assert answer.status == 201, made
    async with person(paddock, "c.link"):
        await heard_paddock.api.get("/users")
    new = await heard_paddock.api.post("/users", {"name": "d.link", "role": "auditor"})
    link = new["link"].partition("token=")[2]
    async with aiohttp.ClientSession(paddock.base) as guest:
        shy = Browser(guest)
        await shy.get(f"/setup?token={link}")
        status, _, _ = await shy.post("/setup", {"token": link, "password": CHOSEN, "repeat": CHOSEN})
        assert status == 303
    await heard_paddock.api.call("DELETE", f"/users/{new['id']}")
    await heard_paddock.api.call("DELETE", f"/tokens/{made['id']}")
    return minted | {
        "session cookie": cookie,
        "new token": made["token"],
        "link": link,
        "chosen password": CHOSEN,
    }


async def signing_in(paddock: Paddock, estate: Running, site: str) -> dict[str, str]:
    """All ways to change a sign-in, that work and that fail; returns the secrets that Proxmox VE made meanwhile."""
    prod, token = estate["prod"], estate["prod"].tokens["full"]
    cluster = (await paddock.api.get("/clusters"))["items"][0]["id"]
    path = f"/clusters/{cluster}/sign-in"
    root = {"username": "root@pam", "password": prod.root_password}
    found: dict[str, str] = {}

    def remember(when: str) -> None:
        for name, user in prod.state.identity.users.items():
            for tokenid, one in user.tokens.items():
                found[f"secret of {name}!{tokenid} {when}"] = one.secret

    await paddock.api.call("PUT", path, root)
    await paddock.api.call("PUT", path, {**root, "password": WRONG})
    await paddock.api.call("PUT", path, {"token_id": token.id, "token_secret": token.secret, "username": "x"})
    await paddock.api.call(
        "PUT", f"{path}/members/pve2", {"token_id": token.id, "token_secret": token.secret}
    )
    await paddock.api.post(f"{path}/explain", root)
    await paddock.api.post(f"{path}/explain", {**root, "password": WRONG})
    for level in ("observer", "operator"):
        started = await paddock.api.post(f"{path}/token", {**root, "level": level})
        assert (await paddock.ended(started["job_id"]))["state"] == "done"
        remember(level)
    for password in (prod.root_password, WRONG):
        started = await paddock.api.post(f"{path}/rotate", {**root, "password": password})
        await paddock.ended(started["job_id"])
        remember("rotated")
    estate.fault("overloaded", cluster="prod", path="^PUT .*/access/acl", status=500, reason="no")
    for what in ("token", "rotate"):
        started = await paddock.api.post(f"{path}/{what}", root)
        assert (await paddock.ended(started["job_id"]))["state"] == "failed"
    estate.clear("overloaded")
    seen = await paddock.preview(site, prod.first, prod)
    given = {"preview_id": seen["preview_id"], "members": ["pve1"], "token": "operator"}
    started = await paddock.api.post("/imports", given)
    assert (await paddock.ended(started["job_id"]))["state"] == "done"
    remember("imported")
    for read in ("", "/rights", "/commands"):
        assert (await paddock.api.get(path + read)).status == 200
    assert (await paddock.api.get(f"/clusters/{cluster}/deeds"))["total"] > 4
    assert len(found) > 6
    return found


async def changed_and_removed(paddock: Paddock, estate: Running, site: str) -> dict[str, str]:
    """Nodes edited and created by hand, trust changed, tokens of many clusters replaced, and all of it removed with
    an administrator's password; returns the secrets that Proxmox VE made meanwhile."""
    prod = estate["prod"]
    (cluster,) = (await paddock.api.get("/clusters"))["items"]
    path = f"/clusters/{cluster['id']}"
    node = (await paddock.nodes())["pve2"]
    for address in ("192.0.2.12", node["address"]):
        await paddock.api.call("PATCH", f"/nodes/{node['id']}", {"address": address})
    for password in (WRONG, prod.root_password):
        by_hand = {
            "site_id": site, "name": "pve2", "url": node["url"], "username": "root@pam", "password": password,
            "trust": {"mode": "cluster_ca", "fingerprint": prod.nodes["pve2"].fingerprint},
        }  # fmt: skip
        await paddock.api.post("/nodes", by_hand)
    for trust in ({"mode": "pinned"}, {"mode": "cluster_ca"}):
        await paddock.api.post(f"{path}/trust/test", trust)
        await paddock.api.call("PUT", f"{path}/trust", trust)
    every = {"clusters": [cluster["id"]], "username": "root@pam", "password": prod.root_password}
    for job in (await paddock.api.post("/sign-ins/rotate", every))["job_ids"]:
        assert (await paddock.ended(job))["state"] == "done"
    made = {
        f"secret of {name}!{tokenid} of many": one.secret
        for name, user in prod.state.identity.users.items()
        for tokenid, one in user.tokens.items()
    }
    running = [guest.vmid for guest in prod.state.guests.values() if guest.status == "running"]
    for vmid in running:
        prod.state.set_status(vmid, "stopped")
    statuses = []
    for password in (WRONG, prod.root_password):
        goodbye = {
            "confirm": cluster["name"],
            "reason": "pve3 is off",
            "administrator": {"username": "root@pam", "password": password},
        }
        statuses.append((await paddock.api.post(f"{path}/remove", goodbye)).status)
    assert statuses == [422, 200]
    for vmid in running:
        prod.state.set_status(vmid, "running")
    return made


async def diagnosed(paddock: Paddock, estate: Running) -> None:
    """With the credential that is kept, and with some that are not."""
    prod = estate["prod"]
    token = prod.tokens["full"]
    node_id = (await paddock.nodes())["pve1"]["id"]
    assert (await paddock.api.post(f"/nodes/{node_id}/diagnose"))["code"] == "ok"
    assert (await paddock.api.get(f"/nodes/{node_id}/support-bundle")).status == 200
    trust = {"fingerprint": prod.first.fingerprint}
    for signing, code in (
        ({"username": "root@pam", "password": WRONG}, "password_refused"),
        ({"username": "watch@pve", "password": WATCH_PASSWORD}, "ok"),
        ({"token_id": token.id, "token_secret": token.secret}, "ok"),
    ):
        found = await paddock.api.post("/diagnose", {"url": prod.first.url, "trust": trust, **signing})
        assert found["code"] == code, found["headline"]


async def crawl(heard: Heard) -> None:
    """Every page that is linked from a page, whatever its query, and every read of REST."""
    waiting, seen = ["/"], {"/"}
    async with heard.rest.get("/api/v1/clusters") as answer:
        for cluster in (await answer.json())["items"]:
            waiting += [f"/clusters/{cluster['id']}/{page}" for page in ("sign-in", "deeds")]
    while waiting and len(seen) < 150:
        async with heard.pages.get(waiting.pop(0), allow_redirects=False) as answer:
            content = await answer.text() if "html" in answer.content_type else ""
        for link in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', content):
            path = link.partition("?")[0]
            if path not in seen and not path.startswith(("/static", "/live", "/signout")):
                seen.add(path)
                waiting.append(link.replace("&amp;", "&"))
    for path in ("sites", "clusters", "nodes", "containers", "jobs", "users", "tokens", "sessions", "audit"):
        async with heard.rest.get(f"/api/v1/{path}?size=2000") as answer:
            assert answer.status == 200
            items = (await answer.json())["items"]
        if path in {"sites", "clusters", "nodes", "jobs", "users"}:
            for one in items[:3]:
                async with heard.rest.get(f"/api/v1/{path}/{one['id']}") as answer:
                    assert answer.status == 200


def logged(record: logging.LogRecord) -> str:
    return logging.Formatter("%(name)s %(message)s").format(record)


def key_of(folder: Path) -> str:
    return (folder / "secret.key").read_text().strip()


def forms(secret: str) -> set[str]:
    """How a secret may look in clear."""
    escaped = json.dumps(secret)[1:-1]
    return {secret, escaped, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}


async def stored(paddock: Paddock) -> dict[str, str]:
    """The files of the data directory, but for the key; of PostgreSQL every row of every table."""
    folder = paddock.services.settings.data_dir
    found = {
        path.name: path.read_bytes().decode("latin-1")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "secret.key"
    }
    if not paddock.services.db.is_sqlite:
        async with paddock.services.db.read() as session:
            tables = await session.execute(
                text(
                    "SELECT table_schema, table_name FROM information_schema.tables"
                    " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
                )
            )
            for schema, name in tables.all():
                rows = await session.execute(text(f'SELECT t::text FROM "{schema}"."{name}" t'))
                found[f"table {schema}.{name}"] = "\n".join(row[0] for row in rows)
    return found


async def test_a_backup_holds_no_secret_in_clear(paddock: Paddock, estate: Running, tmp_path: Path) -> None:
    """What `sqlite3 .backup` copies, as the howto says, is sealed too."""
    if not paddock.services.db.is_sqlite:
        pytest.skip("a dump of PostgreSQL holds what its tables hold, which is looked at above")
    prod = estate["prod"]
    assert (await paddock.imported(await paddock.site(), prod))["state"] == "done"
    copy = tmp_path / "backup.sqlite"
    with (
        closing(sqlite3.connect(paddock.services.settings.data_dir / "paddock.sqlite")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    content = copy.read_bytes().decode("latin-1")
    assert "root@pam" in content
    assert not [form for form in forms(prod.root_password) if form in content]
    assert key_of(paddock.services.settings.data_dir) not in content
