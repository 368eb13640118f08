"""Loops that survive their own mistakes."""

import asyncio

import pytest

from paddock.base.loops import every, stop


async def test_a_failed_round_is_logged_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    rounds, enough = [], asyncio.Event()

    async def work() -> None:
        rounds.append(1)
        if len(rounds) == 3:
            enough.set()
        raise ZeroDivisionError("round failed")

    task = asyncio.create_task(every(0.001, work, name="a loop"))
    async with asyncio.timeout(5):
        await enough.wait()
    await stop([task])
    assert task.cancelled()
    assert "a loop failed" in caplog.text


async def test_a_slow_round_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds never run at once, and missed ones are not crowded together."""
    running, most, rounds, enough = 0, 0, 0, asyncio.Event()

    async def work() -> None:
        nonlocal running, most, rounds
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        rounds += 1
        if rounds == 4:
            enough.set()

    task = asyncio.create_task(every(0.001, work, name="a slow loop"))
    async with asyncio.timeout(5):
        await enough.wait()
    await stop([task])
    assert most == 1


async def test_stopping_waits_for_the_end() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(1)

    task = asyncio.create_task(every(1, work, name="a loop"))
    await asyncio.sleep(0.01)
    await stop([task])
    assert ended == [1]


async def test_stopping_nothing_is_fine() -> None:
    await stop([])
