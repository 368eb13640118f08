"""Diagnoses on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class LineOut(BaseModel):
    label: str = Field(description="Sent · Seen · Expected · …")
    text: str


class CommandOut(BaseModel):
    text: str
    where: str = Field(
        description="`here`: on Paddock's machine. `ssh`: wherever one may ssh to the node. `node`: at its own shell."
    )
    why: str


class LeafOut(BaseModel):
    sha256: str
    issuer: str
    subject: str
    names: list[str]
    not_before: datetime | None
    not_after: datetime | None


class NeedOut(BaseModel):
    privilege: str
    path: str
    purpose: str
    present: bool
    required: bool = Field(description="Without it Paddock cannot watch; else it is for managing.")


class StepOut(BaseModel):
    key: str
    title: str
    outcome: str = Field(description="passed · warned · failed · skipped")
    code: str = Field(description="The cause, stable and machine-readable; empty where all is well.")
    text: str
    milliseconds: int
    proof: list[LineOut] = Field(description="What was sent and seen; secrets are left out.")
    next: str = Field(description="What to do, as a sentence.")
    commands: list[CommandOut]
    shown: LeafOut | None = Field(description="The certificate that was shown.")
    trusted: LeafOut | None = Field(description="The certificate that was expected.")
    needs: list[NeedOut]


class CountsOut(BaseModel):
    passed: int
    warned: int
    failed: int
    skipped: int


class DiagnosisOut(BaseModel):
    url: str
    name: str = Field(description="The node's name as registered; empty before anything is.")
    cluster: str
    started_at: datetime
    milliseconds: int
    automatic: bool = Field(description="Nobody asked for it: the node had failed.")
    code: str = Field(description="Of the first step that failed, else of the first to look at, else `ok`.")
    failed_step: str | None
    headline: str
    counts: CountsOut
    steps: list[StepOut]


class UrlTrustIn(BaseModel):
    """Whom to believe. What is not trusted is described, and gets no credential."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["system", "off"] = Field(
        default="system",
        description="`system`: the CAs of Paddock's machine. `off`: believe anybody (open to a man in the middle).",
    )
    fingerprint: str | None = Field(
        default=None,
        max_length=200,
        description="SHA-256 of the node's certificate, compared with `pvenode cert info`: believe this one.",
    )


class UrlDiagnosisIn(BaseModel):
    """An address, and a credential to try, which is not kept. Without one the way up to the sign-in is looked at."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=1000, examples=["https://192.0.2.11:8006"])
    username: str = Field(default="", max_length=255, examples=["root@pam"])
    password: SecretStr = Field(default=SecretStr(""), max_length=1000)
    token_id: str = Field(default="", max_length=1000, examples=["root@pam!paddock"])
    token_secret: SecretStr = Field(default=SecretStr(""), max_length=1000)
    trust: UrlTrustIn = Field(default_factory=UrlTrustIn)


class BundleOut(BaseModel):
    """A support bundle: node, cluster, members, conversations, the newest diagnosis, events. No secret is in it."""

    model_config = ConfigDict(extra="allow")

    format: int
    made_at: datetime
    paddock: dict[str, Any]
    node: dict[str, Any]
    cluster: dict[str, Any]
    members: list[dict[str, Any]]
    conversations: list[dict[str, Any]]
    diagnosis: DiagnosisOut | None
    events: list[dict[str, Any]]
