"""anyio's task groups: whom they own, how long they wait, why they abort; and what tasks that anyio makes are called."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from spanproof.instrument import attach
from spanproof.instrument.anyio import naming

from .running import run_virtual
from .test_anyio_scopes import answers, events, line, scopes

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

TASK_HANDLES = hasattr(anyio, "TaskHandle")
"""4.14 and later: a task of a group can be cancelled on its own."""


async def sleeper(seconds: float = 10) -> None:
    await anyio.sleep(seconds)


async def failing(seconds: float = 1) -> None:
    await anyio.sleep(seconds)
    raise ValueError("broken")


def test_a_group_owns_its_tasks_and_waits_for_them(record: Any) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(sleeper, 1)
            group.start_soon(sleeper, 2, name="the second")

    with record() as trace:
        run_virtual(main)
    scope = trace.one("timeout main")
    first, second = trace.one("task sleeper"), trace.one("task the second")
    assert (scope.kind, scope.outcome, scope.first("deadline.set")["code.line.number"]) == ("scope", "completed", line(main, 1))
    owner = trace.one("task main").span_id
    for unit in (first, second):
        assert unit.attributes["group_owner_span_id"] == owner
        assert unit.attributes["group_id"] == first.attributes["group_id"]
        assert unit.parent == "timeout main"
        assert unit.attributes["code.function.name"] == "sleeper"
        assert unit.attributes["code.file.path"] == "test_anyio_groups.py"
        assert unit.attributes["code.line.number"] == sleeper.__code__.co_firstlineno
        assert unit.outcome == "completed"
    (wait,) = scope.of("awaits")
    assert wait["await.how"] == "taskgroup"
    assert sorted(wait["await.targets"]) == sorted([first.span_id, second.span_id])
    assert wait["await.end_ns"] == scope.start_ns + 2_000_000_000
    assert events(scope, "cancel") == events(first, "cancel") == []
    assert trace.faults == []


def test_two_groups_are_told_apart_and_a_task_outside_has_none(record: Any) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as outer, anyio.create_task_group() as inner:
            outer.start_soon(sleeper, 1, name="of outer")
            inner.start_soon(sleeper, 1, name="of inner")
            await asyncio.create_task(sleeper(1))

    with record() as trace:
        run_virtual(main)
    numbers = {trace.one(f"task {name}").attributes["group_id"] for name in ("of outer", "of inner")}
    assert len(numbers) == 2
    assert "group_id" not in trace.one("task sleeper").attributes


def test_a_member_that_fails_is_named_where_its_group_aborts(record: Any) -> None:
    async def main() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            async with anyio.create_task_group() as group:
                group.start_soon(failing)
                group.start_soon(sleeper)
                await anyio.sleep(5)

    with record() as trace:
        run_virtual(main)
    scope, member, sibling = trace.one("timeout main"), trace.one("task failing"), trace.one("task sleeper")
    (abort,) = scope.of("cancel.requested")
    assert abort["request.mechanism"] == "taskgroup"
    assert abort["request.member_span_id"] == member.span_id
    (passed_on,) = sibling.of("cancel.requested")
    assert (passed_on["request.mechanism"], passed_on["request.via"]) == ("taskgroup", abort["request.id"])
    assert passed_on["request.addressee_span_id"] == sibling.span_id
    assert member.of("cancel.requested") == []
    assert (scope.outcome, member.outcome, sibling.outcome) == ("failed", "failed", "cancelled")
    # The group raises its member's error, and the request that made its body stop ends with it.
    assert scope.attributes["error.type"] == "ExceptionGroup"
    assert scope.first("cancel.consumed")["consumed.by"] == "anyio"
    assert scope.of("cancel.swallowed") == []
    assert trace.one("task main").outcome == "completed"


def test_a_body_that_fails_aborts_its_group(record: Any) -> None:
    async def main() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            async with anyio.create_task_group() as group:
                group.start_soon(sleeper)
                await anyio.sleep(1)
                raise ValueError("broken")

    with record() as trace:
        run_virtual(main)
    abort = trace.one("timeout main").first("cancel.requested")
    assert abort["request.mechanism"] == "taskgroup"
    assert abort.get("request.member_span_id") is None
    assert trace.one("task sleeper").first("cancel.requested")["request.via"] == abort["request.id"]


def test_a_body_that_fails_after_it_swallowed_something_aborts_for_its_own_reason(record: Any) -> None:
    async def inner() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await anyio.sleep(5)
        async with anyio.create_task_group() as group:
            group.start_soon(sleeper)
            raise ValueError("broken")

    async def main() -> None:
        task = asyncio.create_task(inner())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    abort = trace.one("timeout inner").first("cancel.requested")
    assert abort["request.mechanism"] == "taskgroup"
    assert abort.get("request.via") is None


def test_a_scope_around_a_group_asks_each_member_once(record: Any) -> None:
    async def stubborn() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(5)
        await asyncio.sleep(5)

    async def main() -> None:
        with anyio.move_on_after(1):
            async with anyio.create_task_group() as group:
                group.start_soon(sleeper)
                group.start_soon(stubborn)

    with record() as trace:
        run_virtual(main)
    outer, of_group = scopes(trace)
    root = outer.first("cancel.requested")
    task = trace.one("task stubborn")
    # The group takes the outer cancellation up and cancels its own scope: that asks nothing new of anybody.
    assert [event["request.id"] for event in of_group.of("cancel.requested")] == [root["request.id"]]
    for member in (trace.one("task sleeper"), task):
        (passed_on,) = member.of("cancel.requested")
        assert (passed_on["request.mechanism"], passed_on["request.via"]) == ("timer", root["request.id"])
    assert answers(task) == [[task.first("cancel.requested")["request.id"]]] * 4
    assert task.of("cancel.swallowed") == []
    assert [unit.outcome for unit in (outer, of_group, task)] == ["timed_out", "cancelled", "cancelled"]
    assert of_group.of("deadline.expired") == []
    assert answers(outer) == [[root["request.id"]]]


def test_a_member_that_swallows_the_cancellation(record: Any) -> None:
    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await anyio.sleep(5)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(deaf)
            await anyio.sleep(1)
            group.cancel_scope.cancel()

    with record() as trace:
        run_virtual(main)
    task = trace.one("task deaf")
    assert task.first("cancel.swallowed")["delivery.requests"] == [task.first("cancel.requested")["request.id"]]
    assert task.outcome == "completed"
    assert trace.one("timeout main").of("cancel.swallowed") == []


def test_a_member_under_a_shield_is_asked_when_it_leaves_that(record: Any) -> None:
    async def careful() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3)
        await anyio.sleep(3)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(careful)
            await anyio.sleep(1)
            group.cancel_scope.cancel()

    with record() as trace:
        run_virtual(main)
    task, shield = trace.one("task careful"), trace.one("timeout careful")
    assert (events(shield, "cancel"), shield.outcome) == ([], "completed")
    assert task.first("cancel.requested").time_ns == task.start_ns + 3_000_000_000
    assert (len(task.of("cancel.requested")), task.outcome) == (1, "cancelled")


def test_a_group_that_is_cancelled_from_outside(record: Any) -> None:
    async def inner() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(sleeper)

    async def main() -> None:
        task = asyncio.create_task(inner())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    task, scope = trace.one("task inner"), trace.one("timeout inner")
    (native,) = task.of("cancel.requested")
    assert [event["request.id"] for event in scope.of("cancel.requested")] == [native["request.id"]]
    (passed_on,) = trace.one("task sleeper").of("cancel.requested")
    assert (passed_on["request.mechanism"], passed_on["request.via"]) == ("task_cancel", native["request.id"])
    assert (task.outcome, scope.outcome, trace.one("task sleeper").outcome) == ("cancelled",) * 3
    assert task.of("cancel.swallowed") == scope.of("cancel.swallowed") == []


def test_a_task_that_is_started_and_reports_itself(record: Any) -> None:
    async def server(*, task_status: TaskStatus[int]) -> None:
        await anyio.sleep(1)
        task_status.started(80)
        await anyio.sleep(100)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            assert await group.start(server) == 80
            await anyio.sleep(1)
            group.cancel_scope.cancel()

    with record() as trace:
        run_virtual(main)
    task = trace.one("task server")
    assert task.attributes["group_owner_span_id"] == trace.one("task main").span_id
    assert task.outcome == "cancelled"
    assert len(task.of("cancel.requested")) == 1
    assert len(scopes(trace)) == 1
    assert trace.faults == []


def test_a_start_that_is_given_up_takes_its_task_along(record: Any) -> None:
    async def server(*, task_status: TaskStatus[None]) -> None:
        await anyio.sleep(100)
        task_status.started()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            with anyio.move_on_after(1) as scope:
                await group.start(server)
            assert scope.cancelled_caught

    with record() as trace:
        run_virtual(main)
    bound = scopes(trace)[1]
    task = trace.one("task server")
    (passed_on,) = task.of("cancel.requested")
    assert passed_on["request.via"] == bound.first("cancel.requested")["request.id"]
    assert (bound.outcome, task.outcome) == ("timed_out", "cancelled")
    assert task.of("cancel.swallowed") == []


@pytest.mark.skipif(not TASK_HANDLES, reason="this anyio has no task handles. Next: pip install 'anyio>=4.14'")
def test_a_member_that_is_cancelled_alone(record: Any) -> None:
    """The task ends as if it had returned; the program's coroutine ended by CancelledError."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            handle = group.create_task(sleeper(), name="one")
            group.start_soon(sleeper, 2)
            await anyio.sleep(1)
            handle.cancel()
            await handle.wait()

    with record() as trace:
        run_virtual(main)
    task = trace.one("task one")
    (request,) = task.of("cancel.requested")
    assert request["request.mechanism"] == "anyio"
    assert request["code.line.number"] == line(main, 5)
    assert answers(task) == [[request["request.id"]]]
    assert (task.outcome, task.of("cancel.swallowed")) == ("cancelled", [])
    assert trace.one("task sleeper").outcome == "completed"
    assert events(trace.one("timeout main"), "cancel") == []
    assert trace.faults == []


