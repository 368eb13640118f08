"""What Paddock signs in with, checked for form before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paddock.base.errors import Invalid
from paddock.base.vault import Secret

# pve-access-control: a user name is `name@realm`; the name may itself hold an @ (LDAP), blanks, colons and slashes may not
_USER = re.compile(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+")
_TOKEN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.\-_]+")
_HEADER = re.compile(r"^(?:authorization:\s*)?pveapitoken[= ]\s*(.+)$", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class PasswordCredential:
    username: str  # root@pam
    password: Secret

    @classmethod
    def parse(cls, username: str, password: str) -> PasswordCredential:
        """Raises Invalid for the field `username` or `password`. The password is taken as it is."""
        username = username.strip()
        if "!" in username.rpartition("@")[2]:
            raise Invalid.field(
                "username",
                f"“{username}” is the name of an API token, not of a user.",
                hint="Choose API token, and give its secret.",
            )
        _check_user("username", username)
        if not password:
            raise Invalid.field("password", "The password is missing.")
        return cls(username, Secret(password))


@dataclass(frozen=True, slots=True)
class TokenCredential:
    token_id: str  # root@pam!paddock
    secret: Secret

    @classmethod
    def parse(cls, token_id: str, secret: str) -> TokenCredential:
        """Accepts a whole pasted `PVEAPIToken=user@realm!name=secret` in either field.

        Raises Invalid for the field `token_id` or `token_secret`.
        """
        token_id, secret = unpack_token(token_id.strip(), secret.strip())
        user, separator, name = token_id.rpartition("!")
        if not separator:
            raise Invalid.field(
                "token_id",
                "The token ID is missing." if not token_id else f"“{token_id}” has no token name.",
                hint="It looks like root@pam!paddock: user, @, realm, ! and the token's name.",
            )
        _check_user("token_id", user)
        if not _TOKEN_NAME.fullmatch(name):
            raise Invalid.field(
                "token_id",
                f"“{name}” cannot be a token's name: at least two letters, digits, . - or _, a letter first.",
            )
        if not secret:
            raise Invalid.field(
                "token_secret",
                "The token's secret is missing.",
                hint="Proxmox VE shows it once, when the token is made. If it is lost, make a new token.",
            )
        if not _UUID.fullmatch(secret):
            raise Invalid.field(
                "token_secret",
                "This does not look like a token's secret.",
                hint="It has 36 characters, such as 0f3c5d1e-7a42-4b8e-9c61-2d5f8e7a9b10.",
            )
        return cls(token_id, Secret(secret))


Credential = PasswordCredential | TokenCredential


def unpack_token(token_id: str, secret: str) -> tuple[str, str]:
    """Id and secret, also out of a whole `PVEAPIToken=user@realm!name=secret` pasted into either. Never raises."""
    for text in (token_id, secret):
        match = _HEADER.match(text)
        candidate = match.group(1) if match else text
        name, separator, value = candidate.partition("=")
        if separator and "!" in name and "@" in name:
            return name.strip(), value.strip()
    return token_id, secret


def _check_user(field: str, user: str) -> None:
    if not user:
        raise Invalid.field(field, "The user name is missing.", hint="For example root@pam.")
    if "@" not in user and not re.search(r"[\s:/]", user):
        raise Invalid.field(field, f"“{user}” has no realm: did you mean {user}@pam?", hint=f"{user}@pam")
    if not _USER.fullmatch(user):
        raise Invalid.field(
            field, f"“{user}” is not a Proxmox VE user: it looks like root@pam, a name, @ and a realm."
        )
