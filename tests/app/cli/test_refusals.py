"""Bad days: each ends in its own sentence, its own exit code, and never in a traceback."""

import socket
import threading

import pytest

from tests import addresses
from tests.app.cli.fake import SITE, TOKEN, Answer, FakePaddock, Run, problem


def test_without_a_sign_in_one_is_told_how(run: Run) -> None:
    done = run("nodes", "list")
    assert done.code == 3
    assert "You are not signed in." in done.err
    assert "paddock login URL" in done.err


def test_a_wrong_token_ends_with_3(run: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDOCK_URL", paddock.url)
    monkeypatch.setenv("PADDOCK_TOKEN", "pdk_wrong")
    done = run("nodes", "list", "--json")
    assert done.code == 3
    assert done.problem["code"] == "not_signed_in"
    assert done.out == ""


def test_a_denial_ends_with_3(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/sites"] = problem(403, "denied", "An auditor may not create sites.")
    done = signed_in("sites", "create", "lab")
    assert done.code == 3
    assert "An auditor may not create sites." in done.err


def test_nothing_listening_ends_with_5(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDOCK_URL", f"http://{addresses.address()}:9")
    monkeypatch.setenv("PADDOCK_TOKEN", TOKEN)
    done = run("nodes", "list")
    assert done.code == 5
    assert "nothing listens there" in done.err
    assert run("nodes", "list", "--json").problem["code"] == "unreachable"


def test_a_server_that_says_nothing_ends_with_5(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((addresses.address(), 0)) as silent:
        monkeypatch.setenv("PADDOCK_URL", "http://{}:{}".format(*silent.getsockname()))
        monkeypatch.setenv("PADDOCK_TOKEN", TOKEN)
        done = run("nodes", "list", "--timeout", "0.2")
    assert done.code == 5
    assert "no answer within 0.2 s" in done.err


def test_tls_asked_of_a_plain_server_says_so(
    run: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADDOCK_URL", paddock.url.replace("http:", "https:"))
    monkeypatch.setenv("PADDOCK_TOKEN", TOKEN)
    done = run("nodes", "list", "--timeout", "5")
    assert done.code == 5
    assert "it does not speak TLS" in done.err


def test_a_server_that_hangs_up_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((addresses.address(), 0)) as rude:

        def hang_up() -> None:
            connection, _ = rude.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        monkeypatch.setenv("PADDOCK_URL", "http://{}:{}".format(*rude.getsockname()))
        monkeypatch.setenv("PADDOCK_TOKEN", TOKEN)
        done = run("nodes", "list")
        thread.join()
    assert done.code == 5
    assert "hung up" in done.err


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, "<html>Welcome to nginx", "text/html; charset=utf-8"), "an HTML page"),
        (Answer(404, "<html>Not found", "text/html"), "an HTML page"),
        (Answer(200, "pong", "text/plain"), "plain text"),
        (Answer(200, "{", "application/json"), "JSON that is broken"),
        (Answer(200, [1, 2]), "JSON of another shape"),
        (Answer(200, {"data": []}), "something that is not a list"),
        (Answer(200, {"items": [1]}), "something that is not a list"),
        (Answer(404, {"detail": "Not Found"}), "status 404"),
        (Answer(301, None, headers={"Location": "https://elsewhere/"}), "a redirect to https://elsewhere/"),
    ],
)
def test_another_product_is_recognised(
    signed_in: Run, paddock: FakePaddock, answer: Answer, words: str
) -> None:
    paddock.everything = answer
    done = signed_in("nodes", "list")
    assert done.code == 5
    assert "This is not Paddock" in done.err
    assert words in done.err


def test_a_proxy_without_paddock_behind_it_is_told_apart(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.everything = Answer(502, "<html>Bad Gateway", "text/html")
    done = signed_in("nodes", "list")
    assert done.code == 5
    assert "The proxy in front of Paddock says 502" in done.err


def test_faults_of_fields_are_told_by_name(signed_in: Run, paddock: FakePaddock) -> None:
    errors = [{"field": "subnet", "message": "10.0.0.0/40 is no network."}]
    paddock.routes["POST", "/sites"] = problem(422, "invalid", "The site cannot be saved.", errors=errors)
    done = signed_in("sites", "create", "lab", "--subnet", "10.0.0.0/40")
    assert done.code == 1
    assert "The site cannot be saved." in done.err
    assert "subnet: 10.0.0.0/40 is no network." in done.err


def test_objections_are_listed(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["DELETE", "/sites/s1"] = problem(
        409, "in_use", "Nodes stand in the site.", objections=["pve1", "pve2"], hint="Remove the nodes first."
    )
    done = signed_in("sites", "delete", "vienna", "--yes")
    assert done.code == 1
    assert "- pve2" in done.err
    assert "Next: Remove the nodes first." in done.err


def test_wrong_use_ends_with_2(signed_in: Run) -> None:
    assert signed_in("nodes", "lost").code == 2
    assert signed_in("sites", "show").code == 2
    assert signed_in("nodes", "list", "--size", "0").code == 2


def test_a_name_with_a_slash_or_a_blank_does_not_break_the_address(signed_in: Run) -> None:
    assert signed_in("jobs", "show", "a b/../c").code == 4
    assert signed_in("sites", "show", "no such place").code == 4


def test_a_token_is_not_sent_in_clear_over_the_network(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDOCK_URL", "http://192.0.2.1:8080")
    monkeypatch.setenv("PADDOCK_TOKEN", TOKEN)
    done = run("nodes", "list")
    assert done.code == 2
    assert "is not encrypted" in done.err


def test_a_site_is_made_from_what_was_said(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/sites"] = Answer(201, SITE)
    done = signed_in(
        "sites", "create", "Vienna", "--subnet", "10.0.0.0/24", "--forwarders", "9.9.9.9,1.1.1.1"
    )
    assert done.code == 0
    assert paddock.asked("POST", "/sites")[0].body == {
        "name": "Vienna",
        "subnet": "10.0.0.0/24",
        "forwarders": "9.9.9.9,1.1.1.1",
    }


def test_an_edit_names_the_version_it_saw(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["PATCH", "/sites/s1"] = Answer(200, {**SITE, "gateway": ""})
    assert signed_in("sites", "edit", "vienna", "--gateway", "").code == 0
    seen = paddock.asked("PATCH", "/sites/s1")[0]
    assert seen.body == {"gateway": ""}
    assert seen.headers["if-match"] == '"3"'


def test_an_edit_of_nothing_is_wrong_use(signed_in: Run) -> None:
    assert signed_in("sites", "edit", "vienna").code == 2


def test_deleting_needs_the_name_or_yes(
    signed_in: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch
) -> None:
    paddock.routes["DELETE", "/sites/s1"] = Answer(204)
    assert signed_in("sites", "delete", "vienna").code == 2
    monkeypatch.setattr("paddock.terminal.asking.interactive", lambda: True)
    assert signed_in("sites", "delete", "vienna", stdin="Graz\n").code == 2
    assert not paddock.asked("DELETE", "/sites/s1")
    assert signed_in("sites", "delete", "vienna", stdin="Vienna\n").code == 0
    assert signed_in("sites", "delete", "vienna", "--yes").code == 0
    assert len(paddock.asked("DELETE", "/sites/s1")) == 2
