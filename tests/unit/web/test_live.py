"""Live streams: bounded in what they hold, and in how many there are."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from starlette.types import Message

from paddock.base.clock import ManualClock
from paddock.base.events import Bus
from paddock.web import live as module
from paddock.web import problems
from paddock.web.live import MOST, MOST_BEHIND, MOST_PER_PERSON, Live, LiveResponse


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    made = Live(Bus(), ManualClock(datetime(2026, 11, 23, tzinfo=UTC)), pace=0)
    made.start()
    yield made
    await made.stop()


async def test_a_stream_that_lags_a_little_misses_nothing(live: Live) -> None:
    stream = live.stream()
    await anext(stream)
    for number in range(MOST_BEHIND):
        live._append(str(number).encode())
    told = [await anext(stream) for _ in range(MOST_BEHIND)]
    assert told == [str(number).encode() for number in range(MOST_BEHIND)]


async def test_a_stream_that_does_not_keep_up_ends_and_holds_nothing(live: Live) -> None:
    stream = live.stream()
    await anext(stream)
    for _ in range(10 * MOST_BEHIND):
        live._append(b"x")
    assert len(live._recent) == MOST_BEHIND
    assert await anext(stream, None) is None


async def test_a_stream_ends_after_its_longest_time(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.0)
    stream = live.stream()
    await anext(stream)
    live._append(b"x")
    assert await anext(stream, None) is None


async def test_a_client_that_never_reads_is_dropped_and_gives_its_place_back(live: Live) -> None:
    places: list[int] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            places.append(live._streams["anna"])
            await asyncio.Event().wait()

    await LiveResponse(live, "anna", stalled=0.0)({"type": "http"}, receive, send)
    for version in ("2.3", "2.4"):
        scope = {"type": "http", "asgi": {"spec_version": version}}
        await LiveResponse(live, "anna", stalled=0.01)(scope, receive, send)
    assert set(places) == {1}
    assert not live._streams


async def test_one_person_has_so_many_streams_and_no_more(live: Live) -> None:
    held = [live.place("anna") for _ in range(MOST_PER_PERSON)]
    for place in held:
        place.__enter__()
    with pytest.raises(problems.Busy), live.place("anna"):
        pass
    with live.place("bert"):
        pass
    held[0].__exit__(None, None, None)
    with live.place("anna"):
        pass


async def test_all_together_have_so_many_streams_and_no_more(live: Live) -> None:
    held = [live.place(str(number)) for number in range(MOST)]
    for place in held:
        place.__enter__()
    with pytest.raises(problems.Busy) as refused, live.place("anna"):
        pass
    assert problems.status_of(refused.value) == 503
    assert problems.headers_of(refused.value) == {"Retry-After": "60"}
