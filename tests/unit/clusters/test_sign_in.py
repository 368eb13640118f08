"""What a trial means, what is asked for by hand, and why a sign-in is refused: pure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from paddock.base.errors import Invalid
from paddock.base.vault import Secret
from paddock.clusters.examination.commands import Values
from paddock.clusters.examination.remedies import KNOWN
from paddock.clusters.sign_in import commands, naming
from paddock.clusters.sign_in.realms import offered
from paddock.clusters.sign_in.trial import objection
from paddock.proxmox.ceremony import Before, needs
from paddock.proxmox.credentials import PasswordCredential, TokenCredential
from paddock.proxmox.errors import LoginRefused, Unreachable
from paddock.proxmox.proving import Outcome, Trial, Tried
from paddock.proxmox.refusals import Seen, judge
from paddock.proxmox.shapes import Realm
from paddock.proxmox.token_plan import Entry, Plan
from paddock.proxmox.wanted import Level, lacking, level_of, privileges, wanted
from paddock.web.hints import advice

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TOKEN = TokenCredential("paddock@pve!one", Secret("x"))
OPERATOR = {"/": dict.fromkeys(privileges(Level.OPERATOR), 1)}
EQUAL_TO_ROOT = {"Permissions.Modify", "User.Modify", "Realm.Allocate", "Realm.AllocateUser", "Sys.Modify"}


@pytest.mark.parametrize("level", Level)
def test_no_role_holds_what_would_equal_root(level: Level) -> None:
    assert not EQUAL_TO_ROOT & set(privileges(level))
    assert {"Datastore.Allocate", "Sys.Console", "VM.Console"}.isdisjoint(privileges(level))


def test_a_role_meets_every_want_of_its_level_and_of_no_higher_one() -> None:
    observer = {"/": dict.fromkeys(privileges(Level.OBSERVER), 1)}
    assert level_of(observer) is Level.OBSERVER
    assert level_of(OPERATOR) is Level.OPERATOR
    assert level_of({}) is None
    assert {one.privilege for one in lacking(observer, wanted(Level.OPERATOR))} == set(
        privileges(Level.OPERATOR)
    ) - set(privileges(Level.OBSERVER))


def test_an_administrator_needs_less_where_more_is_there() -> None:
    plan = Plan.of(Level.OBSERVER, "paddock@pve", "one")
    every = {one.privilege for one in needs(plan, Before())}
    assert every == {"User.Modify", "Sys.Modify", "Realm.AllocateUser", "Permissions.Modify"}
    there = Before(role=privileges(Level.OBSERVER), user=True)
    assert {one.privilege for one in needs(plan, there)} == {"User.Modify", "Permissions.Modify"}


def test_a_plan_survives_the_way_through_a_job() -> None:
    plan = Plan("a@pve", "t1", None, (Entry("/vms", "PVEVMUser", False),), True)
    assert Plan.read(plan.wire()) == plan
    assert Before.read(Before(("VM.Audit",), True, True).wire()) == Before(("VM.Audit",), True, True)


def refused(member: str) -> Tried:
    return Tried(member, Outcome.REFUSED, LoginRefused("No.", code="token_refused"))


def test_one_refusal_is_enough_and_silence_is_not() -> None:
    good = Tried("pve1", Outcome.ACCEPTED, permissions=OPERATOR)
    silent = Tried("pve2", Outcome.UNREACHED, Unreachable("Gone."))
    assert objection(Trial((good, silent)), TOKEN) is None
    found = objection(Trial((good, refused("pve3"), silent)), TOKEN)
    assert found is not None
    assert (found.code, found.tested[1].outcome) == ("token_refused", "refused")
    assert "pve3" in found.message
    nobody = objection(Trial((silent,)), TOKEN)
    assert nobody is not None
    assert nobody.code == "unreachable"
    assert objection(Trial(()), TOKEN) is not None, "a cluster without members"


def test_rights_that_do_not_show_the_cluster_are_not_enough() -> None:
    some = Tried("pve1", Outcome.ACCEPTED, permissions={"/vms": {"VM.Audit": 1}})
    found = objection(Trial((some,)), PasswordCredential("a@pve", Secret("x")))
    assert found is not None
    assert found.code == "cannot_watch"
    assert "Sys.Audit on /" in found.message
    assert "--users a@pve" in (found.hint or "")


def test_only_a_token_that_was_made_for_a_level_must_be_enough_for_it() -> None:
    observer = {"/": dict.fromkeys(privileges(Level.OBSERVER), 1)}
    trial = Trial((Tried("pve1", Outcome.ACCEPTED, permissions=observer),))
    assert objection(trial, TOKEN) is None, "what a person gives may be less"
    assert objection(trial, TOKEN, Level.OBSERVER) is None
    found = objection(trial, TOKEN, Level.OPERATOR)
    assert found is not None
    assert found.code == "level_missed"
    assert "VM.Allocate" in found.message
    assert "SDN.Use on /sdn" in found.message


def test_commands_quote_what_a_shell_would_read() -> None:
    plan = Plan("odd;name@pve", "t1", None, (Entry("/", "PVEAuditor"), Entry("/vms", "PVEVMUser", False)))
    text = "\n".join(commands.making(plan))
    assert "pveum user token add 'odd;name@pve' t1 --privsep 1" in text
    assert "pveum acl modify /vms --tokens 'odd;name@pve!t1' --roles PVEVMUser --propagate 0" in text
    assert "role add" not in text, "a rotation makes no role"


def test_a_second_factor_is_answered_with_a_token_that_has_rights_and_leaves_the_account_alone() -> None:
    account = Values("192.0.2.11", user="admin@pam")
    shown = [command.text for command in KNOWN["two_factor_required"].commands(account)]
    assert any(text.startswith("pveum user token add paddock@pve paddock ") for text in shown)
    grant = "pveum acl modify / --users paddock@pve --tokens 'paddock@pve!paddock' --roles PaddockOperator"
    assert shown[-1] == grant, "separated from its user, it would have no right"
    assert not any("admin@pam" in text for text in shown), "an entry of its own would replace its groups'"


def test_each_token_gets_a_name_that_says_its_day() -> None:
    assert naming.token_name(NOW, "0190a0a0-9f3c") == "paddock-20261126-9f3c"
    with pytest.raises(Invalid, match="realm pve"):
        naming.plan(Level.OBSERVER, "root@pam", "", NOW, "x")


@pytest.mark.parametrize(
    ("user", "code"),
    [
        (None, "user_missing"),
        ({"enable": 0}, "user_disabled"),
        ({"enable": 1, "expire": 5}, "user_expired"),
        ({"tokens": None}, "token_deleted"),
        ({"tokens": "rubbish"}, "token_deleted"),
        ({"tokens": {"one": {"expire": 5}}}, "token_expired"),
        ({"tokens": {"one": {"expire": "99999999999999999999"}}}, "secret_wrong"),
        ({"enable": "x"}, "user_disabled"),
    ],
)
def test_what_an_administrator_sees_is_judged(user: dict[str, object] | None, code: str) -> None:
    assert judge("paddock@pve!one", Seen(user), NOW).code == code


@pytest.mark.parametrize(
    ("name", "refused", "code", "grant"),
    [
        ("a@pve!one", False, "no_rights", "--users a@pve --tokens 'a@pve!one'"),
        ("a@pve!one", True, "secret_wrong", "--users a@pve --tokens 'a@pve!one'"),
        ("a@pve", False, "no_rights", "--users a@pve --roles"),
        ("a@pve", True, "password_wrong", "--users a@pve --roles"),
    ],
)
def test_lacking_rights_are_the_cause_of_no_refusal_but_told_besides(
    name: str, refused: bool, code: str, grant: str
) -> None:
    cause = judge(name, Seen({"tokens": {"one": {}}}, {}), NOW, accepted=False if refused else None)
    assert cause.code == code
    assert "no right at all" in cause.text
    (command,) = advice(cause.hint).commands
    assert command.startswith("pveum acl modify / ")
    assert grant in command


def test_names_that_are_no_realms_are_left_out() -> None:
    rows = [Realm("pve"), Realm("<b>"), Realm("ldap", default=True), Realm("pam", comment="x" * 999)]
    found = offered(rows)
    assert [one.name for one in found] == ["ldap", "pam", "pve"]
    assert len(found[1].text) == 200
