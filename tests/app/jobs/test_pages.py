"""The pages of jobs, and the toast when one ends."""

from datetime import timedelta
from typing import Any

from paddock.base.ids import new_id
from paddock.jobs.model import Job, JobLine, JobState, JobStep
from pvesim import Running
from tests.harness import ADMIN, Paddock


async def add(paddock: Paddock, **fields: Any) -> str:
    """A job that nobody works on."""
    now = paddock.ctx.now()
    values = {
        "id": new_id(),
        "type": "watch.import_cluster.v1",
        "label": "Import 3 nodes of prod",
        "state": JobState.RUNNING,
        "arguments": {},
        "actor": ADMIN,
        "created_at": now,
        "started_at": now,
    } | fields
    async with paddock.ctx.write() as tx:
        tx.session.add(Job(**values))
    return str(values["id"])


async def test_an_import_shows_a_result_per_node_and_the_way_to_them(
    paddock: Paddock, estate: Running
) -> None:
    job = await paddock.imported(await paddock.site(), estate["prod"])
    _, text, _ = await paddock.browser.get(f"/jobs/{job['id']}")
    assert "Result per node" in text
    assert "Offline, says pve1; imported and marked" in text
    assert "4 reachable directly, 1 with a remark" in text
    assert "Go to Nodes" in text
    assert "hx-get" not in text.split('id="job"')[1].split(">")[0]
    for node in (await paddock.nodes()).values():
        assert f'href="/nodes/{node["id"]}"' in text
    _, text, _ = await paddock.browser.get("/jobs?state=done")
    assert job["id"] in text
    _, text, _ = await paddock.browser.get("/jobs?state=failed")
    assert "Clear the filter" in text


async def test_a_running_job_is_followed_with_its_steps_and_log(paddock: Paddock) -> None:
    job_id = await add(paddock, done=1, total=3)
    now = paddock.ctx.now()
    async with paddock.ctx.write() as tx:
        tx.session.add(
            JobStep(job_id=job_id, name="Read and record", position=0, state="running", started_at=now)
        )
        tx.session.add(JobLine(job_id=job_id, at=now, level="warn", subject="pve1", text="<i>odd</i>"))
    _, text, _ = await paddock.browser.get(f"/jobs/{job_id}", HX_Request="true")
    assert text.lstrip().startswith('<div class="stack" id="job"')
    assert "paddock:jobs from:body" in text
    assert "Read and record" in text
    assert "&lt;i&gt;odd&lt;/i&gt;" in text
    assert 'id="job-state" role="status" hx-swap-oob="true"' in text
    assert "1 of 3" in text


async def test_a_failed_job_says_what_to_do_next(paddock: Paddock) -> None:
    error = {
        "code": "connection_refused",
        "message": "10.20.0.11:8006 refuses the connection.",
        "hint": "On the node: systemctl status pveproxy",
    }
    job_id = await add(paddock, state=JobState.FAILED, error=error, ended_at=paddock.ctx.now())
    _, text, _ = await paddock.browser.get(f"/jobs/{job_id}")
    assert error["message"] in text
    assert 'data-copy="systemctl status pveproxy"' in text
    assert "Stop the job" not in text


async def test_a_running_job_can_be_stopped_and_an_ended_one_not(paddock: Paddock) -> None:
    job_id = await add(paddock)
    _, text, _ = await paddock.browser.get(f"/jobs/{job_id}")
    assert "Stop the job" in text
    status, _, _ = await paddock.browser.post(f"/jobs/{job_id}/cancel", {})
    assert status == 303
    _, text, _ = await paddock.browser.get(f"/jobs/{job_id}")
    assert "Stopping" in text
    ended = await add(paddock, state=JobState.DONE, ended_at=paddock.ctx.now())
    status, text, _ = await paddock.browser.post(f"/jobs/{ended}/cancel", {})
    assert status == 409
    assert "ended already" in text


async def test_a_toast_tells_of_ones_own_jobs_that_ended_since(paddock: Paddock) -> None:
    now = paddock.ctx.now()
    mine = await add(paddock, label="Mine", state=JobState.DONE, ended_at=now)
    await add(paddock, label="Another's", state=JobState.DONE, ended_at=now, actor="somebody")
    since = (now - timedelta(minutes=1)).timestamp()
    _, text, _ = await paddock.browser.get(f"/jobs/ended?since={since}")
    assert f'href="/jobs/{mine}">Mine' in text
    assert "Another" not in text
    _, text, _ = await paddock.browser.get(f"/jobs/ended?since={(now + timedelta(minutes=1)).timestamp()}")
    assert "Mine" not in text
    _, text, _ = await paddock.browser.get(
        f"/jobs/ended?since={since}", HX_Current_URL=f"{paddock.base}/jobs/{mine}"
    )
    assert "Mine" not in text
    assert (await paddock.browser.get("/jobs/ended?since=soon"))[0] == 200
