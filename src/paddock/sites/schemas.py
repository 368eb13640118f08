"""Sites on the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class SiteIn(BaseModel):
    """A site as people type it. Texts are read leniently and answered in canonical form."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Unique whatever its case, at most 64 characters.", examples=["Vienna"])
    domain: str = Field("", description="Internal DNS domain.", examples=["vienna.example.net"])
    subnet: str = Field(
        "",
        description="With prefix or mask; IPv4 or IPv6.",
        examples=["10.20.0.0/24", "10.20.0.0/255.255.255.0"],
    )
    range: str = Field(
        "",
        description="First and last address for containers: `a-b` or `a,b`.",
        examples=["10.20.0.100-10.20.0.199"],
    )
    gateway: str = Field("", examples=["10.20.0.1"])
    forwarders: str = Field(
        "", description="DNS servers, separated by commas or blanks.", examples=["9.9.9.9, 1.1.1.1"]
    )
    external_ip: str = Field(
        "", description="Address under which the site is seen from outside.", examples=["203.0.113.7"]
    )


class SitePatch(BaseModel):
    """Fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    domain: str | None = None
    subnet: str | None = None
    range: str | None = None
    gateway: str | None = None
    forwarders: str | None = None
    external_ip: str | None = None


class SiteOut(BaseModel):
    id: str
    name: str
    domain: str
    subnet: str
    range: str = Field(description="`first-last`, empty where none is set.")
    gateway: str
    forwarders: list[str]
    external_ip: str
    nodes: int = Field(description="How many nodes stand in the site.")
    containers: int
    version: int
    created_at: datetime
    updated_at: datetime
