"""Deadlines that move, odd values, and which of several fired."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

import pytest

from .cancelling import sleeper
from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

MS = 1_000_000


def now() -> float:
    return asyncio.get_running_loop().time()


# --- moved --------------------------------------------------------------------------------------------------------------


def test_timeout_at(record: Any) -> None:
    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(now() + 2):
                await sleeper()

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.attributes["deadline_ns"] == scope.end_ns == scope.start_ns + 2_000 * MS
    assert scope.outcome == "timed_out"


def test_taken_away(record: Any) -> None:
    async def guarded() -> None:
        async with asyncio.timeout(1) as scope:
            scope.reschedule(None)
            await sleeper(5)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    moved = scope.first("deadline.extended")
    assert moved.get("deadline.at_ns") is None
    assert scope.outcome == "completed"
    assert scope.of("deadline.expired") == []
    # The deadline that was armed once is over: nothing is due any more.
    assert "deadline_ns" not in scope.attributes


def test_brought_forward_into_the_past(record: Any) -> None:
    async def guarded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60) as scope:
                await asyncio.sleep(2)
                scope.reschedule(now() - 1)
                await sleeper()

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.attributes["deadline_ns"] == scope.start_ns + 1_000 * MS
    assert scope.end_ns == scope.start_ns + 2_000 * MS
    assert scope.outcome == "timed_out"


def test_moved_after_it_fired_fails_as_without_us_and_moves_nothing(record: Any) -> None:
    async def guarded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1) as scope:
                try:
                    await sleeper()
                finally:
                    with pytest.raises(RuntimeError, match="expiring"):
                        scope.reschedule(now() + 10)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.of("deadline.extended") == []
    assert scope.attributes["deadline_ns"] == scope.start_ns + 1_000 * MS


def test_moved_by_another_task(record: Any) -> None:
    async def guarded() -> None:
        async with asyncio.timeout(1) as scope:

            async def beats() -> None:
                await asyncio.sleep(0.5)
                scope.reschedule(now() + 2)

            beat = asyncio.create_task(beats())
            await sleeper(2)
            await beat

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.first("deadline.extended")["deadline.at_ns"] == scope.start_ns + 2_500 * MS
    assert scope.outcome == "completed"


# --- odd values ---------------------------------------------------------------------------------------------------------


async def in_scope(value: float) -> None:
    async with asyncio.timeout(value):
        await sleeper(5)


async def in_wait_for(value: float) -> None:
    await asyncio.wait_for(sleeper(5), value)


@pytest.mark.parametrize("value", [1, True, 1.0])
def test_numbers(record: Any, value: Any) -> None:
    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sleeper(), value)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.first("deadline.set")["deadline.configured"] == repr(value)
    assert scope.attributes["timeout_ns"] == 1_000 * MS
    assert scope.outcome == "timed_out"


@pytest.mark.parametrize("arm", [in_wait_for, in_scope])
def test_infinite_is_no_deadline(record: Any, arm: Callable[[float], Any]) -> None:
    async def guarded() -> None:
        await arm(math.inf)

    with record() as trace:
        run_virtual(guarded)
    (scope,) = [unit for unit in trace.units if unit.kind == "scope"]
    assert scope.outcome == "completed"
    assert "deadline_ns" not in scope.attributes
    assert scope.first("deadline.set")["deadline.configured"] == "inf"
    assert trace.faults == []


@pytest.mark.parametrize("arm", [in_wait_for, in_scope])
def test_not_a_number_is_due_at_once(record: Any, arm: Callable[[float], Any]) -> None:
    """It is compared with the clock, and no comparison is true: the timer runs in the next turn."""

    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            await arm(math.nan)

    with record() as trace:
        run_virtual(guarded)
    (scope,) = [unit for unit in trace.units if unit.kind == "scope"]
    assert scope.first("deadline.set")["deadline.configured"] == "nan"
    assert scope.attributes["deadline_state"] == "expired"
    assert scope.outcome == "timed_out"
    assert trace.faults == []


def test_none_is_no_scope_of_wait_for(record: Any) -> None:
    async def guarded() -> None:
        assert await asyncio.wait_for(sleeper(5), None) == "slept"

    with record() as trace:
        run_virtual(guarded)
    assert [unit.name for unit in trace.units if unit.kind != "program"] == ["task guarded"]
