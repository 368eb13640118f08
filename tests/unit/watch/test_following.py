"""When a cluster is asked about the certificates of its members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from paddock.watch.following import EVERY, SOON, Follower

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OLD, NEW = (cast(Any, SimpleNamespace(sha256=text)) for text in ("AA", "BB"))


class Counting(Follower):
    """Counts the questions instead of asking them."""

    def __init__(self) -> None:
        self.moment = NOON
        self.asked = 0
        ctx = SimpleNamespace(now=lambda: self.moment)
        super().__init__(
            cast(Any, ctx), cast(Any, SimpleNamespace(id="c", trust_mode="cluster_ca")), cast(Any, None)
        )

    async def _ask(self) -> None:
        self.asked += 1
        self._asked_at = self.moment

    def after(self, wait: timedelta) -> Counting:
        self.moment += wait
        return self


SECOND = timedelta(seconds=1)


async def test_in_its_turn_a_cluster_is_asked_every_few_minutes() -> None:
    follower = Counting()
    await follower.follow()
    await follower.after(EVERY - SECOND).follow()
    assert follower.asked == 1
    await follower.after(SECOND).follow()
    assert follower.asked == 2


async def test_a_certificate_that_is_new_is_asked_about_however_lately_the_cluster_was() -> None:
    follower = Counting()
    await follower.follow()
    await follower.after(SECOND).follow_refused("pve1", OLD)
    await follower.after(SECOND).follow_refused("pve1", NEW)
    await follower.after(SECOND).follow_refused("pve2", NEW)
    assert follower.asked == 4


async def test_the_same_certificate_is_asked_about_again_only_after_a_while() -> None:
    follower = Counting()
    await follower.follow_refused("pve1", NEW)
    await follower.after(SOON - SECOND).follow_refused("pve1", NEW)
    assert follower.asked == 1
    await follower.after(SECOND).follow_refused("pve1", NEW)
    assert follower.asked == 2


async def test_members_refused_at_the_same_moment_share_one_question() -> None:
    follower = Counting()
    for name in ("pve1", "pve2", "pve3"):
        await follower.follow_refused(name, NEW)
    assert follower.asked == 1
