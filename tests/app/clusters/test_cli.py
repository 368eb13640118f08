"""`paddock clusters sign-in`, as a process of its own against the real Paddock."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass

from pvesim import ClusterScene, Running
from tests.app.clusters.signing import Signed, signed
from tests.app.conftest import Estates
from tests.harness import Paddock


@dataclass
class Done:
    code: int
    out: str
    err: str


async def run(prod: Signed, *words: str, stdin: str = "") -> Done:
    environment = {
        **os.environ,
        "PADDOCK_URL": prod.paddock.base,
        "PADDOCK_TOKEN": prod.paddock.token,
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paddock", "clusters", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def test_a_token_is_made_shown_and_replaced(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    password = prod.prod.root_password
    made = await run(
        prod, "sign-in", "make-token", "prod", "--level", "observer", "--password-stdin", stdin=password
    )
    assert made.code == 0, made.err
    assert "role PaddockObserver" in made.out + made.err
    assert password not in made.out + made.err
    shown = await run(prod, "sign-in", "show", "prod")
    assert "made by Paddock" in shown.out
    assert "VM.PowerMgmt" in shown.out
    document = json.loads((await run(prod, "sign-in", "show", "prod", "--json")).out)
    assert document["rights"]["level"] == "observer"
    old = document["name"]
    replaced = await run(prod, "sign-in", "rotate", "prod", "--password-stdin", stdin=password)
    assert replaced.code == 0, replaced.err
    assert (await prod.now())["name"] != old
    deeds = await run(prod, "deeds", "prod")
    assert deeds.code == 0, deeds.err
    assert "PaddockObserver" in deeds.out
    assert "removed" in deeds.out


async def test_a_change_that_is_refused_says_what_each_member_said(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    token = prod.prod.tokens["privsep"]
    words = ("sign-in", "change", "prod", "--token-id", token.id, "--token-secret-stdin")
    refused = await run(prod, *words, stdin=token.secret)
    assert refused.code == 1
    assert "it holds no right at all" in refused.err
    assert refused.err.count("Accepted.") == 4
    saved = await run(prod, *words, "--member", "pve2", "--reason", "rights follow", stdin=token.secret)
    assert saved.code == 0, saved.err
    assert (await prod.now())["own"][0]["name"] == token.id
    assert (await run(prod, "sign-in", "reset-member", "prod", "pve2")).code == 0
    assert (await run(prod, "sign-in", "change", "prod")).code == 2
    assert (await run(prod, "sign-in", "show", "nothing")).code == 4


async def test_why_it_is_refused_and_what_to_run_by_hand(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["full"]
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    estate.fault("token-deleted", cluster="prod")
    why = await run(prod, "sign-in", "explain", "prod", "--password-stdin", stdin=prod.prod.root_password)
    assert why.code == 0, why.err
    assert "was deleted (revoked)" in why.out
    hand = await run(prod, "sign-in", "commands", "prod", "--level", "observer")
    assert hand.out.splitlines()[0].startswith("pveum role add PaddockObserver --privs")
    assert "pveum user token remove root@pam full" in hand.err + hand.out


async def test_a_cluster_goes_with_all_that_was_made_on_it(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("lab", nodes=2, containers=0, prefix="bench")) as running:
        lab = await signed(paddock, running, "lab")
        before = lab.entries()
        assert (await lab.ceremony(token="cli"))["state"] == "done"
        password = lab.prod.root_password
        gone = await run(lab, "remove", "lab", "--take-away", "--password-stdin", "--yes", stdin=password)
        assert gone.code == 0, gone.err
        assert "Taken away from Proxmox VE: token paddock@pve!cli" in gone.err
        assert lab.entries() == before
        assert (await paddock.api.get("/clusters"))["total"] == 0
