"""Sign-ins on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_SECRET: dict[str, JsonValue] = {"writeOnly": True}


class OwnSignInOut(BaseModel):
    member: str
    kind: str
    name: str
    refusal: str = Field(description="Why Proxmox VE refuses it; empty where it does not.")


class SignInOut(BaseModel):
    cluster_id: str
    kind: str = Field(description="password · token")
    name: str
    since: datetime | None = Field(description="When it was saved.")
    made_by_paddock: bool = Field(description="Whether Paddock made this token on Proxmox VE.")
    refused: bool
    trouble: str
    trouble_text: str
    trouble_since: datetime | None
    guess: str = Field(description="What a refusal may mean; Proxmox VE gives no reason.")
    own: list[OwnSignInOut] = Field(description="Members with a sign-in of their own.")
    version: int


class WantOut(BaseModel):
    privilege: str
    path: str
    purpose: str
    level: str = Field(description="observer · operator: from which level on it is wanted.")
    present: bool


class RightsOut(BaseModel):
    level: str | None = Field(
        description="observer · operator: what the sign-in is enough for; null: not even to watch everything."
    )
    wants: list[WantOut]


class TestedOut(BaseModel):
    member: str
    outcome: str = Field(description="accepted · refused · unreached · spared")
    text: str


class SignInIn(BaseModel):
    """Either username and password, or token id and secret. Tried at the members before it is saved."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field("", examples=["root@pam"])
    password: str = Field("", json_schema_extra=_SECRET)
    token_id: str = Field("", examples=["paddock@pve!paddock-20261123-9f3c"])
    token_secret: str = Field("", json_schema_extra=_SECRET)
    reason: str = Field("", description="Saves it even where the trial fails; goes into the audit.")


class SignInChanged(SignInOut):
    tested: list[TestedOut]


class AdministratorIn(BaseModel):
    """An account of Proxmox VE whose password is used once and kept nowhere."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field("root@pam", examples=["root@pam"])
    password: str = Field(json_schema_extra=_SECRET)


class TokenIn(AdministratorIn):
    level: Literal["observer", "operator"] = Field(
        "operator", description="observer: may see everything. operator: may also work with containers."
    )
    user: str = Field("", description="User of the realm pve that the token belongs to. Default: paddock@pve")
    token: str = Field(
        "", description="Name of a new token; one that exists is refused. Default: one with today's date."
    )


class RotateIn(AdministratorIn):
    remove_old: bool = Field(True, description="Remove the old token once the new one is proven.")


class RotateManyIn(RotateIn):
    clusters: list[str] = Field(description="Ids of clusters that sign in with a token.")


class StartedOut(BaseModel):
    job_id: str


class StartedManyOut(BaseModel):
    job_ids: list[str]


class CauseOut(BaseModel):
    code: str = Field(
        description="user_missing · user_disabled · user_expired · token_deleted · token_expired · secret_wrong · "
        "password_wrong · two_factor · no_rights · works"
    )
    text: str
    hint: str


class CommandsOut(BaseModel):
    token_id: str
    commands: list[str] = Field(description="To be run on any node of the cluster, as root.")
    afterwards: list[str] = Field(description="To be run once Paddock signs in with the new token.")


class DeedOut(BaseModel):
    id: str
    kind: str = Field(description="role · user · token · acl")
    name: str
    verb: str = Field(description="created · changed")
    detail: str
    at: datetime
    actor: str
    administrator: str = Field(description="The account on Proxmox VE with which it was done.")
    removed_at: datetime | None
    removed_by: str
