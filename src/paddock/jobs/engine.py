"""The only door to durable execution (DBOS). Everybody else sees rows and `run.Run`.

The Job row is committed first; a dispatcher then starts a workflow whose id is the job's id, again at
every start of the process, so that twice is once. After a crash DBOS resumes the workflow: finished
steps give their stored results, the one that was cut off runs again.

An orderly stop is to a job as a crash: it is cut off, and nothing of it is written as failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSConfiguredInstance, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import select

from paddock.base.context import SYSTEM, Context, Services
from paddock.base.errors import Bug, PaddockError, WrongState
from paddock.base.loops import every, stop
from paddock.base.vault import Secret
from paddock.jobs import record
from paddock.jobs.events import JobQueued
from paddock.jobs.model import ENDED, Job, JobState
from paddock.jobs.run import JobType

log = logging.getLogger(__name__)

APPLICATION_VERSION = "1"
"""A constant: DBOS resumes only workflows of the same version. Job types carry their own (`.v1`)."""


RECONCILE_SECONDS = 60.0
STOP_SECONDS = 5.0
END_PAUSES = (0.2, 1.0, 5.0, 20.0)
"""Seconds between the attempts to write the end of a job: a disk may be full, or a database away."""
OVER = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
"""The states of a DBOS workflow that never runs again."""


class Cancelled(PaddockError):
    default_code = "cancelled"


class JobRun:
    """`run.Run` on top of DBOS."""

    def __init__(self, ctx: Context, job: Job, check: Callable[[], None]) -> None:
        """`check` raises CancelledError where the process stops; then a step does not write how it ended."""
        self.ctx = ctx
        self._check = check
        self.job_id = job.id
        self.arguments: Mapping[str, Any] = job.arguments
        self._sealed = job.sealed

    def secret(self) -> Secret:
        if not self._sealed:
            raise WrongState("The secret of this job is gone: it has ended.")
        return self.ctx.vault.open(self._sealed, context=record.job_context(self.job_id))

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        async with self.ctx.read() as db:
            if await db.scalar(select(Job.cancel_wanted).where(Job.id == self.job_id)):
                raise Cancelled("Cancelled before the step that was due.")

        async def mirrored() -> dict[str, Any]:
            await record.step_started(self.ctx, self.job_id, name)
            try:
                done = {"result": await work()}
            except PaddockError as error:
                self._check()
                await record.step_ended(self.ctx, self.job_id, name, "failed")
                return {"failed": {"code": error.code, "message": error.message, "hint": error.hint}}
            except (Exception, asyncio.CancelledError):
                self._check()
                await record.step_ended(self.ctx, self.job_id, name, "failed")
                raise
            await record.step_ended(self.ctx, self.job_id, name, "done")
            return done

        # An expected failure is a stored result too, so that it is the same one after a restart.
        outcome = await DBOS.run_step_async({"name": name}, mirrored)
        if failed := outcome.get("failed"):
            raise PaddockError(failed["message"], code=failed["code"], hint=failed["hint"])
        return outcome["result"]

    async def line(self, level: str, text: str, *, subject: str = "") -> None:
        await record.lines(self.ctx, self.job_id, [(level, text, subject)])

    async def lines(self, lines: Sequence[tuple[str, str, str]], *, done: int = 0) -> None:
        await record.lines(self.ctx, self.job_id, lines, done=done)

    async def progress(self, done: int, total: int) -> None:
        await record.progress(self.ctx, self.job_id, done, total)


@DBOS.dbos_class()
class Engine(DBOSConfiguredInstance):
    """Starts and resumes jobs. One per process (DBOS keeps a global registry)."""

    def __init__(self, services: Services, types: Iterable[JobType]) -> None:
        super().__init__(config_name="paddock")
        self._ctx = Context(services, SYSTEM)
        self._types = {type.name: type for type in types}
        self._dispatched: set[str] = set()
        self._running: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False

    @staticmethod
    def configure(services: Services) -> None:
        """Sets DBOS up; before any Engine is made."""
        config: DBOSConfig = {
            "name": "paddock",
            "system_database_url": _system_url(services),
            "application_version": APPLICATION_VERSION,
            "executor_id": "paddock",
            "log_level": "WARNING",
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
        }
        DBOS(config=config)

    async def start(self) -> None:
        """Launches DBOS inside the running loop, which resumes what was cut off, then starts what waits."""
        self._ctx.services.bus.subscribe(JobQueued, self._on_queued)
        DBOS.launch()
        await self.reconcile()
        self._loops = [
            asyncio.create_task(
                every(RECONCILE_SECONDS, self.reconcile, name="reconciling jobs", delay=RECONCILE_SECONDS)
            )
        ]

    async def halt(self) -> None:
        """Cuts off what runs, without a word in its record: it goes on at the next start.

        Before anything that jobs work with is closed, or they would take that for a failure of their own.
        """
        self._stopping = True
        await stop(self._loops)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)

    async def close(self) -> None:
        """Ends DBOS, and with it the threads of the loop: the last of all."""
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)

    async def reconcile(self) -> None:
        """Makes rows and workflows agree: of every job that has not ended, one that DBOS does not know is
        started, and one that is over for DBOS is ended. The others DBOS runs, or resumes itself."""
        async with self._ctx.read() as db:
            open_jobs = (
                await db.scalars(select(Job.id).where(Job.state.not_in(ENDED)).order_by(Job.created_at))
            ).all()
        for job_id in open_jobs:
            known = await DBOS.get_workflow_status_async(job_id)
            if known is None:
                await self.dispatch(job_id)
            elif known.status in OVER:
                log.error("job %s is over (%s), but its end was never written", job_id, known.status)
                await record.interrupted(self._ctx, job_id)

    async def dispatch(self, job_id: str) -> None:
        if self._stopping or job_id in self._dispatched:
            return
        self._dispatched.add(job_id)
        try:
            with SetWorkflowID(job_id):
                await DBOS.start_workflow_async(self.workflow, job_id)
        except BaseException:
            self._dispatched.discard(job_id)
            raise

    @DBOS.workflow(name="job")
    async def workflow(self, job_id: str) -> str:
        self.check_not_cut_off()
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self._dispatched.add(job_id)
        try:
            return await self._run(job_id)
        except Exception:
            self.check_not_cut_off()
            raise
        finally:
            self._dispatched.discard(job_id)
            self._running.discard(task)

    def check_not_cut_off(self) -> None:
        """Raises CancelledError where the process stops: of all exceptions, DBOS stores this one nowhere."""
        task = asyncio.current_task()
        if self._stopping or (task is not None and task.cancelling()):
            raise asyncio.CancelledError

    async def _run(self, job_id: str) -> str:
        async with self._ctx.read() as db:
            job = await db.get(Job, job_id)
        if job is None or job.state in ENDED:
            return "gone"
        state, result, error = await self._work(job)
        await self._end(job_id, state, result, error)
        return str(state)

    async def _work(self, job: Job) -> tuple[JobState, dict[str, Any] | None, PaddockError | None]:
        known = self._types.get(job.type)
        if known is None:
            unknown = Bug(f"This version of Paddock does not know jobs of type {job.type}.")
            return JobState.FAILED, None, unknown
        await record.started(self._ctx, job.id)
        try:
            return JobState.DONE, await known.work(JobRun(self._ctx, job, self.check_not_cut_off)), None
        except (Exception, asyncio.CancelledError) as error:  # a part of the work may have been cancelled
            self.check_not_cut_off()
            if isinstance(error, Cancelled):
                return JobState.CANCELLED, None, error
            if isinstance(error, PaddockError):
                return JobState.FAILED, None, error
            log.exception("job %s (%s) failed by a fault of Paddock's own", job.id, job.type)
            bug = Bug(f"The job failed by a fault of Paddock's own; quote job {job.id}.")
            return JobState.FAILED, None, bug

    async def _end(
        self, job_id: str, state: JobState, result: dict[str, Any] | None, error: PaddockError | None
    ) -> None:
        """Writes the end, again where the database refuses; what fails to the last is left to `reconcile`."""
        for pause in END_PAUSES:
            try:
                await record.ended(self._ctx, job_id, state, result=result, error=error)
            except Exception:
                log.exception("the end of job %s was not written; again in %.1f s", job_id, pause)
                await asyncio.sleep(pause)
            else:
                return
        await record.ended(self._ctx, job_id, state, result=result, error=error)

    async def _on_queued(self, event: JobQueued) -> None:
        await self.dispatch(event.job_id)


def _system_url(services: Services) -> str:
    if services.db.is_sqlite:
        return f"sqlite:///{services.settings.data_dir / 'workflows.sqlite'}"
    return services.db.url.replace("+psycopg", "", 1)
