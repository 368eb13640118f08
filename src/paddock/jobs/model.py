"""Rows of jobs, their steps and their log."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row
from paddock.base.ids import new_id


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job(Row):
    """Durable work as people see it. Its id is also the id of the durable workflow, so twice is once."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    type: Mapped[str] = mapped_column(String(64))
    """noun.verb.vN; an old version stays registered while one is in flight."""
    label: Mapped[str] = mapped_column(String(255))
    site_id: Mapped[str | None] = mapped_column(Id, default=None)
    state: Mapped[str] = mapped_column(String(16))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[str] = mapped_column(Text, default="")
    """A sealed secret that the work needs; wiped when it ends."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    """code, message, hint."""
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    """Progress in units of the work; 0 of 0 where it cannot be said."""
    links: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    """What it is about: kind, id, label."""
    actor: Mapped[str] = mapped_column(String(64))
    cancel_wanted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (Index("ix_jobs_state", "state"), Index("ix_jobs_created_at", "created_at"))


class JobStep(Row):
    """One named step of a job."""

    __tablename__ = "job_steps"

    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class JobLine(Row):
    """One line of a job's log."""

    __tablename__ = "job_lines"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    level: Mapped[str] = mapped_column(String(8))
    """ok · info · warn · bad"""
    subject: Mapped[str] = mapped_column(String(255), default="")
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_job_lines_job_id_id", "job_id", "id"),)
