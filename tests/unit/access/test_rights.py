"""Roles and what they may do."""

import pytest

from paddock.access import rights
from paddock.access.rights import Role
from paddock.base.context import NOBODY, SYSTEM, Actor

ADMINISTRATOR = Actor("1", "a", Role.ADMINISTRATOR)
AUDITOR = Actor("2", "b", Role.AUDITOR)


@pytest.mark.parametrize("permission", sorted(rights.PERMISSIONS))
def test_an_administrator_may_do_everything(permission: str) -> None:
    assert rights.allowed(ADMINISTRATOR, permission)


@pytest.mark.parametrize("permission", sorted(rights.EDIT))
def test_an_auditor_changes_nothing(permission: str) -> None:
    assert not rights.allowed(AUDITOR, permission)


@pytest.mark.parametrize("permission", sorted(rights.READ | rights.OWN))
def test_an_auditor_sees_everything_and_keeps_what_is_theirs(permission: str) -> None:
    assert rights.allowed(AUDITOR, permission)


@pytest.mark.parametrize("permission", sorted(rights.PERMISSIONS))
def test_nobody_may_do_nothing(permission: str) -> None:
    assert not rights.allowed(NOBODY, permission)


def test_paddock_itself_may_do_everything() -> None:
    assert all(rights.allowed(SYSTEM, permission) for permission in rights.PERMISSIONS)


def test_an_unknown_role_may_do_nothing() -> None:
    assert not rights.allowed(Actor("3", "c", "emperor"), "sites.read")


def test_a_permission_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(KeyError, match=r"sites\.fly"):
        rights.allowed(ADMINISTRATOR, "sites.fly")


def test_a_token_gets_the_weaker_of_its_role_and_its_users() -> None:
    assert rights.weaker(Role.ADMINISTRATOR, Role.AUDITOR) == Role.AUDITOR
    assert rights.weaker(Role.AUDITOR, Role.ADMINISTRATOR) == Role.AUDITOR
    assert rights.weaker(Role.ADMINISTRATOR, Role.ADMINISTRATOR) == Role.ADMINISTRATOR
    assert rights.weaker("emperor", Role.AUDITOR) == "emperor"
