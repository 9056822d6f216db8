"""What anyio's cancel scopes ask of whom, and what becomes of it: repeated, shielded, nested, swallowed, beside asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import anyio

from .running import run_virtual
from .test_anyio_scopes import answers, events, line, scopes


def test_who_cancels_a_scope_and_why(record: Any) -> None:
    async def canceller(scope: anyio.CancelScope) -> None:
        await asyncio.sleep(1)
        scope.cancel("enough")

    async def main() -> None:
        scope = anyio.CancelScope()
        task = asyncio.create_task(canceller(scope))
        with scope:
            await anyio.sleep(5)
        await task

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    (request,) = unit.of("cancel.requested")
    assert request["request.mechanism"] == "anyio"
    assert request["request.by_span_id"] == trace.one("task canceller").span_id
    assert request["request.message"] == "enough"
    assert (request["code.file.path"], request["code.line.number"]) == ("test_anyio_cancelling.py", line(canceller, 2))
    assert unit.outcome == "cancelled"
    assert unit.first("deadline.disarmed")["deadline.state"] == "cancelled"
    assert trace.one("task canceller").outcome == "completed"


def test_a_scope_that_is_cancelled_by_a_callback_of_the_loop_has_nobody_to_name(record: Any) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().call_later(1, scope.cancel)
            await anyio.sleep(5)

    with record() as trace:
        run_virtual(main)
    (request,) = trace.one("timeout main").of("cancel.requested")
    assert request["request.mechanism"] == "anyio"
    assert request.get("request.by_span_id") is None
    assert request.get("code.line.number") is None


def test_a_scope_that_is_cancelled_and_left_without_waiting(record: Any) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:  # noqa: ASYNC100 - that nothing waits in it is the point
            scope.cancel()
        await anyio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    assert events(unit, "cancel") == ["cancel.requested"]
    assert unit.outcome == "completed"
    assert events(trace.one("task main"), "cancel") == []


def test_a_scope_that_was_cancelled_before_it_was_entered(record: Any) -> None:
    async def main() -> None:
        scope = anyio.CancelScope()
        scope.cancel()
        with scope:
            await anyio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    assert unit.first("cancel.requested")["code.line.number"] == line(main, 2)
    assert unit.first("cancel.requested")["request.by_span_id"] == trace.one("task main").span_id
    assert events(unit, "cancel") == ["cancel.requested", "cancel.delivered", "cancel.consumed"]
    assert unit.outcome == "cancelled"


def test_repeated_deliveries_answer_the_one_request(record: Any) -> None:
    """At every wait it is thrown anew until the scope is left: that is neither swallowed nor borrowed."""

    async def stubborn() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(5)
        await asyncio.sleep(5)

    async def main() -> None:
        with anyio.move_on_after(1):
            await stubborn()

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    (request,) = unit.of("cancel.requested")
    assert answers(unit) == [[request["request.id"]]] * 4
    assert [event["delivery.borrowed"] for event in unit.of("cancel.delivered")] == [False] * 4
    assert unit.of("cancel.swallowed") == []
    assert len(unit.of("cancel.consumed")) == 1
    assert unit.outcome == "timed_out"
    assert trace.one("task main").of("cancel.delivered") == []


def test_a_cancellation_that_is_swallowed_inside_its_scope(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(1):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(5)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    assert unit.first("cancel.swallowed")["swallowed.how"] == "returned"
    assert unit.of("cancel.consumed") == []
    assert unit.outcome == "completed"


def test_a_shield_keeps_the_outer_scope_s_cancellation_off(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(1):
            with anyio.CancelScope(shield=True):
                await anyio.sleep(3)
            await anyio.sleep(3)

    with record() as trace:
        run_virtual(main)
    outer, inner = scopes(trace)
    assert inner.attributes["shielded"] is True
    assert "shielded" not in outer.attributes
    assert (events(inner, "cancel"), inner.outcome) == ([], "completed")
    assert events(outer, "cancel") == ["cancel.requested", "cancel.delivered", "cancel.consumed"]
    assert outer.first("cancel.requested").time_ns == outer.start_ns + 1_000_000_000
    assert outer.first("cancel.delivered").time_ns == outer.start_ns + 3_000_000_000
    assert outer.outcome == "timed_out"


def test_a_shielded_scope_s_own_deadline_is_told_from_the_outer_one_s(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(1):
            with anyio.move_on_after(1, shield=True) as inner:
                await anyio.sleep(3)
            assert inner.cancelled_caught
            await anyio.sleep(3)

    with record() as trace:
        run_virtual(main)
    outer, inner = scopes(trace)
    for unit in (outer, inner):
        (request,) = unit.of("cancel.requested")
        assert answers(unit) == [[request["request.id"]]]
        assert unit.of("cancel.swallowed") == []
        assert unit.outcome == "timed_out"


def test_cleanup_under_a_shield_while_unwinding(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(1):
            try:
                await anyio.sleep(3)
            finally:
                with anyio.CancelScope() as cleanup:
                    cleanup.shield = True
                    await anyio.sleep(0.5)

    with record() as trace:
        run_virtual(main)
    outer, inner = scopes(trace)
    assert inner.attributes["shielded"] is True
    assert (events(inner, "cancel"), inner.outcome) == ([], "completed")
    assert len(outer.of("cancel.delivered")) == 1
    assert outer.outcome == "timed_out"


def test_where_two_scopes_are_cancelled_each_delivery_answers_its_own(record: Any) -> None:
    """Nothing is asked for the outer scope as long as the task is in the cancelled inner one; the exception goes on outward."""

    async def main() -> None:
        outer, inner = anyio.CancelScope(), anyio.CancelScope()
        with outer, inner:
            inner.cancel()
            outer.cancel()
            await anyio.sleep(1)
        assert outer.cancelled_caught
        assert not inner.cancelled_caught

    with record() as trace:
        run_virtual(main)
    outer, inner = scopes(trace)
    of_outer = outer.first("cancel.requested")["request.id"]
    of_inner = next(event["request.id"] for event in inner.of("cancel.requested") if event["request.addressee_span_id"] == inner.span_id)
    assert answers(inner) == [[of_inner]]
    assert answers(outer) == [[of_outer]]
    assert outer.first("cancel.delivered")["delivery.borrowed"] is False
    assert (outer.outcome, inner.outcome) == ("cancelled", "cancelled")
    assert [unit.of("cancel.swallowed") for unit in (outer, inner)] == [[], []]


def test_the_outer_scope_s_cancellation_passes_through_an_inner_one(record: Any) -> None:
    async def main() -> None:
        with anyio.move_on_after(1):
            with anyio.move_on_after(5):
                await anyio.sleep(10)

    with record() as trace:
        run_virtual(main)
    outer, inner = scopes(trace)
    request = outer.first("cancel.requested")["request.id"]
    assert answers(inner) == answers(outer) == [[request]]
    assert (outer.outcome, inner.outcome) == ("timed_out", "cancelled")
    assert inner.first("deadline.disarmed")["deadline.state"] == "exited"


def test_a_task_that_is_cancelled_inside_a_scope_ends_by_that(record: Any) -> None:
    """`Task.cancel()` and the scope at once: asyncio folds them into one exception, anyio lets it pass."""

    async def inner() -> None:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().call_later(1, scope.cancel)
            await anyio.sleep(5)

    async def main() -> None:
        task = asyncio.create_task(inner())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(1, task.cancel)
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    with record() as trace:
        run_virtual(main)
    task, scope = trace.one("task inner"), trace.one("timeout inner")
    (native,) = task.of("cancel.requested")
    assert answers(task) == [[native["request.id"]]]
    assert native["request.id"] in scope.first("cancel.delivered")["delivery.requests"]
    assert (task.outcome, scope.outcome) == ("cancelled", "cancelled")
    assert task.of("cancel.swallowed") == scope.of("cancel.swallowed") == []


def test_an_awaited_asyncio_task_is_asked_once(record: Any) -> None:
    """A cancel that is repeated goes down the chain of awaits each time; the task at its end has one request, via the scope's."""

    async def slow() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(5)
        await asyncio.sleep(5)

    async def main() -> None:
        with anyio.move_on_after(1):
            await asyncio.create_task(slow())

    with record() as trace:
        run_virtual(main)
    root = trace.one("timeout main").first("cancel.requested")
    (passed_on,) = trace.one("task slow").of("cancel.requested")
    assert passed_on["request.via"] == root["request.id"]
    assert passed_on["request.mechanism"] == "timer"
    assert passed_on.get("request.message") is None
    assert answers(trace.one("task slow")) == [[passed_on["request.id"]]] * 4
    assert trace.one("task slow").outcome == "cancelled"
    assert trace.one("timeout main").outcome == "timed_out"


def test_an_error_out_of_a_cancelled_scope_is_no_consumption(record: Any) -> None:
    async def main() -> None:
        with contextlib.suppress(ValueError), anyio.move_on_after(1):
            try:
                await asyncio.sleep(5)
            finally:
                raise ValueError("broken")

    with record() as trace:
        run_virtual(main)
    unit = trace.one("timeout main")
    assert unit.first("cancel.swallowed")["swallowed.how"] == "raised"
    assert (unit.outcome, unit.attributes["error.type"]) == ("failed", "ValueError")
