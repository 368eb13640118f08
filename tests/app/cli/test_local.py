"""The server and the local commands as processes of their own, as an administrator starts them."""

from __future__ import annotations

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from paddock.cli import app
from tests import addresses

PADDOCK = [sys.executable, "-m", "paddock"]


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Done:
    """A local command, in this process: each of its own would load all of Paddock again."""
    before = os.umask(0o022)
    try:
        result = CliRunner().invoke(app, list(arguments), prog_name="paddock")
    finally:
        os.umask(before)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A server that does not start: as a process, for if it does, it does not end."""
    command = [*PADDOCK, "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def served(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """The address, and the file with what the server says."""
    address = f"{addresses.address()}:{addresses.port()}"
    said = data_dir.parent / "said.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            [*PADDOCK, "serve", "--data-dir", str(data_dir), "--listen", address],
            stdout=output,
            stderr=output,
        )
        try:
            for _ in range(400):
                try:
                    urllib.request.urlopen(f"http://{address}/health", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://{address}", said
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=15)


def test_the_first_start_prints_a_link_and_the_next_commands_know_the_address(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with served(data_dir) as (base, said):
        link = re.search(r"http\S+/setup\?token=\S+", said.read_text())
        assert link is not None
        assert link[0].startswith(base)
        with urllib.request.urlopen(link[0], timeout=5) as page:
            assert "administrator" in page.read().decode()
        again = run("admin", "setup-link", "--data-dir", str(data_dir))
        assert again.stdout.startswith(f"{base}/setup?token=")
        second = start("--data-dir", str(data_dir), "--listen", "127.0.0.1:1")
        assert second.returncode == 1
        assert "another Paddock" in second.stderr
    assert (data_dir / "secret.key").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_a_sentence_and_no_link_is_printed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = start("--data-dir", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}")
    assert refused.returncode == 1
    assert "is taken by another program" in refused.stderr
    assert "setup?token" not in refused.stdout + refused.stderr


def test_an_open_page_does_not_hold_back_the_end(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    run("migrate", "--data-dir", str(data_dir))
    with served(data_dir) as (base, said):
        link = re.search(r"http\S+/setup\?token=\S+", said.read_text())
        assert link is not None
        token = _first_token(link[0], data_dir)
        request = urllib.request.Request(f"{base}/live", headers={"Authorization": f"Bearer {token}"})
        stream = urllib.request.urlopen(request, timeout=10)
        assert b"retry" in stream.readline()
    stream.close()
    assert "Traceback" not in said.read_text()


def _first_token(link: str, data_dir: Path) -> str:
    """Creates the first administrator as a person would, then a token at the console."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = opener.open(link, timeout=5).read().decode()
    hidden = dict(re.findall(r'name="(_csrf|token)" value="([^"]*)"', page))
    form = {**hidden, "name": "m.huber", "password": "winter fence post 7", "repeat": "winter fence post 7"}
    origin = link.split("/setup")[0]
    opener.open(
        urllib.request.Request(link, urllib.parse.urlencode(form).encode(), {"Origin": origin}), timeout=5
    )
    return run("admin", "issue-token", "m.huber", "--data-dir", str(data_dir)).stdout.strip()


def test_a_password_is_reset_by_a_link_and_unknown_names_are_told(tmp_path: Path) -> None:
    missing = run("admin", "reset-password", "m.huber", "--data-dir", str(tmp_path / "nowhere"))
    assert missing.returncode == 1
    assert "there is no Paddock in" in missing.stderr
    data_dir = tmp_path / "data"
    assert "up to date now" in run("migrate", "--data-dir", str(data_dir)).stdout
    assert "was up to date" in run("migrate", "--data-dir", str(data_dir)).stdout
    unknown = run("admin", "reset-password", "nobody", "--data-dir", str(data_dir))
    assert (unknown.returncode, "no user nobody" in unknown.stderr) == (1, True)


def test_an_open_address_without_tls_is_refused_with_the_way_out(tmp_path: Path) -> None:
    refused = start("--data-dir", str(tmp_path), "--listen", "0.0.0.0:8080")
    assert refused.returncode == 2
    assert "--tls-cert" in refused.stderr
    assert "--behind-proxy" in refused.stderr
    assert "Traceback" not in refused.stderr
