"""What a read said is kept until something may have changed it."""

from __future__ import annotations

from paddock.base.events import Bus, Event
from paddock.base.memory import Memory


class Changed(Event):
    pass


class Unrelated(Event):
    pass


class Reader:
    def __init__(self, bus: Bus) -> None:
        self.bus, self.times, self.tells = bus, 0, False

    async def __call__(self) -> int:
        self.times += 1
        if self.tells:
            self.bus.deliver([Changed()])
        return self.times


async def test_it_is_read_once_until_a_change_is_told() -> None:
    bus = Bus()
    memory, read = Memory(bus), Reader(bus)
    assert [await memory.recall("a", (Changed,), read) for _ in range(3)] == [1, 1, 1]
    bus.deliver([Unrelated()])
    bus.touch(["nodes"])
    assert await memory.recall("a", (Changed,), read) == 1
    bus.deliver([Changed()])
    assert await memory.recall("a", (Changed,), read) == 2


async def test_another_key_is_another_answer() -> None:
    memory, read = Memory(bus := Bus()), Reader(Bus())
    assert await memory.recall(("sites", None), (Changed,), read) == 1
    assert await memory.recall(("sites", frozenset({"s1"})), (Changed,), read) == 2
    assert bus.delivered((Changed,)) == 0


async def test_what_is_told_while_it_is_read_makes_the_next_one_read_again() -> None:
    bus = Bus()
    memory, read = Memory(bus), Reader(bus)
    read.tells = True
    assert await memory.recall("a", (Changed,), read) == 1
    assert await memory.recall("a", (Changed,), read) == 2


async def test_nothing_is_kept_for_ever_nor_without_end() -> None:
    now = [0.0]
    memory, read = Memory(Bus(), lambda: now[0]), Reader(Bus())
    assert await memory.recall("a", (Changed,), read) == 1
    now[0] = Memory.OLDEST
    assert await memory.recall("a", (Changed,), read) == 2
    for number in range(3 * Memory.MOST):
        await memory.recall(number, (Changed,), read)
    assert len(memory._kept) <= Memory.MOST
