"""anyio's cancel scopes as units: entered, moved, left, and their deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from .running import run_virtual

if TYPE_CHECKING:
    from spanproof.instrument.testing import RecordedUnit, Trace


def line(function: Any, offset: int) -> int:
    """The line `offset` lines below the `async def`."""
    return int(function.__code__.co_firstlineno) + offset


def events(unit: RecordedUnit, prefix: str = "") -> list[str]:
    """Names of a unit's events."""
    return [event.name for event in unit.events if event.name.startswith(prefix)]


def scopes(trace: Trace) -> list[RecordedUnit]:
    """All scopes, in the order in which they were entered."""
    return [unit for unit in trace.units if unit.kind == "scope"]


def answers(unit: RecordedUnit) -> list[Any]:
    """Which requests each delivery to the unit answers."""
    return [event["delivery.requests"] for event in unit.of("cancel.delivered")]


def test_a_scope_that_moves_on_after_its_deadline(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(2) as scope:
            await anyio.sleep(5)
        assert scope.cancelled_caught

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    assert (unit.kind, unit.outcome, unit.parent) == ("scope", "timed_out", "task main")
    assert events(unit) == [
        "started",
        "deadline.set",
        "deadline.expired",
        "cancel.requested",
        "cancel.delivered",
        "cancel.consumed",
        "deadline.disarmed",
    ]
    armed = unit.first("deadline.set")
    assert armed["deadline.mechanism"] == "anyio"
    assert armed["deadline.configured"] == "2.0"
    assert armed["deadline.timeout_ns"] == 2_000_000_000
    assert armed["deadline.at_ns"] == unit.start_ns + 2_000_000_000
    assert armed["code.line.number"] == line(main, 1)
    request, delivery = unit.first("cancel.requested"), unit.first("cancel.delivered")
    assert request["request.mechanism"] == "timer"
    assert request.get("request.by_span_id") is None
    assert request["request.addressee_span_id"] == unit.span_id
    assert delivery["delivery.requests"] == [request["request.id"]]
    # The line that waited is the program's, not the one in anyio below it.
    assert (delivery["code.function.name"], delivery["code.line.number"]) == (main.__code__.co_qualname, line(main, 2))
    assert unit.first("cancel.consumed")["consumed.by"] == "anyio"
    assert unit.first("deadline.disarmed")["deadline.state"] == "expired"
    assert events(trace.one("task main"), "cancel") == []
    assert trace.one("task main").outcome == "completed"
    assert trace.seams["anyio"] == "held"
    assert trace.faults == []


def test_a_scope_that_is_left_in_time_and_one_without_a_deadline(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(2):
            await anyio.sleep(1)
        with anyio.CancelScope():
            await anyio.sleep(1)

    with record() as trace:
        run_virtual(main)
    bounded, unbounded = scopes(trace)
    assert [bounded.outcome, unbounded.outcome] == ["completed", "completed"]
    assert bounded.first("deadline.disarmed")["deadline.state"] == "exited"
    assert unbounded.first("deadline.set")["deadline.configured"] == "inf"
    assert unbounded.first("deadline.set").get("deadline.at_ns") is None
    assert [events(unit, "cancel") for unit in (bounded, unbounded)] == [[], []]
    assert trace.faults == []


@pytest.mark.parametrize("how", ["fail_after", "fail_at"])
def test_a_scope_that_fails_at_its_deadline(record: Any, how: str) -> None:
    if not hasattr(anyio, how):
        pytest.skip(f"this anyio has no {how}. Next: pip install --upgrade anyio")

    async def main() -> None:
        made = anyio.fail_after(2) if how == "fail_after" else getattr(anyio, how)(anyio.current_time() + 2)
        with pytest.raises(TimeoutError), made:
            await anyio.sleep(5)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    assert unit.outcome == "timed_out"
    assert unit.first("deadline.set")["deadline.timeout_ns"] == 2_000_000_000
    assert unit.first("deadline.set")["code.line.number"] == line(main, 2)
    assert trace.one("task main").outcome == "completed"
    assert trace.faults == []


def test_a_scope_that_is_entered_by_a_stack_belongs_to_who_owns_the_stack(record: Any) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(anyio.move_on_after(2))
            await stack.enter_async_context(anyio.create_task_group())

    with record() as trace:
        run_virtual(main)
    assert [(unit.name, unit.first("deadline.set")["code.line.number"]) for unit in scopes(trace)] == [
        ("timeout main", line(main, 2)),
        ("timeout main", line(main, 3)),
    ]


def test_a_deadline_that_is_moved(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(2) as scope:
            await anyio.sleep(1)
            scope.deadline += 3
            await anyio.sleep(3)
            scope.deadline = math.inf
            await anyio.sleep(10)
            scope.deadline = anyio.current_time() - 1
            await anyio.sleep(10)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    later, never, past = unit.of("deadline.extended")
    assert later["deadline.timeout_ns"] == 4_000_000_000
    assert later["code.line.number"] == line(main, 3)
    assert never.get("deadline.at_ns") is None
    assert past["deadline.timeout_ns"] == -1_000_000_000
    assert unit.outcome == "timed_out"
    assert past.seq < unit.first("deadline.expired").seq < unit.first("cancel.requested").seq
    assert unit.first("deadline.expired").time_ns == past.time_ns
    assert trace.faults == []


def test_a_deadline_that_has_passed_when_its_scope_is_entered(record: Any) -> None:
    async def main() -> None:
        for timeout in (0, -math.inf):
            with anyio.move_on_after(timeout):
                await anyio.sleep(1)

    with record() as trace:
        run_virtual(main)
    for unit in scopes(trace):
        assert unit.outcome == "timed_out"
        assert unit.first("deadline.set").get("deadline.at_ns") == unit.start_ns
        assert unit.first("deadline.set").seq < unit.first("deadline.expired").seq < unit.first("cancel.requested").seq
    assert trace.faults == []


def test_a_scope_that_is_left_out_of_order_stays_open(record: Any) -> None:
    async def main() -> None:
        outer, inner = anyio.CancelScope(), anyio.CancelScope()
        outer.__enter__()
        inner.__enter__()
        with pytest.raises(RuntimeError, match="current"):
            outer.__exit__(None, None, None)
        assert inner.__exit__(None, None, None) is False
        assert outer.__exit__(None, None, None) is False

    with record() as trace:
        run_virtual(main)
    outer, inner = scopes(trace)
    assert [len(unit.of("deadline.disarmed")) for unit in (outer, inner)] == [1, 1]
    assert outer.end_ns is not None
    assert outer.first("deadline.disarmed").seq > inner.first("deadline.disarmed").seq
    assert trace.faults == []


def test_a_scope_that_is_entered_twice_is_refused_and_stays_one_unit(record: Any) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope, pytest.raises(RuntimeError, match="single"):  # noqa: ASYNC100 - nothing waits in it
            scope.__enter__()

    with record() as trace:
        run_virtual(main)
    assert len(scopes(trace)) == 1
    assert trace.faults == []


def test_anyio_s_own_scopes_are_no_units(record: Any) -> None:
    async def main() -> None:
        await anyio.lowlevel.cancel_shielded_checkpoint()
        assert await anyio.to_thread.run_sync(lambda: 5) == 5
        send, receive = anyio.create_memory_object_stream[int](1)
        async with send, receive:
            await send.send(1)
            assert await receive.receive() == 1

    with record() as trace:
        asyncio.run(main())
    assert scopes(trace) == []
    assert [unit.name for unit in trace.units if unit.kind == "task"] == ["task main"]
    assert trace.faults == []


def test_the_scope_is_as_it_was_after_the_session(record: Any) -> None:
    from anyio._backends import _asyncio as backend

    watched: list[tuple[type, str]] = [(backend.CancelScope, name) for name in ("__enter__", "__exit__", "cancel", "deadline", "shield")]
    watched += [(backend.TaskGroup, name) for name in ("__aenter__", "__aexit__", "_spawn")]
    before = [vars(owner)[name] for owner, name in watched]
    with record():
        assert all(vars(owner)[name] is not was for (owner, name), was in zip(watched, before, strict=True))
    assert all(vars(owner)[name] is was for (owner, name), was in zip(watched, before, strict=True))


def test_a_scope_that_is_open_when_the_session_ends_works_on(record: Any) -> None:
    async def main() -> Any:
        with contextlib.ExitStack() as session:
            trace = session.enter_context(record())
            with anyio.move_on_after(2) as scope:
                await anyio.sleep(1)
                session.close()
                await anyio.sleep(5)
        assert scope.cancelled_caught
        return trace

    assert [unit.outcome for unit in scopes(run_virtual(main))] == ["unfinished"]


def test_a_session_that_begins_inside_a_cancelled_scope(record: Any) -> None:
    """What was entered before has no unit; that it is cancelled is told on its task."""

    async def main() -> Any:
        with anyio.CancelScope() as scope, record() as trace:
            asyncio.get_running_loop().call_later(1, scope.cancel)
            with pytest.raises(asyncio.CancelledError):
                await anyio.sleep(5)
        return trace

    trace = run_virtual(main)
    assert trace.one("task main").first("cancel.requested")["request.mechanism"] == "anyio"
    assert trace.faults == []
