"""What holds for a whole cluster: its options, the next free id, figures to be pulled."""

from __future__ import annotations

import pytest

from pvesim.routes import all_routes
from tests.pvesim.everything import Asked

ROUTES = all_routes()


@pytest.fixture
def asked() -> Asked:
    return Asked(ROUTES)


def test_options_are_kept_and_property_strings_are_taken_apart(asked: Asked) -> None:
    asked.call("PUT", "/cluster/options", {"migration": "secure,network=10.0.0.0/24", "max_workers": "3"})
    shown = asked.call("GET", "/cluster/options")
    assert shown["migration"] == {"type": "secure", "network": "10.0.0.0/24"}
    assert shown["max_workers"] == 3
    asked.call("PUT", "/cluster/options", {"delete": "migration"})
    assert "migration" not in asked.call("GET", "/cluster/options")
    assert asked.call("GET", "/cluster/options")["max_workers"] == 3


def test_an_option_that_does_not_exist_cannot_be_deleted(asked: Asked) -> None:
    assert "unknown option 'colour'" in asked.attempt("PUT", "/cluster/options", {"delete": "colour"})


def test_registered_tags_are_allowed_besides_those_in_use(asked: Asked) -> None:
    asked.call("PUT", "/cluster/options", {"registered-tags": "prod;web"})
    shown = asked.call("GET", "/cluster/options")
    assert shown["registered-tags"] == ["prod", "web"]
    assert shown["allowed-tags"] == ["prod", "web", "x"]


def test_the_next_id_is_the_lowest_free_one_of_the_range(asked: Asked) -> None:
    assert asked.call("GET", "/cluster/nextid") == "104"
    asked.call("PUT", "/cluster/options", {"next-id": "lower=200,upper=203"})
    assert asked.call("GET", "/cluster/nextid") == "202"
    asked.call("PUT", "/cluster/options", {"next-id": "lower=200,upper=202"})
    refused = asked.attempt("GET", "/cluster/nextid")
    assert refused.startswith("500 unable to get any free VMID in range [200, 202]")


def ids(asked: Asked, **params: str) -> set[str]:
    answer = asked.call("GET", "/cluster/metrics/export", {k.replace("_", "-"): v for k, v in params.items()})
    return {row["id"] for row in answer["data"]}


def test_metrics_are_collected_from_every_node_that_answers(asked: Asked) -> None:
    everything = ids(asked)
    assert {"node/pve1", "node/pve2", "lxc/100", "qemu/200", "storage/pve1/local"} <= everything
    assert "node/pve3" not in everything  # it is off
    assert {id for id in ids(asked, local_only="1") if id.startswith("node/")} == {"node/pve1"}
    assert {id for id in ids(asked, node_list="pve2") if id.startswith("node/")} == {"node/pve2"}


def test_counters_are_derived_and_the_rest_is_gauged(asked: Asked) -> None:
    rows = asked.call("GET", "/cluster/metrics/export")["data"]
    kinds = {row["metric"]: row["type"] for row in rows if row["id"] == "lxc/100"}
    assert kinds["net_in"] == "derive"
    assert kinds["mem_used"] == "gauge"


def test_history_goes_back_half_an_hour_or_to_the_time_that_is_given(asked: Asked) -> None:
    asked.pass_time(7200)

    def times(**params: str) -> list[int]:
        found = asked.call("GET", "/cluster/metrics/export", {"local-only": "1", **params})["data"]
        return sorted({row["timestamp"] for row in found})

    assert len(times()) == 1
    whole = times(history="1")
    assert whole[-1] - whole[0] == 1790
    assert times(history="1", **{"start-time": str(whole[-3])}) == whole[-2:]
    late = {"start-time": str(whole[-1] + 3600)}
    assert "start-time is in the future" in asked.attempt("GET", "/cluster/metrics/export", late)


def test_a_storage_has_a_past(asked: Asked) -> None:
    rows = asked.call("GET", "/nodes/pve1/storage/local/rrddata", {"timeframe": "hour"})
    assert len(rows) == 60
    assert rows[-1]["total"] > rows[-1]["used"] > 0
