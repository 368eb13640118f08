"""What a job's work sees while it runs. Knows nothing of the engine that keeps it durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from paddock.base.context import Context
from paddock.base.vault import Secret

JSON = Any


class Run(Protocol):
    """One execution of a job. `step` is the only durable thing: what lies between steps runs again after a crash."""

    @property
    def ctx(self) -> Context: ...

    @property
    def job_id(self) -> str: ...

    @property
    def arguments(self) -> Mapping[str, JSON]: ...

    def secret(self) -> Secret:
        """The secret that came with the job. Raises WrongState once the job has ended."""

    async def step(self, name: str, work: Callable[[], Awaitable[JSON]]) -> JSON:
        """Runs `work` unless an earlier life of this job has finished the step; then returns its stored result.

        `work` must be safe to repeat: a crash in its middle repeats it. Its result must be JSON-ready.
        """

    async def line(self, level: str, text: str, *, subject: str = "") -> None:
        """Adds a line to the log that people read. Level: ok · info · warn · bad."""

    async def lines(self, lines: Sequence[tuple[str, str, str]], *, done: int = 0) -> None:
        """Adds many lines (level, text, subject) at once; `done` of as many were worked on."""

    async def progress(self, done: int, total: int) -> None: ...


Work = Callable[[Run], Awaitable[dict[str, JSON]]]


@dataclass(frozen=True, slots=True)
class JobType:
    """A registered kind of work. `name` is noun.verb.vN."""

    name: str
    work: Work
