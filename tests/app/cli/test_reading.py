"""Lists and properties: tables, plain text, JSON, names."""

import pytest

from tests.app.cli.fake import NODES, Answer, FakePaddock, Run, Seen


def test_a_list_in_a_pipe_is_aligned_plain_text(signed_in: Run) -> None:
    done = signed_in("nodes", "list")
    assert done.code == 0
    head, *rows = done.out.splitlines()
    assert head.split()[:4] == ["NAME", "STATUS", "CLUSTER", "SITE"]
    assert "\x1b" not in done.out
    assert "✓" not in done.out
    assert rows[0].split()[:3] == ["pve1", "Online", "production"]
    assert "3.2 of 16 cores" in rows[0]
    assert "12.3 of 64.0 GiB" in rows[0]
    assert "4/6" in rows[0]
    assert rows[0].index("Online") == rows[1].index("Unreachable") == head.index("STATUS")
    assert " 16 cores" in rows[2]


def test_a_list_on_a_terminal_has_state_as_icon_word_and_colour(
    signed_in: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "220")
    done = signed_in("nodes", "list")
    assert "\x1b[32m✓ Online" in done.out
    assert "↯ Unreachable" in done.out
    assert "✗ Offline" in done.out
    assert "3 nodes" in done.out


def test_no_color_leaves_icon_and_word(signed_in: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    done = signed_in("nodes", "list")
    assert "✓ Online" in done.out
    assert "\x1b[3" not in done.out


def test_a_narrow_terminal_leaves_out_columns_and_says_so(
    signed_in: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    done = signed_in("nodes", "list")
    assert "Unreachable" in done.out
    assert "production" in done.out
    assert "Storage" not in done.out.partition("Left out")[0]
    assert "Left out for want of width" in done.out
    assert max(len(line) for line in done.out.splitlines() if "pve" in line) <= 60


def test_json_is_the_api_s_own(signed_in: Run, paddock: FakePaddock) -> None:
    done = signed_in("nodes", "list", "--json")
    assert done.json == paddock.routes["GET", "/nodes"].body  # type: ignore[union-attr]
    assert done.err == ""


def test_quiet_prints_names_that_other_commands_accept(signed_in: Run) -> None:
    names = signed_in("nodes", "list", "--quiet").out.split()
    assert names == ["production/pve1", "production/pve2", "lab/pve1"]
    assert signed_in("nodes", "show", names[2], "--json").json["id"] == "n3"


def test_filters_go_to_the_server_as_ids(signed_in: Run, paddock: FakePaddock) -> None:
    signed_in(
        "nodes", "list", "--site", "vienna", "--status", "offline", "--sort", "-memory", "--search", "pve"
    )
    query = paddock.asked("GET", "/nodes")[-1].query
    assert query == {"site": "s1", "status": "offline", "sort": "-memory", "q": "pve", "size": "2000"}


def test_all_pages_are_read_unless_one_is_asked_for(signed_in: Run, paddock: FakePaddock) -> None:
    def pages(seen: Seen) -> Answer:
        number = int(seen.query.get("page", "1"))
        following = "/api/v1/nodes?page=2" if number == 1 else None
        return Answer(
            body={"items": [NODES[number - 1]], "total": 2, "page": number, "size": 1, "next": following}
        )

    paddock.routes["GET", "/nodes"] = pages
    assert [n["id"] for n in signed_in("nodes", "list", "--json").json["items"]] == ["n1", "n2"]
    one = signed_in("nodes", "list", "--json", "--page", "2", "--size", "1").json
    assert [n["id"] for n in one["items"]] == ["n2"]
    assert paddock.seen[-1].query["size"] == "1"


def test_a_site_is_found_in_any_case_and_shown(signed_in: Run) -> None:
    done = signed_in("sites", "show", "VIENNA")
    assert done.code == 0
    assert "9.9.9.9, 1.1.1.1" in done.out
    assert "10.0.0.0/24" in done.out


def test_an_ambiguous_name_lists_what_it_may_mean(signed_in: Run) -> None:
    done = signed_in("nodes", "show", "pve1")
    assert done.code == 2
    assert "pve1 is the name of 2 nodes" in done.err
    assert "- lab/pve1" in done.err
    assert "- production/pve1" in done.err
    assert signed_in("nodes", "show", "pve1", "--json").problem["candidates"] == [
        "lab/pve1",
        "production/pve1",
    ]


def test_a_missing_thing_ends_with_4_and_the_likely_name(signed_in: Run) -> None:
    done = signed_in("nodes", "show", "pve22")
    assert done.code == 4
    assert "There is no node pve22." in done.err
    assert "Did you mean production/pve2?" in done.err


def test_the_node_page_says_why(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.get("/nodes/n2", {**NODES[1], "status_reason": "Connection refused by 192.0.2.12:8006."})
    paddock.get(
        "/nodes/n2/storages",
        [{"name": "local-lvm", "type": "lvmthin", "used": 1024**3, "total": 3 * 1024**3}],
    )
    done = signed_in("nodes", "show", "pve2")
    assert "Unreachable" in done.out
    assert "Connection refused by 192.0.2.12:8006." in done.out
    assert "1.0 of 3.0 GiB" in done.out


def test_a_container_s_name_cannot_command_the_terminal(signed_in: Run, paddock: FakePaddock) -> None:
    evil = "\x1b]0;owned\x07[red]web[/red]\u202e"
    paddock.lists(
        "/containers", [{"id": "c1", "vmid": 101, "name": evil, "status": "running", "tags": ["a", "b"]}]
    )
    done = signed_in("containers", "list")
    assert "\x1b" not in done.out
    assert "\x07" not in done.out
    assert "[red]web[/red]" in done.out
    assert "a, b" in done.out
    assert "\x1b" not in signed_in("containers", "list", "--json").out


def test_answers_with_holes_are_shown_as_holes(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.lists("/nodes", [{"id": "n9"}])
    paddock.lists("/clusters", [{}])
    paddock.lists("/containers", [{"cores": "many", "uptime": [], "tags": None}])
    paddock.lists("/jobs", [{"state": 7}])
    for noun in ("nodes", "clusters", "containers", "jobs"):
        done = signed_in(noun, "list")
        assert done.code == 0, noun
        assert "–" in done.out


def test_an_empty_list_offers_the_first_step(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.lists("/nodes", [])
    done = signed_in("nodes", "list")
    assert (done.code, done.out) == (0, "")
    assert "paddock nodes import --site SITE --url URL" in done.err
    assert "No node fits." in signed_in("nodes", "list", "--status", "offline").err


def test_clusters_say_what_keeps_paddock_from_reading(signed_in: Run, paddock: FakePaddock) -> None:
    cluster = {
        "id": "k1",
        "name": "production",
        "kind": "cluster",
        "quorate": False,
        "trouble": "login_refused",
    }
    cluster |= {
        "trouble_text": "The password was refused.",
        "credential_kind": "password",
        "trust_mode": "cluster_ca",
    }
    paddock.lists("/clusters", [cluster])
    paddock.get("/clusters/k1", cluster)
    assert "No quorum" in signed_in("clusters", "list").out
    assert "The password was refused." in signed_in("clusters", "show", "production").out
    assert "the cluster's own CA" in signed_in("clusters", "show", "production").out


def test_events_are_listed_with_age_and_level(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.get("/nodes/n2/events", [{"at": "2026-01-01T00:00:00Z", "level": "bad", "text": "Unreachable."}])
    done = signed_in("nodes", "events", "pve2")
    assert "days ago" in done.out
    assert "failed" in done.out
    assert "Unreachable." in done.out


def test_every_list_command_speaks_json(signed_in: Run, paddock: FakePaddock) -> None:
    for path in ("clusters", "containers", "jobs", "users", "tokens", "audit"):
        paddock.lists(f"/{path}", [])
    for words in ("sites list", "clusters list", "nodes list", "containers list", "jobs list", "access users list",
                  "access tokens list", "access audit"):  # fmt: skip
        assert "items" in signed_in(*words.split(), "--json").json, words


def test_a_container_is_named_by_vmid_name_or_cluster(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.lists(
        "/containers",
        [
            {"id": "c1", "vmid": 101, "name": "web", "cluster": "production"},
            {"id": "c2", "vmid": 101, "name": "db", "cluster": "lab"},
        ],
    )
    for each in ("c1", "c2"):
        paddock.get(f"/containers/{each}", {"id": each})
    assert signed_in("containers", "show", "db", "--json").json["id"] == "c2"
    assert signed_in("containers", "show", "production/101", "--json").json["id"] == "c1"
    assert signed_in("containers", "show", "101").code == 2