def test_names_of_functions_that_are_no_plain_coroutine_functions(record: Any) -> None:
    class Worker:
        async def run(self) -> None:
            await anyio.sleep(1)

        async def __call__(self) -> None:
            await anyio.sleep(1)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(Worker().run)
            group.start_soon(Worker())
            group.start_soon(partial(sleeper, seconds=1), name="partial")

    with record() as trace:
        run_virtual(main)
    assert [unit.name for unit in trace.units if unit.kind == "task"] == [
        "task main",
        "task Worker.run",
        "task Worker.__call__",
        "task partial",
    ]
    assert trace.one("task partial").attributes["code.function.name"] == "sleeper"


def test_names_without_number_are_not_kept_without_end(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "ORIGINS_KEPT", 10)
    kept: list[int] = []

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(sleeper, 1, name=f"connection {number}")
                recorder = attach.active()
                assert recorder is not None
                kept.append(len(recorder.loop_state(asyncio.get_running_loop()).origins))

    with record() as trace:
        run_virtual(main)
    assert max(kept) == 10
    assert len([unit for unit in trace.units if unit.name.startswith("task connection")]) == 50


def test_what_threads_start_in_the_loop_is_named_after_its_function(record: Any) -> None:
    def in_thread() -> int:
        anyio.from_thread.run(sleeper, 0.001)
        anyio.from_thread.run_sync(lambda: None)
        return 7

    async def main() -> None:
        assert await anyio.to_thread.run_sync(in_thread) == 7

    with record() as trace:
        anyio.run(main)
    assert [unit.name for unit in trace.units if unit.kind == "task"] == ["task main", "task sleeper"]
    for name, function in (("task main", main), ("task sleeper", sleeper)):
        unit = trace.one(name)
        assert unit.outcome == "completed"
        assert unit.attributes["code.file.path"] == "test_anyio_groups.py"
        assert unit.attributes["code.line.number"] == function.__code__.co_firstlineno
    assert trace.one("task main").attributes["main"] is True
    assert scopes(trace) == []
    assert trace.faults == []


