"""What was armed, moved, fired and disarmed; and that Python versions, whose wait_for differ, are recorded alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .running import run_virtual

MS = 1_000_000


async def sleeper(seconds: float = 10) -> str:
    await asyncio.sleep(seconds)
    return "slept"


def names(unit: Any) -> list[str]:
    return [event.name for event in unit.events]


def test_timeout_that_fires(record: Any) -> None:
    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await sleeper()

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.parent == "task guarded"
    assert scope.outcome == "timed_out"
    assert scope.attributes["timeout_ns"] == 500 * MS
    assert scope.attributes["deadline_ns"] == scope.start_ns + 500 * MS
    assert scope.attributes["deadline_state"] == "expired"
    assert names(scope) == [
        "started",
        "deadline.set",
        "deadline.expired",
        "cancel.requested",
        "cancel.delivered",
        "cancel.consumed",
        "deadline.disarmed",
    ]
    assert scope.first("cancel.delivered")["code.function.name"] == "sleeper"
    # Nobody asked the task itself.
    assert [name for name in names(trace.one("task guarded")) if name.startswith("cancel")] == []
    assert trace.one("task guarded").outcome == "completed"


@pytest.mark.parametrize("timeout", [0.5, 0, -1])
def test_wait_for_is_recorded_alike_on_all_versions(record: Any, timeout: float) -> None:
    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sleeper(), timeout)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.outcome == "timed_out"
    assert scope.first("deadline.set")["deadline.configured"] == repr(timeout)
    assert scope.first("deadline.set")["deadline.mechanism"] == "wait_for"
    assert scope.attributes["timeout_ns"] == round(timeout * 1000) * MS
    assert scope.attributes["deadline_state"] == "expired"
    requests = scope.of("cancel.requested")
    assert [request["request.mechanism"] for request in requests] == ["timer"]
    if timeout > 0:
        assert scope.first("cancel.delivered")["delivery.requests"] == [requests[0]["request.id"]]
    # The inner task of wait_for is no unit.
    assert [unit.name for unit in trace.units if unit.kind == "task"] == ["task guarded"]
    assert trace.faults == []


def test_wait_for_in_time(record: Any) -> None:
    async def guarded() -> None:
        assert await asyncio.wait_for(sleeper(0.2), 0.5) == "slept"

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.outcome == "completed"
    assert names(scope) == ["started", "deadline.set", "deadline.disarmed"]
    assert scope.attributes["deadline_state"] == "disarmed"


def test_wait_for_a_task_cancels_that_task(record: Any) -> None:
    async def guarded() -> None:
        task = asyncio.create_task(sleeper())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(task, 0.5)
        assert task.cancelled()

    with record() as trace:
        run_virtual(guarded)
    assert trace.one("timeout guarded").outcome == "timed_out"
    request = trace.one("task sleeper").first("cancel.requested")
    assert request["request.mechanism"] == "timer"
    assert trace.one("task sleeper").outcome == "cancelled"


def test_a_request_from_outside_passes_through_wait_for(record: Any) -> None:
    async def guarded() -> None:
        await asyncio.wait_for(sleeper(), 5)

    async def main() -> None:
        task = asyncio.create_task(guarded())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    task, scope = trace.one("task guarded"), trace.one("timeout guarded")
    request = task.first("cancel.requested")["request.id"]
    assert [event["request.id"] for event in scope.of("cancel.requested")] == [request]
    # First it enters the scope, and when that ends the task.
    assert scope.first("cancel.delivered")["delivery.requests"] == [request]
    assert task.first("cancel.delivered")["delivery.requests"] == [request]
    assert scope.first("cancel.delivered").seq < task.first("cancel.delivered").seq
    assert (scope.outcome, task.outcome) == ("cancelled", "cancelled")
    assert scope.attributes["deadline_state"] == "disarmed"


def test_reschedule_extends(record: Any) -> None:
    async def extended() -> None:
        async with asyncio.timeout(1) as scope:
            await asyncio.sleep(0.9)
            scope.reschedule(asyncio.get_running_loop().time() + 2)
            await asyncio.sleep(10)

    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            await extended()

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout extended")
    moved = scope.first("deadline.extended")
    assert moved["deadline.timeout_ns"] == 2_000 * MS
    assert scope.attributes["deadline_ns"] == moved["deadline.at_ns"] == scope.start_ns + 2_900 * MS
    assert scope.end_ns == scope.start_ns + 2_900 * MS


def test_of_nested_scopes_the_one_that_fired_is_told(record: Any) -> None:
    async def inner() -> None:
        async with asyncio.timeout(5):
            await sleeper()

    async def outer() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await inner()

    with record() as trace:
        run_virtual(outer)
    assert trace.one("timeout outer").outcome == "timed_out"
    assert trace.one("timeout inner").outcome == "cancelled"
    assert trace.one("timeout inner").parent == "timeout outer"
    # The outer scope's request stands on the inner one too, which it reached first.
    request = trace.one("timeout outer").first("cancel.requested")["request.id"]
    assert trace.one("timeout inner").first("cancel.requested")["request.id"] == request


def test_a_scope_that_is_left_normally_although_it_fired(record: Any) -> None:
    async def guarded() -> None:
        async with asyncio.timeout(1):
            try:
                await sleeper()
            except asyncio.CancelledError:
                return

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.outcome == "completed"
    assert scope.of("cancel.swallowed")
    assert scope.of("cancel.consumed") == []


def test_no_deadline(record: Any) -> None:
    async def guarded() -> None:
        async with asyncio.timeout(None):
            await asyncio.sleep(0.1)
        await asyncio.wait_for(asyncio.sleep(0.1), None)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert "deadline_ns" not in scope.attributes
    assert scope.attributes["deadline_state"] == "disarmed"


def test_wait_for_imported_before_the_session_is_seen(record: Any) -> None:
    from asyncio import wait_for

    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            await wait_for(sleeper(), 0.1)

    with record() as trace:
        run_virtual(guarded)
    assert trace.one("timeout guarded").outcome == "timed_out"


def test_a_timeout_that_is_no_number_fails_as_without_us(record: Any) -> None:
    async def guarded() -> None:
        coro = sleeper()
        with pytest.raises(TypeError):
            await asyncio.wait_for(coro, "soon")  # type: ignore[arg-type]
        coro.close()

    with record() as trace:
        run_virtual(guarded)
    assert trace.faults == []


def test_a_task_group_inside_a_timeout(record: Any) -> None:
    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), asyncio.TaskGroup() as group:
                group.create_task(sleeper())

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.outcome == "timed_out"
    assert scope.of("cancel.swallowed") == []
    assert trace.one("task sleeper").first("cancel.requested")["request.mechanism"] == "taskgroup"
