"""`paddock admin rotate-key`: everything sealed anew, whatever cuts it off."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from paddock import admin
from paddock.base.vault import Secret, Vault, VaultLocked, create_key, load_key, next_path, ring_of
from paddock.clusters.record import own_context, seal_context
from paddock.installation import database_url
from paddock.jobs.record import job_context
from paddock.migrations.upgrade import upgrade
from paddock.settings import Settings
from tests.app.cli.test_local import PADDOCK, run, served

SITE, CLUSTER, MEMBER, JOB = (f"0190a0a0-0000-7000-8000-00000000000{n}" for n in range(4))
IDENTITY = "AA:BB"
SECRETS = {
    "of the cluster": seal_context(IDENTITY),
    "of the member": own_context(MEMBER),
    "of the job": job_context(JOB),
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A Paddock with a secret in every sealed column."""
    folder = tmp_path / "data"
    folder.mkdir()
    vault = ring_of(create_key(folder / "secret.key"))
    url = database_url(Settings(data_dir=folder))
    upgrade(url)
    cluster, member, job = (vault.seal(Secret(what), context=context) for what, context in SECRETS.items())
    at = "2026-11-25 00:00:00"
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.begin() as db:
        db.execute(
            text(
                "INSERT INTO sites (id, name, domain, subnet, range_start, range_end, gateway, forwarders,"
                " external_ip, version, created_at, updated_at)"
                " VALUES (:id, 'Vienna', '', '', '', '', '', '[]', '', 1, :at, :at)"
            ),
            {"id": SITE, "at": at},
        )
        db.execute(
            text(
                "INSERT INTO clusters (id, site_id, name, kind, identity, trust_mode, ca_pem, credential_kind,"
                " credential_name, credential_sealed, trouble, trouble_text, version, created_at, updated_at)"
                " VALUES (:id, :site, 'prod', 'cluster', :identity, 'off', '', 'password', 'root@pam', :sealed,"
                " '', '', 1, :at, :at)"
            ),
            {"id": CLUSTER, "site": SITE, "identity": IDENTITY, "sealed": cluster, "at": at},
        )
        db.execute(
            text(
                "INSERT INTO members (id, cluster_id, name, nodeid, address, port, fingerprint, credential_kind,"
                " credential_name, credential_sealed) VALUES (:id, :cluster, 'pve1', 1, '192.0.2.1', 8006, '',"
                " 'password', 'root@pam', :sealed)"
            ),
            {"id": MEMBER, "cluster": CLUSTER, "sealed": member},
        )
        db.execute(
            text(
                "INSERT INTO jobs (id, type, label, state, arguments, links, sealed, done, total, actor,"
                " cancel_wanted, created_at) VALUES (:id, 'x.v1', 'x', 'queued', '{}', '[]', :sealed, 0, 0, 'm',"
                " 0, :at)"
            ),
            {"id": JOB, "sealed": job, "at": at},
        )
    engine.dispose()
    return folder


def sealed(folder: Path) -> list[str]:
    engine = create_engine(f"sqlite:///{folder / 'paddock.sqlite'}")
    with engine.connect() as db:
        columns = (("clusters", "credential_sealed"), ("members", "credential_sealed"), ("jobs", "sealed"))
        found = [str(db.scalar(text(f"SELECT {column} FROM {table}"))) for table, column in columns]
    engine.dispose()
    return found


def opened(folder: Path, vault: Vault) -> list[str]:
    pairs = zip(sealed(folder), SECRETS.values(), strict=True)
    return [vault.open(value, context=context).reveal() for value, context in pairs if value]


def test_everything_is_sealed_anew_and_the_old_key_opens_nothing(data_dir: Path) -> None:
    path = data_dir / "secret.key"
    old, before = load_key(path), sealed(data_dir)
    done = run("admin", "rotate-key", "--data-dir", str(data_dir))
    assert done.returncode == 0, done.stderr
    assert "3 secrets are sealed with the new key." in done.stdout
    new = load_key(path)
    assert new != old
    assert path.stat().st_mode & 0o077 == 0
    assert not next_path(path).exists()
    assert opened(data_dir, ring_of(new)) == list(SECRETS)
    with pytest.raises(VaultLocked):
        opened(data_dir, ring_of(old))
    files = b"".join(file.read_bytes() for file in data_dir.glob("paddock.sqlite*"))
    assert not [value for value in before if value.encode() in files], (
        "the old ones are in no free page either"
    )
    assert base64.b64encode(new).decode() not in done.stdout


@pytest.mark.parametrize("where", ["before the commit", "after the commit"])
def test_a_run_that_is_cut_off_locks_nothing_and_is_finished_by_the_next(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = data_dir / "secret.key"
    old = load_key(path)

    class PowerCut(BaseException):
        pass

    async def cut(*_: object) -> int:
        raise PowerCut

    def cut_late(_: Path) -> None:
        raise PowerCut

    if where == "before the commit":
        monkeypatch.setattr("paddock.base.resealing.reseal", cut)
    else:
        monkeypatch.setattr("paddock.base.vault.promote", cut_late)
    with pytest.raises(PowerCut):
        admin.rotate_key(to=None, data_dir=data_dir)
    assert load_key(path) == old
    both = ring_of(old, also=load_key(next_path(path)))
    assert opened(data_dir, both) == list(SECRETS), "whoever starts now can read everything"
    with served(data_dir) as (_, said):
        assert "a change of the key was cut off" in said.read_text()
    monkeypatch.undo()
    assert run("admin", "rotate-key", "--data-dir", str(data_dir)).returncode == 0
    still_there = list(SECRETS)[:2]  # the server has ended the job, and wiped its secret with it
    assert opened(data_dir, ring_of(load_key(path))) == still_there


def test_a_running_server_is_not_pulled_the_rug(data_dir: Path) -> None:
    before = sealed(data_dir)
    with served(data_dir):
        done = run("admin", "rotate-key", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert "stop it first" in done.stderr
    assert sealed(data_dir)[:2] == before[:2]
    assert run("admin", "rotate-key", "--data-dir", str(data_dir)).returncode == 0


def test_a_key_from_the_environment_goes_to_a_file_that_is_named(data_dir: Path, tmp_path: Path) -> None:
    key = (data_dir / "secret.key").read_text().strip()
    environment = {**os.environ, "PADDOCK_KEY": key}
    command = [*PADDOCK, "admin", "rotate-key", "--data-dir", str(data_dir)]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--to FILE" in refused.stderr
    file = tmp_path / "new.key"
    done = subprocess.run(
        [*command, "--to", str(file)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"PADDOCK_KEY_FILE={file}" in done.stdout
    assert opened(data_dir, ring_of(load_key(file))) == list(SECRETS)


def test_a_value_that_opens_with_no_key_stops_it_and_changes_nothing(data_dir: Path) -> None:
    engine = create_engine(f"sqlite:///{data_dir / 'paddock.sqlite'}")
    with engine.begin() as db:
        db.execute(text("UPDATE members SET credential_sealed = 'v1.k1.AAAA'"))
    engine.dispose()
    before = sealed(data_dir)
    done = run("admin", "rotate-key", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert sealed(data_dir) == before
