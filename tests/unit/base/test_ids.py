"""Identifiers: UUIDs of version 7, ordered by time."""

import time
import uuid

from paddock.base.ids import new_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(1000):
        found = uuid.UUID(new_id())
        assert found.version == 7
        assert found.variant == uuid.RFC_4122


def test_ids_are_ordered_by_the_millisecond_of_their_creation() -> None:
    earlier = new_id()
    time.sleep(0.002)
    assert earlier < new_id()
    assert abs((uuid.UUID(new_id()).int >> 80) - time.time_ns() // 1_000_000) < 1000


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000
