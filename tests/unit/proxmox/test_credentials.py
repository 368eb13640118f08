from __future__ import annotations

import pytest

from paddock.base.errors import Invalid
from paddock.proxmox.credentials import PasswordCredential, TokenCredential

SECRET = "0f3c5d1e-7a42-4b8e-9c61-2d5f8e7a9b10"


def test_a_token_is_taken_as_typed_with_blanks_trimmed() -> None:
    token = TokenCredential.parse(" root@pam!paddock ", f" {SECRET}\n")
    assert token.token_id == "root@pam!paddock"
    assert token.secret.reveal() == SECRET


@pytest.mark.parametrize(
    ("token_id", "secret"),
    [
        (f"PVEAPIToken=root@pam!paddock={SECRET}", ""),
        ("", f"PVEAPIToken=root@pam!paddock={SECRET}"),
        ("root@pam!paddock", f"Authorization: PVEAPIToken=root@pam!paddock={SECRET}"),
        (f"root@pam!paddock={SECRET}", ""),
    ],
)
def test_a_whole_pasted_header_is_taken_apart(token_id: str, secret: str) -> None:
    token = TokenCredential.parse(token_id, secret)
    assert (token.token_id, token.secret.reveal()) == ("root@pam!paddock", SECRET)


def test_a_user_name_may_hold_signs_of_its_own() -> None:
    assert TokenCredential.parse("a!b@pve!tok", SECRET).token_id == "a!b@pve!tok"
    assert PasswordCredential.parse("anna@firm.example@ldap", "x").username == "anna@firm.example@ldap"


@pytest.mark.parametrize(
    ("token_id", "secret", "field", "says"),
    [
        ("", "", "token_id", "missing"),
        ("root@pam", SECRET, "token_id", "no token name"),
        ("root!paddock", SECRET, "token_id", "did you mean root@pam"),
        ("root@pam!p", SECRET, "token_id", "token's name"),
        ("root@pam!bad id", SECRET, "token_id", "token's name"),
        ("root@pam!paddock", "", "token_secret", "missing"),
        ("root@pam!paddock", "hunter2", "token_secret", "does not look like"),
    ],
)
def test_a_token_of_the_wrong_form_is_refused_beside_its_field(
    token_id: str, secret: str, field: str, says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        TokenCredential.parse(token_id, secret)
    assert caught.value.details[0].field == field
    assert says in caught.value.message
    assert SECRET not in str(caught.value.message)


@pytest.mark.parametrize(
    ("username", "password", "field", "says"),
    [
        ("", "x", "username", "missing"),
        ("root", "x", "username", "did you mean root@pam"),
        ("root@pam!paddock", "x", "username", "API token"),
        ("ro ot@pam", "x", "username", "not a Proxmox VE user"),
        ("root@pam", "", "password", "missing"),
    ],
)
def test_a_password_sign_in_of_the_wrong_form_is_refused_beside_its_field(
    username: str, password: str, field: str, says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        PasswordCredential.parse(username, password)
    assert caught.value.details[0].field == field
    assert says in caught.value.message


def test_a_password_keeps_its_blanks_and_never_shows() -> None:
    credential = PasswordCredential.parse(" root@pam ", " pässwörd ")
    assert credential.password.reveal() == " pässwörd "
    assert "pässwörd" not in repr(credential)
