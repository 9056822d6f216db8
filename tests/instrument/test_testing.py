"""The helpers for people who test: ids that count, a clock turned by hand, a trace that compares."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import vocabulary as v
from spanproof.instrument.testing import ClockStandsStill, HandClock, recorded

if TYPE_CHECKING:
    from collections.abc import Callable


async def program(clock: HandClock) -> list[float]:
    """A task that is cut by its timeout, seen before and after."""
    seen: list[float] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(2):
                await asyncio.sleep(10)
        except TimeoutError:
            seen.append(clock.now)

    task = asyncio.create_task(work())
    await clock.advance(1.5)
    assert not task.done()
    await clock.advance(5)
    assert task.done()
    return seen


def test_a_clock_turned_by_hand_lets_each_timer_run_at_its_own_moment() -> None:
    clock = HandClock()
    assert clock.run(program) == [2.0]
    assert clock.now == 6.5


def test_timers_that_timers_set_are_served_on_the_way() -> None:
    times: list[float] = []

    async def ticking(clock: HandClock) -> None:
        async def tick() -> None:
            for _ in range(4):
                await asyncio.sleep(0.25)
                times.append(clock.now)

        ticker = asyncio.create_task(tick())
        await clock.advance(1)
        await ticker

    HandClock().run(ticking)
    assert times == [0.25, 0.5, 0.75, 1.0]


def test_waiting_for_a_clock_that_nobody_turns_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanproof.instrument.hand_clock._PATIENCE_S", 0.01)

    async def waits(_clock: HandClock) -> None:
        await asyncio.sleep(3)

    with pytest.raises(ClockStandsStill, match=r"stands at 0\.0 s and the next timer is due at 3\.0 s"):
        HandClock().run(waits)


def test_what_cannot_be_is_refused() -> None:
    async def back(clock: HandClock) -> None:
        with pytest.raises(ValueError, match=r"advance\(-1\)"):
            await clock.advance(-1)
        with pytest.raises(RuntimeError, match="another clock"):
            await HandClock().advance(1)

    HandClock().run(back)


def test_a_thread_still_reaches_a_loop_whose_clock_stands() -> None:
    async def threads(_clock: HandClock) -> str:
        return await asyncio.to_thread(lambda: "from a thread")

    assert HandClock().run(threads) == "from a thread"


def test_two_recordings_of_one_program_are_equal(record: Callable[..., Any]) -> None:
    def once() -> list[dict[str, Any]]:
        with record() as trace:
            HandClock().run(program)
        values: list[dict[str, Any]] = trace.values()
        return values

    first, second = once(), once()
    assert first == second
    assert json.loads(json.dumps(first)) == first


def test_values_hold_no_time_of_a_real_clock() -> None:
    async def real() -> None:
        async with asyncio.timeout(10):
            await asyncio.sleep(0)

    def once() -> list[dict[str, Any]]:
        with recorded() as trace:
            asyncio.run(real())
        return trace.values()

    first, second = once(), once()
    assert first == second
    (scope,) = [unit for unit in first if unit["kind"] == "scope"]
    assert scope["start_ns"] is None


def test_what_a_failing_assertion_prints_is_short() -> None:
    with recorded() as trace:
        HandClock().run(program)
    assert repr(trace) == "<Trace of 4 units: program test, task program, task work, timeout work>"
    assert repr(trace.one("timeout work")).startswith("<timeout work timed_out, ")


def test_ids_count_and_paths_are_names() -> None:
    with recorded() as trace:
        HandClock().run(program)
    assert [int(unit.span_id, 16) for unit in trace.units] == sorted(int(unit.span_id, 16) for unit in trace.units)
    assert int(trace.units[0].span_id, 16) < 10
    (scope,) = [unit for unit in trace.values() if unit["kind"] == "scope"]
    assert scope["end_ns"] - scope["start_ns"] == 2_000_000_000
    assert scope["attributes"][v.CODE_FILE] == "test_testing.py"
    assert [event["time_ns"] for event in scope["events"] if event["name"] == v.DEADLINE_EXPIRED] == [2_000_000_000]
