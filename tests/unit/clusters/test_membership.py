"""Comparing members, and choosing their addresses."""

from paddock.clusters.membership import (
    Comparison,
    MemberKnown,
    MemberSeen,
    choose_address,
    compare,
    same_network,
)


def compared(
    seen: list[MemberSeen], known: list[MemberKnown]
) -> dict[str, tuple[Comparison, tuple[str, ...]]]:
    return {one.name: (one.comparison, one.changes) for one in compare(seen, known)}


def test_each_member_is_new_known_changed_or_vanished() -> None:
    found = compared(
        [
            MemberSeen("pve1", "10.0.0.1", 8006, fingerprint="AA"),
            MemberSeen("pve2", "10.0.0.2", 8006, fingerprint="CC"),
            MemberSeen("pve3", "10.0.0.3", 8006),
        ],
        [
            MemberKnown("pve1", "10.0.0.1", 8006, "AA"),
            MemberKnown("pve2", "10.0.0.22", 8006, "BB"),
            MemberKnown("pve0", "10.0.0.9", 8006),
        ],
    )
    assert found == {
        "pve1": (Comparison.KNOWN, ()),
        "pve2": (Comparison.CHANGED, ("Address 10.0.0.22 → 10.0.0.2", "Certificate renewed")),
        "pve3": (Comparison.NEW, ()),
        "pve0": (Comparison.VANISHED, ()),
    }


def test_names_are_case_sensitive() -> None:
    found = compared([MemberSeen("pve1", "10.0.0.1", 8006)], [MemberKnown("PVE1", "10.0.0.1", 8006)])
    assert found["pve1"][0] is Comparison.NEW
    assert found["PVE1"][0] is Comparison.VANISHED


def test_a_member_that_is_not_registered_counts_as_new_and_never_as_vanished() -> None:
    assert compared(
        [MemberSeen("pve1", "10.0.0.1", 8006)],
        [
            MemberKnown("pve1", "10.0.0.1", 8006, registered=False),
            MemberKnown("pve2", "x", 1, registered=False),
        ],
    ) == {"pve1": (Comparison.NEW, ())}


def test_a_member_that_comes_back_is_changed() -> None:
    found = compared([MemberSeen("a", "10.0.0.1", 8006)], [MemberKnown("a", "10.0.0.1", 8006, vanished=True)])
    assert found["a"] == (Comparison.CHANGED, ("It is a member again",))


FIRST = ["10.20.0.11/24", "192.168.99.11/24", "fd00::11/64"]
SECOND = ["192.168.99.12/24", "10.20.0.12/24"]


def test_the_network_of_the_typed_address_is_preferred() -> None:
    assert choose_address("192.168.99.12", SECOND, "10.20.0.11", FIRST) == "10.20.0.12"
    assert choose_address("10.20.0.12", SECOND, "10.20.0.11", FIRST) == "10.20.0.12"


def test_the_reported_address_stays_where_the_typed_one_says_nothing() -> None:
    assert choose_address("192.168.99.12", SECOND, "pve1.example.net", FIRST) == "192.168.99.12"
    assert choose_address("192.168.99.12", SECOND, "203.0.113.5", FIRST) == "192.168.99.12"
    assert choose_address("192.168.99.12", ["192.168.99.12/24"], "10.20.0.11", FIRST) == "192.168.99.12"


def test_other_interfaces_need_to_be_asked_only_where_networks_differ() -> None:
    assert same_network(["10.20.0.11", "10.20.0.12"], "10.20.0.11", FIRST)
    assert not same_network(["192.168.99.11", "192.168.99.12"], "10.20.0.11", FIRST)
