"""Rows of users, sessions, API tokens, one-time links and the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row
from paddock.base.ids import new_id


class User(Row):
    """A person. `name` is what one signs in with; unique whatever its case."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    display: Mapped[str] = mapped_column(String(120), default="")
    role: Mapped[str] = mapped_column(String(16))
    """administrator · auditor"""
    password_hash: Mapped[str] = mapped_column(String(255), default="")
    """Argon2; empty means nobody can sign in with a password."""
    disabled: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]

    __table_args__ = (Index("uq_users_name_folded", func.lower(name), unique=True),)


class Session(Row):
    """A signed-in browser. The id is the SHA-256 of the cookie's value, which is stored nowhere."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Last request of a person; written at most once a minute."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
    """Absolute end; the idle end is reckoned from `seen_at`."""
    remote: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")


class ApiToken(Row):
    """A key for programs. Only the SHA-256 of its 256 random bits is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(12))
    """The first characters, to recognise it by."""
    role: Mapped[str] = mapped_column(String(16))
    """Never more than its user has at the moment of use."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class OneTimeLink(Row):
    """A link that works once: to create the first administrator (no user), or to choose a new password."""

    __tablename__ = "one_time_links"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AuditEntry(Row):
    """Who did what, when, from where, and how it ended. Written once, never changed."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[str | None] = mapped_column(Id)
    actor: Mapped[str] = mapped_column(String(64), index=True)
    via: Mapped[str] = mapped_column(String(16))
    """session · token · system · none"""
    remote: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(64), index=True)
    target_kind: Mapped[str] = mapped_column(String(32), default="")
    target_id: Mapped[str] = mapped_column(String(64), default="", index=True)
    target: Mapped[str] = mapped_column(String(200), default="")
    """The target's name at that time."""
    outcome: Mapped[str] = mapped_column(String(8))
    """ok · refused · failed"""
    code: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
