"""A person at the command line, and a Paddock for it to talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paddock.cli import app
from tests.app.cli.fake import NODES, SITE, TOKEN, Done, FakePaddock, Run


@pytest.fixture
def paddock() -> Iterator[FakePaddock]:
    fake = FakePaddock()
    fake.get("/me", {"name": "maria", "role": "administrator", "via": "token"})
    fake.lists("/sites", [SITE])
    fake.get("/sites/s1", SITE, ETag='"3"')
    fake.lists("/nodes", NODES)
    for each in NODES:
        fake.get(f"/nodes/{each['id']}", each)
        fake.get(f"/nodes/{each['id']}/storages", [])
        fake.get(f"/nodes/{each['id']}/bridges", [])
    yield fake
    fake.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's empty home: no profile, no environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("PADDOCK_URL", "PADDOCK_TOKEN", "PADDOCK_PROFILE", "FORCE_COLOR", "PADDOCK_PVE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """Runs a command line in this process."""

    def go(*arguments: str, stdin: str = "") -> Done:
        result = CliRunner().invoke(app, list(arguments), input=stdin, prog_name="paddock")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return go


@pytest.fixture
def signed_in(run: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, with the fake Paddock as the one to talk to."""
    monkeypatch.setenv("PADDOCK_URL", paddock.url)
    monkeypatch.setenv("PADDOCK_TOKEN", TOKEN)
    return run
