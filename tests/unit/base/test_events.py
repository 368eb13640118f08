"""Events: told after the commit, each listener alone in its failure."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import pytest

from paddock.base.events import Bus, Event


@dataclass(frozen=True, slots=True)
class Happened(Event):
    views: ClassVar[frozenset[str]] = frozenset({"nodes", "overview"})
    what: str = ""


async def test_a_listener_that_fails_is_logged_and_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, heard = Bus(), []

    async def broken(_event: Happened) -> None:
        raise ZeroDivisionError("inside a listener")

    async def sound(event: Happened) -> None:
        heard.append(event.what)

    bus.subscribe(Happened, broken)
    bus.subscribe(Happened, sound)
    bus.deliver([Happened("a"), Happened("b")])
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard == ["a", "b"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 2


async def test_views_of_one_delivery_are_told_once_each() -> None:
    bus = Bus()
    queue = bus.watch()
    bus.deliver([Happened(str(n)) for n in range(50)])
    assert sorted(queue.get_nowait() for _ in range(queue.qsize())) == ["nodes", "overview"]
    assert (bus.revision("nodes"), bus.revision("jobs")) == (1, 0)


async def test_nobody_hears_after_giving_the_queue_back() -> None:
    bus = Bus()
    queue = bus.watch()
    bus.unwatch(queue)
    bus.unwatch(queue)
    bus.deliver([Happened()])
    assert queue.empty()


async def test_a_listener_hears_its_own_kind_only() -> None:
    @dataclass(frozen=True, slots=True)
    class Other(Event):
        pass

    bus, heard = Bus(), []

    async def listen(event: Event) -> None:
        heard.append(type(event))

    bus.subscribe(Happened, listen)
    bus.deliver([Other(), Happened()])
    await asyncio.sleep(0)
    assert heard == [Happened]
