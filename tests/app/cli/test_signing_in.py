"""login, logout, profiles, the environment, tokens."""

import stat
from pathlib import Path

import pytest

from tests.app.cli.fake import TOKEN, Answer, FakePaddock, Run


def test_a_login_is_tried_and_kept_for_its_owner_alone(run: Run, paddock: FakePaddock, home: Path) -> None:
    done = run("login", paddock.url + "/", "--token-stdin", stdin=TOKEN + "\n")
    assert done.code == 0
    assert "as maria (administrator)" in done.err
    file = home / "paddock" / "cli.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert TOKEN in file.read_text()
    assert run("nodes", "list").code == 0


def test_a_wrong_token_is_not_kept(run: Run, paddock: FakePaddock, home: Path) -> None:
    done = run("login", paddock.url, "--token-stdin", stdin="pdk_wrong\n")
    assert done.code == 3
    assert not (home / "paddock" / "cli.toml").exists()


def test_a_token_is_asked_for_without_echo(
    run: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paddock.terminal.asking.interactive", lambda: True)
    done = run("login", paddock.url, stdin=TOKEN + "\n")
    assert done.code == 0
    assert TOKEN not in done.out + done.err


def test_with_nobody_to_ask_the_way_is_shown(run: Run, paddock: FakePaddock) -> None:
    done = run("login", paddock.url)
    assert done.code == 2
    assert "--token-stdin" in done.err
    assert "PADDOCK_TOKEN" in done.err


def test_profiles_stand_side_by_side(run: Run, paddock: FakePaddock) -> None:
    run("login", paddock.url, "--token-stdin", "--profile", "lab", stdin=TOKEN)
    assert run("nodes", "list").code == 3
    assert "Profiles: lab" in run("nodes", "list").err
    assert run("nodes", "list", "--profile", "lab").code == 0
    run("login", paddock.url, "--token-stdin", stdin=TOKEN)
    run("logout", "--profile", "lab")
    assert run("nodes", "list", "--profile", "lab").code == 3
    assert run("nodes", "list").code == 0


def test_a_stored_token_is_not_sent_elsewhere(
    run: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("login", paddock.url, "--token-stdin", stdin=TOKEN)
    paddock.seen.clear()
    monkeypatch.setenv("PADDOCK_URL", paddock.url + "/other")
    paddock.everything = Answer(401, {"title": "Unauthorized", "code": "not_signed_in", "detail": "Sign in."})
    assert run("nodes", "list").code == 3
    assert "authorization" not in paddock.seen[0].headers


def test_a_file_that_is_damaged_says_so(run: Run, home: Path) -> None:
    file = home / "paddock" / "cli.toml"
    file.parent.mkdir()
    file.write_text("[[[")
    done = run("nodes", "list")
    assert done.code == 1
    assert str(file) in done.err
    assert "rm " in done.err


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "https://me:secret@host", "http://a b", "http://x:99999"]
)
def test_an_address_that_is_none_is_refused(run: Run, url: str) -> None:
    done = run("login", url, "--token-stdin", stdin=TOKEN)
    assert done.code == 2
    assert "secret" not in done.err


def test_a_new_user_gets_a_link_and_nothing_else_is_on_stdout(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/users"] = Answer(201, {"id": "u1", "name": "eva", "link": "https://x/invite/1"})
    paddock.routes["POST", "/users/u1/password-link"] = Answer(201, {"link": "https://x/invite/2"})
    paddock.lists("/users", [{"id": "u1", "name": "eva"}])
    assert signed_in("access", "users", "create", "eva").out == "https://x/invite/1\n"
    assert "password" not in paddock.asked("POST", "/users")[0].body
    assert signed_in("access", "users", "link", "EVA").out == "https://x/invite/2\n"


def test_a_user_s_password_comes_from_stdin(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/users"] = Answer(201, {"id": "u1", "name": "eva"})
    assert signed_in("access", "users", "create", "eva", "--password-stdin", stdin="a long one\n").code == 0
    body = paddock.asked("POST", "/users")[0].body
    assert body == {"name": "eva", "display": "", "role": "auditor", "password": "a long one"}


def test_a_token_is_ended_by_name(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.lists("/tokens", [{"id": "t1", "name": "backup"}])
    paddock.routes["DELETE", "/tokens/t1"] = Answer(204)
    assert signed_in("access", "tokens", "delete", "backup", "--yes").code == 0
    assert signed_in("access", "tokens", "delete", "other", "--yes").code == 4
    assert len(paddock.asked("DELETE", "/tokens/t1")) == 1


def test_me_shows_role_and_server(signed_in: Run, paddock: FakePaddock) -> None:
    done = signed_in("access", "me")
    assert "administrator" in done.out
    assert paddock.url in done.out
