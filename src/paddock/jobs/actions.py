"""Short verbs of jobs."""

from __future__ import annotations

from paddock.access import audit, guard
from paddock.base.context import Context
from paddock.base.errors import NotFound, WrongState
from paddock.jobs import queries
from paddock.jobs.events import JobMoved
from paddock.jobs.model import ENDED, Job, JobState


async def cancel_job(ctx: Context, job_id: str) -> Job:
    """Asks a job to stop before its next step. Raises NotFound, or WrongState where it has ended."""
    await guard.require(ctx, "jobs.cancel", target=audit.Target("job", job_id))
    await queries.get_job(ctx, job_id)
    async with ctx.write() as tx:
        job = await tx.session.get(Job, job_id, with_for_update=True)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        if job.state in ENDED:
            raise WrongState(f"The job has ended already: {JobState(job.state).value}.")
        job.cancel_wanted = True
        audit.record(tx, ctx, "jobs.cancel", audit.Target("job", job.id, job.label))
        tx.publish(JobMoved(job_id))
    return job