def test_a_portal_s_tasks_belong_to_its_group(record: Any) -> None:
    with record() as trace, anyio.from_thread.start_blocking_portal() as portal:
        assert portal.call(partial(anyio.sleep, 0.001)) is None
        future = portal.start_task_soon(sleeper, 10, name="long")
        portal.start_task_soon(sleeper, 0.001).result()
        future.cancel()
    long, short = trace.one("task long"), trace.one("task sleeper")
    assert long.attributes["group_id"] == short.attributes["group_id"]
    assert long.attributes["group_owner_span_id"] == short.attributes["group_owner_span_id"]
    assert (long.outcome, short.outcome) == ("cancelled", "completed")
    assert long.of("cancel.swallowed") == []
    assert short.attributes["code.function.name"] == "sleeper"
    assert scopes(trace) == []
    assert trace.faults == []


def test_what_a_thread_started_ends_by_its_cancellation(record: Any) -> None:
    """The thread gets `concurrent.futures.CancelledError`; the coroutine in the loop ended by asyncio's."""

    async def main() -> None:
        async def cancels() -> None:
            scope.cancel()
            await anyio.sleep(5)

        with anyio.CancelScope() as scope:
            await anyio.to_thread.run_sync(anyio.from_thread.run, cancels)
        assert scope.cancelled_caught

    with record() as trace:
        anyio.run(main)
    task, scope = trace.one("task cancels"), trace.one("timeout main")
    assert (task.outcome, scope.outcome) == ("cancelled", "cancelled")
    (passed_on,) = task.of("cancel.requested")
    assert passed_on["request.via"] == scope.first("cancel.requested")["request.id"]
    assert task.of("cancel.swallowed") == []
    assert trace.faults == []


def test_a_portal_that_cancels_what_is_left(record: Any) -> None:
    async def main() -> None:
        async with anyio.from_thread.BlockingPortal() as portal:
            start: Any = portal.start_task_soon
            futures.append(await anyio.to_thread.run_sync(start, sleeper))
            await anyio.sleep(0.01)
            await portal.stop(cancel_remaining=True)

    futures: list[Any] = []

    with record() as trace:
        anyio.run(main)
    task = trace.one("task sleeper")
    assert [future.cancelled() for future in futures] == [True]
    assert (task.outcome, task.of("cancel.swallowed")) == ("cancelled", [])
    assert trace.faults == []


@pytest.mark.python(">=3.12")  # eager tasks came with Python 3.12
def test_eager_tasks_of_a_group(record: Any) -> None:
    async def child() -> None:
        await asyncio.create_task(sleeper(1))

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(vars(asyncio)["eager_task_factory"])
        with anyio.move_on_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(child)
                group.start_soon(failing, 0)

    with record() as trace, contextlib.suppress(BaseExceptionGroup):
        run_virtual(main)
    assert "group_id" in trace.one("task child").attributes
    assert "group_id" not in trace.one("task sleeper").attributes
    assert trace.one("task failing").outcome == "failed"
    assert trace.faults == []
