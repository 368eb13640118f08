from __future__ import annotations

from paddock.watch.pacing import Share


class Now:
    value = 100.0

    def __call__(self) -> float:
        return self.value


def rounds(share: Share, now: Now, askers: list[str], wanted: int, seconds: int) -> dict[str, int]:
    got = dict.fromkeys(askers, 0)
    for _ in range(seconds):
        for one in askers:
            got[one] += share.take(one, wanted)
        now.value += 1.0
    return got


def test_one_asker_gets_the_whole_rate() -> None:
    now = Now()
    assert rounds(Share(10, now=now), now, ["a"], 100, 5) == {"a": 50}


def test_many_askers_get_equal_parts_even_where_a_part_is_less_than_one() -> None:
    now = Now()
    askers = [f"c{n}" for n in range(8)]
    share = Share(4, now=now)
    rounds(share, now, askers, 100, 4)
    got = rounds(share, now, askers, 100, 20)
    assert set(got.values()) <= {9, 10, 11}, "half a one a second each"
    assert sum(got.values()) <= 4 * 20 + len(askers)


def test_who_stops_asking_leaves_its_part_to_the_others() -> None:
    now = Now()
    share = Share(10, now=now)
    rounds(share, now, ["a", "b"], 100, 3)
    now.value += 5
    assert rounds(share, now, ["a"], 100, 3)["a"] >= 30


def test_what_was_not_taken_is_not_saved_up() -> None:
    now = Now()
    share = Share(10, now=now)
    rounds(share, now, ["a"], 0, 60)
    assert share.take("a", 1000) <= 10
