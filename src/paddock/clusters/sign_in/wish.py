"""What a person wants to sign in with, as typed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from paddock.base.errors import Invalid
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential


@dataclass(frozen=True, slots=True)
class CredentialWish:
    """Either username and password, or token id and secret."""

    username: str = ""
    password: str = field(default="", repr=False)
    token_id: str = ""
    token_secret: str = field(default="", repr=False)

    def parsed(self) -> Credential:
        """Raises Invalid beside the field."""
        if self.token_id.strip() or self.token_secret.strip():
            if self.password or self.username.strip():
                raise Invalid.field("token_id", "Give either username and password, or a token; not both.")
            return TokenCredential.parse(self.token_id, self.token_secret)
        return PasswordCredential.parse(self.username, self.password)


@dataclass(frozen=True, slots=True)
class Administrator:
    """An account of Proxmox VE whose password is used once and kept nowhere."""

    username: str
    password: str = field(repr=False)

    def parsed(self) -> PasswordCredential:
        """Raises Invalid for `username` or `password`."""
        return PasswordCredential.parse(self.username, self.password)
