"""Users, sessions, tokens and the audit on the wire."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from paddock.access.rights import Role


def _user_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]*", name):
        raise ValueError("Letters, digits and . _ @ - only, beginning with a letter or a digit.")
    return name


UserName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="What one signs in with: letters, digits and . _ @ -; unique whatever its case.",
        examples=["m.huber"],
    ),
    AfterValidator(_user_name),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignIn(_In):
    name: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1)


class SetupIn(_In):
    """The first administrator."""

    name: UserName
    display: str = Field(default="", max_length=120)
    password: SecretStr


class NewPassword(_In):
    password: SecretStr


class PasswordChange(_In):
    current_password: SecretStr = Field(min_length=1)
    new_password: SecretStr = Field(min_length=1)


class UserIn(_In):
    name: UserName
    display: str = Field(default="", max_length=120, description="Full name.")
    role: Role = Role.AUDITOR
    password: SecretStr | None = Field(
        default=None, description="Without one, the answer holds a link with which the person chooses it."
    )


class UserPatch(_In):
    """Fields that are left out stay as they are."""

    display: str | None = Field(default=None, max_length=120)
    role: Role | None = None
    disabled: bool | None = None


class UserOut(BaseModel):
    id: str
    name: str
    display: str
    role: str
    disabled: bool
    version: int
    created_at: datetime
    signed_in_at: datetime | None


class UserCreated(UserOut):
    link: str | None = Field(description="Where the person chooses a password, once, within 24 hours.")


class LinkOut(BaseModel):
    link: str = Field(description="Works once, within 24 hours.")


class TokenIn(_In):
    name: str = Field(min_length=1, max_length=64, description="What it is for.", examples=["backup-job"])
    role: Role | None = Field(default=None, description="At most one's own, which is also the default.")
    expires_at: datetime | None = Field(default=None, description="With time zone; absent: never.")


class TokenOut(BaseModel):
    id: str
    user: str
    name: str
    prefix: str = Field(description="How the token begins, to recognise it by.")
    role: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="Last use, exact to a minute.")


class TokenCreated(TokenOut):
    token: str = Field(description="Shown this once.")


class SessionOut(BaseModel):
    id: str
    user: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    remote: str
    agent: str


class AuditOut(BaseModel):
    id: str
    at: datetime
    actor: str
    via: str = Field(description="session, token, system or none.")
    remote: str
    action: str
    target_kind: str
    target_id: str
    target: str
    outcome: str = Field(description="ok, refused or failed.")
    code: str
    detail: dict[str, Any]


class MeOut(BaseModel):
    name: str
    role: str
    via: str = Field(description="session or token.")
    permissions: list[str]
