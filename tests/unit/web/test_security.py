"""Hosts, tokens against forged requests, ETags, forms: the parts that need no server."""

from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import Environment, TemplateNotFound
from pydantic import BaseModel, Field

from paddock.base.errors import AlreadyExists, Detail, Invalid, StaleVersion, Upstream
from paddock.settings import Settings
from paddock.web import csrf, etags, problems
from paddock.web.forms import Form
from paddock.web.render import SliceLoader
from paddock.web.security import host_allowed

LOCAL = Settings(listen="127.0.0.1:8080")
NAMED = Settings(listen="10.0.0.5:443", allowed_hosts=("paddock.example.net",), behind_proxy=True)
EVERYWHERE = Settings(listen="0.0.0.0:443", behind_proxy=True)


@pytest.mark.parametrize(
    ("host", "settings", "allowed"),
    [
        ("127.0.0.1:8080", LOCAL, True),
        ("localhost:8080", LOCAL, True),
        ("[::1]:8080", LOCAL, True),
        ("LOCALHOST.", LOCAL, True),
        ("evil.example", LOCAL, False),
        ("127.evil.example", LOCAL, False),
        ("localhost.evil.example", LOCAL, False),
        ("10.0.0.5", LOCAL, False),
        ("", LOCAL, False),
        ("paddock.example.net", NAMED, True),
        ("PADDOCK.example.net:443", NAMED, True),
        ("10.0.0.5", NAMED, True),
        ("10.0.0.6", NAMED, False),
        ("10.0.0.6", EVERYWHERE, True),
        ("rebound.example", EVERYWHERE, False),
    ],
)
def test_paddock_answers_to_its_own_names_only(host: str, settings: Settings, allowed: bool) -> None:
    assert host_allowed(host, settings) is allowed


def test_a_csrf_token_is_masked_anew_and_fits_its_session_only() -> None:
    one, two = csrf.masked_token("cookie"), csrf.masked_token("cookie")
    assert one != two
    assert csrf.fits("cookie", one)
    assert csrf.fits("cookie", two)
    assert not csrf.fits("other", one)


@pytest.mark.parametrize(
    "given",
    ["", "x", "!!!!", "ä", "AAAA", csrf.masked_token("c")[:-4]],
    ids=["empty", "short", "not-base64", "not-ascii", "zeros", "cut"],
)
def test_a_mangled_csrf_token_is_refused(given: str) -> None:
    assert not csrf.fits("c", given)


def test_the_host_bound_cookie_name_needs_https_and_the_root() -> None:
    assert csrf.session_cookie(LOCAL) == "paddock"
    assert csrf.session_cookie(NAMED) == "__Host-paddock"
    assert csrf.session_cookie(replace(NAMED, root_path="/paddock")) == "paddock"


def test_if_match_takes_the_etag_that_was_given() -> None:
    assert etags.if_match(etags.etag(3)) == 3
    assert etags.if_match('W/"3"') == 3
    assert etags.if_match("*") is None
    assert etags.if_match(None) is None
    with pytest.raises(Invalid):
        etags.if_match('"abc"')


def test_a_version_somebody_else_has_changed_is_stale() -> None:
    etags.check(None, 4, what="Site Vienna")
    etags.check(4, 4, what="Site Vienna")
    with pytest.raises(StaleVersion, match="Site Vienna"):
        etags.check(3, 4, what="Site Vienna")


def test_the_nearest_class_decides_the_status() -> None:
    class Refused(Upstream):
        default_code = "refused"

    class TimedOut(Refused):
        default_code = "timed_out"

    assert problems.status_of(AlreadyExists("x")) == 409
    assert problems.status_of(StaleVersion("x")) == 412
    assert problems.status_of(Refused("x")) == 502
    assert problems.status_of(TimedOut("x")) == 504


def test_further_members_never_replace_the_fixed_ones() -> None:
    class Odd(Invalid):
        def extra(self) -> dict[str, object]:
            return {"status": 200, "objections": ["a"]}

    told = problems.problem(Odd("No.", details=[Detail("name", "Taken.")], hint="Choose another."))
    assert told == {
        "type": "/problems/invalid",
        "title": told["title"],
        "status": 422,
        "detail": "No.",
        "code": "invalid",
        "hint": "Choose another.",
        "errors": [{"field": "name", "message": "Taken."}],
        "objections": ["a"],
    }


class Wish(BaseModel):
    name: str = Field(min_length=1)
    password: str = ""
    port: int = 8006
    verify: bool = True
    rows: list[str] = []


def test_a_form_keeps_what_was_typed_but_never_a_secret() -> None:
    form = Form({"name": [""], "password": [" secret "], "port": ["x"]})
    assert form.bind(Wish) is None
    assert form.value("port") == "x"
    assert form.value("password") == ""
    assert form.error("name") == "This is needed."
    assert form.error("port") == "A whole number, please."


def test_a_form_is_bound_with_lists_and_unticked_boxes() -> None:
    form = Form({"name": ["  a "], "password": [" p "], "rows": ["1", "2"]})
    assert form.bind(Wish, lists=["rows"]) == Wish(name="a", password=" p ", verify=False, rows=["1", "2"])


def test_what_an_action_finds_stands_beside_the_fields() -> None:
    form = Form.of(name="Vienna")
    form.fail(AlreadyExists("There is one.", details=[Detail("name", "Taken.")], hint="Other name."))
    assert (form.error("name"), form.message, form.hint) == ("Taken.", "There is one.", "Other name.")


@pytest.mark.parametrize(
    "name", ["../settings.py", "web/../../settings.py", "web", "no/such.html", "/etc/passwd"]
)
def test_templates_come_from_the_slices_only(name: str) -> None:
    with pytest.raises(TemplateNotFound):
        SliceLoader().get_source(Environment(), name)


def test_static_files_ask_for_nothing_from_elsewhere() -> None:
    folder = Path(problems.__file__).parent / "static"
    for path in folder.rglob("*.css"):
        text = path.read_text()
        assert "data:" not in text.replace("data: images", "").replace("data: URLs", ""), path
        assert "http" not in text.replace("https://tabler.io", "").replace("https://github.com/tabler", ""), (
            path
        )
        assert "sourceMappingURL" not in text, path
    for path in folder.rglob("*.js"):
        assert "sourceMappingURL" not in path.read_text(), path
