"""What may be asked of lists and configurations, beyond what was recorded."""

from __future__ import annotations

import pytest

from pvesim.errors import ApiError
from pvesim.routes import all_routes
from tests.pvesim.everything import CONTAINER, Asked

ROUTES = all_routes()


@pytest.fixture(scope="module")
def asked() -> Asked:
    found = Asked(ROUTES)
    tasks = found.cluster.nodes["pve1"].tasks
    tasks.done("vzstart", "100", "root@pam!full")
    tasks.done("vzstart", "101", "Anna@pve", failure="no such thing")
    tasks.done("vzstop", "101", "root@pam").status = "WARNINGS: 2"
    tasks.done("vzdump", "", "root@pam").status = "unexpected status"
    return found


def kinds(asked: Asked, **given: str) -> list[str]:
    return sorted(f"{row['type']} {row['id']}" for row in asked.call("GET", "/nodes/pve1/tasks", given).data)


def test_tasks_are_found_by_how_they_ended_in_either_case(asked: Asked) -> None:
    known = {"since": str(int(asked.estate.clock.now()) - 60)}
    assert kinds(asked, statusfilter="OK", **known) == ["vzstart 100"]
    assert kinds(asked, statusfilter="warning,Error", **known) == ["vzstart 101", "vzstop 101"]
    assert kinds(asked, statusfilter="unknown", **known) == ["vzdump "]


def test_asking_for_errors_leaves_out_what_went_well_and_heeds_no_status(asked: Asked) -> None:
    known = {"since": str(int(asked.estate.clock.now()) - 60), "errors": "1"}
    assert kinds(asked, **known) == ["vzdump ", "vzstart 101", "vzstop 101"]
    assert kinds(asked, statusfilter="ok", **known) == kinds(asked, **known)


def test_tasks_are_found_by_part_of_the_user_and_not_by_his_token(asked: Asked) -> None:
    known = {"since": str(int(asked.estate.clock.now()) - 60)}
    assert kinds(asked, userfilter="anna", **known) == ["vzstart 101"]
    assert kinds(asked, userfilter="full", **known) == []


def test_a_log_is_downloaded_whole_or_read_in_part(asked: Asked) -> None:
    upid = asked.cluster.nodes["pve1"].tasks.all()[0].upid
    with pytest.raises(ApiError, match="cannot be used together with 'start' or 'limit'"):
        asked.call("GET", f"/nodes/pve1/tasks/{upid}/log", {"download": "1", "limit": "5"})


def test_the_configuration_is_read_as_it_was_at_a_snapshot() -> None:
    asked = Asked(ROUTES)
    at = f"/nodes/pve1/lxc/{CONTAINER}"
    asked.call("POST", f"{at}/snapshot", {"snapname": "before"})
    asked.pass_time(60)
    asked.call("PUT", f"{at}/config", {"hostname": "later"})
    assert asked.call("GET", f"{at}/config")["hostname"] == "later"
    then = asked.call("GET", f"{at}/config", {"snapshot": "before"})
    assert then["hostname"] == "a"
    assert then["digest"] == asked.call("GET", f"{at}/config")["digest"]
    with pytest.raises(ApiError, match="snapshot 'never' does not exist"):
        asked.call("GET", f"{at}/config", {"snapshot": "never"})
    with pytest.raises(ApiError) as caught:
        asked.call("GET", f"{at}/config", {"snapshot": "before", "current": "1"})
    assert caught.value.errors is not None
    assert caught.value.errors.keys() == {"snapshot", "current"}
