"""`paddock jobs`: work in progress and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.following import finish, follow
from paddock.terminal.lists import PageNumber, PageSize, Search, read_list
from paddock.terminal.output import Column, Item
from paddock.terminal.words import JOB_STATES, LEVELS, NOTHING, age, count_of, number, plain, state

jobs = Commands("Work in progress and what became of it, with steps and a log.")
app = jobs.app

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.", show_default=False)]


def progress(job: Item) -> str:
    return count_of(job.get("done"), job.get("total")) if number(job.get("total")) else NOTHING


@jobs.add("list", "paddock jobs list", "paddock jobs list --state failed")
def list_jobs(
    terminal: Terminal,
    job_state: Annotated[
        str | None, typer.Option("--state", help="queued, running, done, failed or cancelled.")
    ] = None,
    search: Search = None,
    page: PageNumber = None,
    size: PageSize = None,
) -> None:
    """List the jobs, the newest first."""
    now = datetime.now(UTC)
    filters = {"q": search, "state": job_state}
    answer = read_list(terminal, "/jobs", filters, page=page or 1, size=size)
    columns = (
        Column("Job", lambda j: plain(j.get("id"))),
        Column("What", lambda j: plain(j.get("label") or j.get("type"))),
        Column("State", lambda j: state(JOB_STATES, j.get("state"))),
        Column("Progress", progress, right=True, spare=2),
        Column("By", lambda j: plain(j.get("actor")), spare=3),
        Column("Begun", lambda j: age(j.get("created_at"), now), spare=1),
    )
    terminal.show_list(
        answer,
        columns,
        label=lambda j: plain(j.get("id")),
        one="job",
        empty="No job fits." if any(filters.values()) else "There is no job yet.",
    )


@jobs.add("show", "paddock jobs show 0197a1b2-5c3d-7e4f-8a9b-0c1d2e3f4a5b")
def show(terminal: Terminal, job: JobId) -> None:
    """Show one job with its log."""
    found = terminal.client.get(f"/jobs/{job}")
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    now = datetime.now(UTC)
    error = found.get("error") if isinstance(found.get("error"), dict) else None
    terminal.out.facts(
        [
            ("Job", plain(found.get("label") or found.get("type"))),
            ("State", state(JOB_STATES, found.get("state"))),
            ("Progress", progress(found)),
            ("By", plain(found.get("actor"))),
            ("Begun", age(found.get("created_at"), now)),
            ("Ended", age(found.get("ended_at"), now)),
            *([("Error", plain(error.get("message"))), ("Next", plain(error.get("hint")))] if error else []),
            ("Id", plain(found.get("id"))),
        ]
    )
    lines = [line for line in found.get("lines") or () if isinstance(line, dict)]
    if lines and not terminal.options.quiet:
        terminal.out.line("")
        terminal.out.table(
            (
                Column("When", lambda line: age(line.get("at"), now), spare=1),
                Column("Level", lambda line: state(LEVELS, line.get("level"))),
                Column("Subject", lambda line: plain(line.get("subject"))),
                Column("Text", lambda line: plain(line.get("text"))),
            ),
            lines,
        )


@jobs.add("follow", "paddock jobs follow 0197a1b2-5c3d-7e4f-8a9b-0c1d2e3f4a5b")
def follow_job(terminal: Terminal, job: JobId) -> None:
    """Follow a job until it ends: exit code 0 when it is done, 1 when it failed or was cancelled.

    Ctrl-C ends the following, not the job.
    """
    finish(terminal, follow(terminal, job))


@jobs.add("cancel", "paddock jobs cancel 0197a1b2-5c3d-7e4f-8a9b-0c1d2e3f4a5b")
def cancel(terminal: Terminal, job: JobId) -> None:
    """Ask a job to stop. It ends at its next safe point."""
    answer = terminal.client.post(f"/jobs/{job}/cancel")
    if terminal.options.as_json:
        terminal.out.data(answer)
    terminal.out.note(f"The job was asked to stop. See how it ends: paddock jobs follow {job}")
