"""Follows a job to its end: a bar and its lines on a terminal, the lines alone in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from paddock.terminal.client import Client
from paddock.terminal.commands import Terminal
from paddock.terminal.failures import Exit, Failed
from paddock.terminal.words import LEVELS, NOTHING, plain, state

ENDED = frozenset({"done", "failed", "cancelled"})
PAUSE = 0.5
"""Seconds between two looks."""
PATIENCE = 60
"""Looks in a row without an answer before giving up: a restart of Paddock is outlived."""

Job = dict[str, Any]


def follow(terminal: Terminal, job_id: str) -> Job:
    """Shows the job until it ends and returns it. Raises Failed when Paddock stays away too long."""
    told: set[tuple[str, ...]] = set()
    job: Job = {}
    try:
        with _shown(terminal) as progress:
            for job in _looks(terminal.client, job_id):
                for line in _fresh(job, told):
                    _tell(terminal, line)
                progress.update(
                    progress.task_ids[0],
                    description=_step(job),
                    completed=_count(job, "done"),
                    total=_count(job, "total") or None,
                )
    except KeyboardInterrupt:
        terminal.out.tell(f"The job goes on. Look again with: paddock jobs follow {job_id}")
        raise
    return job


def finish(terminal: Terminal, job: Job) -> None:
    """The last word on an ended job. Raises Failed unless it is done."""
    if terminal.options.as_json:
        terminal.out.data(job)
    if job.get("state") == "done":
        return
    error = job.get("error") if isinstance(job.get("error"), dict) else {}
    assert isinstance(error, dict)
    if job.get("state") == "cancelled":
        raise Failed("The job was cancelled.", code="cancelled")
    hint = error.get("hint")
    raise Failed(
        str(error.get("message") or "The job failed."),
        code=str(error.get("code") or "failed"),
        hint=hint if isinstance(hint, str) else None,
    )


def _looks(client: Client, job_id: str) -> Iterator[Job]:
    misses = 0
    while True:
        try:
            job = client.get(f"/jobs/{job_id}")
        except Failed as failed:
            misses += 1
            if failed.exit_code is not Exit.UNREACHABLE or misses >= PATIENCE:
                raise
        else:
            misses = 0
            yield job
            if job.get("state") in ENDED:
                return
        time.sleep(PAUSE)


@contextmanager
def _shown(terminal: Terminal) -> Iterator[Progress]:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=terminal.out.console,
        transient=True,
        disable=not terminal.out.live or terminal.options.quiet,
    )
    progress.add_task("Waiting to start", total=None)
    with progress:
        yield progress


def _fresh(job: Job, told: set[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """Lines not told yet. By content, not by position: a long log may come shortened."""
    for line in job.get("lines") or ():
        if isinstance(line, dict):
            key = tuple(str(line.get(name)) for name in ("at", "level", "subject", "text"))
            if key not in told:
                told.add(key)
                yield line


def _tell(terminal: Terminal, line: dict[str, Any]) -> None:
    if terminal.options.as_json or terminal.options.quiet:
        return
    subject, text = plain(line.get("subject")), plain(line.get("text"))
    terminal.out.line(state(LEVELS, line.get("level")), *(() if subject == NOTHING else (subject,)), text)


def _step(job: Job) -> str:
    if job.get("state") == "queued":
        return "Waiting to start"
    steps = [step for step in job.get("steps") or () if isinstance(step, dict)]
    running = [step for step in steps if step.get("state") == "running"] or steps[-1:]
    return plain(running[-1].get("name")).capitalize() if running else plain(job.get("label"))


def _count(job: Job, name: str) -> int:
    value = job.get(name)
    return value if isinstance(value, int) else 0
