"""Who asked: every way in which a cancellation begins, and what it becomes."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from .running import run_virtual


async def sleeper(seconds: float = 10) -> None:
    await asyncio.sleep(seconds)


def test_a_user_s_cancel_names_its_line_its_unit_and_its_message(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())
        await asyncio.sleep(1)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task

    with record() as trace:
        run_virtual(main)
    request = trace.one("task sleeper").first("cancel.requested")
    assert request["request.mechanism"] == "task_cancel"
    assert request["request.message"] == "enough"
    assert request["request.by_span_id"] == trace.one("task main").span_id
    assert request["code.file.path"] == "test_requests.py"
    assert request["code.line.number"] == main.__code__.co_firstlineno + 3
    delivery = trace.one("task sleeper").first("cancel.delivered")
    assert delivery["delivery.requests"] == [request["request.id"]]
    assert delivery["code.function.name"] == "sleeper"
    assert trace.one("task sleeper").outcome == "cancelled"
    # Awaiting it borrows its CancelledError: nobody asked main.
    assert trace.one("task main").first("cancel.delivered")["delivery.borrowed"] is True
    assert trace.faults == []


def test_a_request_is_logged_before_what_it_is_passed_on_to(record: Any) -> None:
    async def outer() -> None:
        await asyncio.create_task(sleeper())

    async def main() -> None:
        task = asyncio.create_task(outer())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    first = trace.one("task outer").first("cancel.requested")
    passed_on = trace.one("task sleeper").first("cancel.requested")
    assert passed_on["request.via"] == first["request.id"]
    assert first.seq < passed_on.seq
    assert trace.one("task outer").first("cancel.delivered")["delivery.requests"] == [first["request.id"]]
    assert [unit.outcome for unit in trace.units if unit.kind == "task"] == ["completed", "cancelled", "cancelled"]


def test_a_task_cancelled_before_its_first_step_never_runs(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task sleeper")
    assert not unit.ran
    assert unit.outcome == "cancelled"
    assert unit.first("cancel.requested")["request.before_first_step"] is True
    assert unit.of("cancel.delivered") == []


def test_a_cancel_after_the_end_is_no_request(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper(1))
        await task
        task.cancel()

    with record() as trace:
        run_virtual(main)
    assert trace.one("task sleeper").of("cancel.requested") == []


def test_a_task_group_names_the_member_that_failed(record: Any) -> None:
    async def failing() -> None:
        await asyncio.sleep(1)
        raise ValueError("boom")

    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(failing())
                group.create_task(sleeper())
        except* ValueError:
            pass

    with record() as trace:
        run_virtual(main)
    failed = trace.one("task failing").span_id
    main_unit = trace.one("task main")
    for unit in (main_unit, trace.one("task sleeper")):
        request = unit.first("cancel.requested")
        assert request["request.mechanism"] == "taskgroup"
        assert request["request.member_span_id"] == failed
    assert main_unit.first("cancel.consumed")["consumed.by"] == "taskgroup"
    assert main_unit.of("cancel.swallowed") == []
    assert main_unit.outcome == "completed"
    assert trace.one("task sleeper").attributes["group_owner_span_id"] == main_unit.span_id


def test_the_teardown_of_run_is_told_from_the_user(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())
        await asyncio.sleep(1)
        del task

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task sleeper")
    assert unit.first("cancel.requested")["request.mechanism"] == "runner"
    program = trace.one("program test")
    closing = program.first("loop.closing")
    assert trace.one("task main").attributes["end_seq"] < closing.seq < unit.first("cancel.requested").seq
    assert program.first("loop.closed").seq > unit.attributes["end_seq"]


def test_gather_passes_a_request_on_to_its_members(record: Any) -> None:
    async def outer() -> None:
        await asyncio.gather(sleeper(), sleeper())

    async def main() -> None:
        task = asyncio.create_task(outer())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    first = trace.one("task outer").first("cancel.requested")
    members = trace.named("task sleeper")
    assert len(members) == 2
    assert {member.first("cancel.requested")["request.via"] for member in members} == {first["request.id"]}
    gathered = trace.one("task outer").first("awaits")
    assert gathered["await.how"] == "gather"
    assert gathered["await.targets"] == [member.span_id for member in members]


def test_swallowing_is_told_from_returning_and_raising(record: Any) -> None:
    async def goes_on() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(5)

    async def returns() -> int:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return 1
        return 2

    async def raises() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ValueError("other") from None

    async def main() -> None:
        tasks = [asyncio.create_task(function()) for function in (goes_on, returns, raises)]
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    how = {name: trace.one(f"task {name}").first("cancel.swallowed")["swallowed.how"] for name in ("goes_on", "returns", "raises")}
    assert how == {"goes_on": "went_on", "returns": "returned", "raises": "raised"}
    assert trace.one("task returns").outcome == "completed"
    assert trace.one("task raises").outcome == "failed"


def test_cleanup_that_awaits_and_reraises_is_no_swallow(record: Any) -> None:
    async def careful() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.5)

    async def main() -> None:
        task = asyncio.create_task(careful())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task careful")
    assert unit.of("cancel.swallowed") == []
    assert unit.outcome == "cancelled"
    assert unit.end_ns is not None
    assert unit.end_ns - unit.first("cancel.delivered").time_ns == 500_000_000


def test_two_requests_are_two_deliveries(record: Any) -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(10)

    async def main() -> None:
        task = asyncio.create_task(stubborn())
        for _ in range(2):
            await asyncio.sleep(1)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task stubborn")
    requests = [event["request.id"] for event in unit.of("cancel.requested")]
    assert [event["delivery.requests"] for event in unit.of("cancel.delivered")] == [[requests[0]], [requests[1]]]


def test_uncancel_after_delivery_consumes(record: Any) -> None:
    async def forgiving() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()

    async def main() -> None:
        task = asyncio.create_task(forgiving())
        await asyncio.sleep(1)
        task.cancel()
        await task

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task forgiving")
    assert unit.first("cancel.consumed")["consumed.by"] == "uncancel"
    assert unit.of("cancel.swallowed") == []


def test_uncancel_before_delivery_withdraws_from_3_13_on(record: Any) -> None:
    async def lucky() -> None:
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        task.uncancel()
        await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.gather(asyncio.create_task(lucky()), return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task lucky")
    seen = [event.name for event in unit.events if event.name.startswith("cancel.")]
    if sys.version_info >= (3, 13):
        assert seen == ["cancel.requested", "cancel.withdrawn"]
        assert unit.outcome == "completed"
    else:
        assert seen == ["cancel.requested", "cancel.delivered"]
        assert unit.outcome == "cancelled"


def test_a_cancel_from_a_timer_has_no_caller(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())
        asyncio.get_running_loop().call_later(1, task.cancel)
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    request = trace.one("task sleeper").first("cancel.requested")
    assert request["request.mechanism"] == "timer"
    assert request.get("request.by_span_id") is None
    assert request.get("code.file.path") is None
