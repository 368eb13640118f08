"""Reviews wait in memory: for their owner, for half an hour, and not without end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from paddock.base.clock import ManualClock
from paddock.base.errors import NotFound
from paddock.base.ids import new_id
from paddock.base.vault import Secret
from paddock.proxmox.address import Endpoint
from paddock.proxmox.credentials import PasswordCredential
from paddock.watch.previews import LIFE, MOST, Preview, Previews

START = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)


def keep(previews: Previews, clock: ManualClock) -> Preview:
    """A review of the person u1."""
    return previews.keep(
        Preview(
            new_id(),
            "u1",
            clock.now() + LIFE,
            cast(Any, None),
            Endpoint("pve1"),
            PasswordCredential("root@pam", Secret("winter fence")),
            "",
            {},
            {},
        )
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def previews(clock: ManualClock) -> Previews:
    return Previews(clock)


def test_a_review_is_for_the_person_who_asked(previews: Previews, clock: ManualClock) -> None:
    kept = keep(previews, clock)
    assert previews.get(kept.id, "u1") is kept
    with pytest.raises(NotFound) as caught:
        previews.get(kept.id, "u2")
    assert caught.value.code == "review_expired"
    assert previews.find(kept.id, "u1") is kept, "another person's attempt takes nothing away"


def test_a_review_that_was_taken_is_gone_with_its_credential(previews: Previews, clock: ManualClock) -> None:
    kept = keep(previews, clock)
    assert previews.take(kept.id, "u1") is kept
    assert previews.find(kept.id, "u1") is None


def test_a_review_ends(previews: Previews, clock: ManualClock) -> None:
    kept = keep(previews, clock)
    clock.advance(LIFE.total_seconds() - 1)
    assert previews.find(kept.id, "u1") is kept
    clock.advance(1)
    assert previews.find(kept.id, "u1") is None


def test_the_oldest_make_room(previews: Previews, clock: ManualClock) -> None:
    kept = [keep(previews, clock) for _ in range(MOST + 5)]
    assert all(previews.find(one.id, "u1") is None for one in kept[:5])
    assert all(previews.find(one.id, "u1") is one for one in kept[5:]), "looking takes nothing away"


def test_a_review_does_not_show_the_credential(previews: Previews, clock: ManualClock) -> None:
    assert "winter" not in repr(keep(previews, clock))
