"""Shapes of asyncio that an attack on the recorder found it to misread, or to change."""

from __future__ import annotations

import asyncio
import gc
import weakref
from asyncio.staggered import staggered_race
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.scenarios.virtual_loop import VirtualLoop

from .cancelling import deliveries, requests, sleeper
from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

LINKS = 900
"""Tasks that wait for each other; asyncio itself cancels as many, on each version."""


class Buffer:
    """What a task holds."""


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def swallowed(trace: Any) -> list[str]:
    return [unit.name for unit in trace.units if unit.of("cancel.swallowed")]


def test_a_timeout_that_an_exit_stack_enters_is_a_scope(record: Any) -> None:
    async def main() -> None:
        async def bounded() -> None:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(asyncio.timeout(1))
                await sleeper()

        with pytest.raises(TimeoutError):
            await bounded()

    with record() as trace:
        run_virtual(main)
    scope = trace.one("timeout bounded")
    assert scope.outcome == "timed_out"
    assert scope.first("deadline.set")["code.file.path"] == "test_attack_asyncio.py"
    assert scope.of("deadline.expired")
    assert scope.first("cancel.consumed")["consumed.by"] == "timeout"
    assert requests(trace.one("task main")) == []
    assert swallowed(trace) == []
    assert trace.faults == []


@pytest.mark.parametrize(("inner", "outer"), [(1, 5), (5, 1)])
def test_a_wait_for_inside_a_wait_for_is_a_scope_of_its_own(record: Any, inner: float, outer: float) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wait_for(sleeper(), inner), outer)

    with record() as trace:
        run_virtual(main)
    scopes = [unit for unit in trace.units if unit.kind == "scope"]
    assert len(scopes) == 2
    assert scopes[1].parent == scopes[0].name
    expired = [unit for unit in scopes if unit.of("deadline.expired")]
    assert expired == [scopes[1] if inner < outer else scopes[0]]
    assert expired[0].outcome == "timed_out"
    assert swallowed(trace) == []
    assert trace.faults == []


@pytest.mark.parametrize("hand_over", [asyncio.gather, asyncio.create_task, asyncio.shield], ids=["gather", "create_task", "shield"])
def test_a_wait_for_that_is_a_task_of_its_own_is_a_scope_in_it(record: Any, hand_over: Callable[[Any], Awaitable[Any]]) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await hand_over(asyncio.wait_for(sleeper(), 1))

    with record() as trace:
        run_virtual(main)
    task, scope = trace.one("task wait_for"), trace.one("timeout wait_for")
    assert scope.parent == task.name
    assert (task.outcome, scope.outcome) == ("failed", "timed_out")
    for unit in (task, scope):
        assert unit.attributes["code.file.path"].endswith("tasks.py"), "that of asyncio's function, not of the one that watches it"
    assert scope.of("deadline.expired")
    assert scope.of("cancel.consumed")
    assert swallowed(trace) == []
    assert trace.faults == []


def test_a_wait_for_that_a_runner_runs_is_a_scope(record: Any) -> None:
    with record() as trace, pytest.raises(TimeoutError), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(asyncio.wait_for(sleeper(), 1))
    assert trace.one("timeout wait_for").outcome == "timed_out"
    assert swallowed(trace) == []


def test_a_wait_for_of_the_standard_library_s_own_is_no_scope_and_swallows_nothing(record: Any) -> None:
    async def main() -> None:
        # Each attempt but the first waits at most a second for the one before it to fail.
        winner, _, _ = await staggered_race([lambda: sleeper(10), lambda: sleeper(1.5)], 1)
        assert winner == "slept"

    with record() as trace:
        run_virtual(main)
    waiting = [unit for unit in trace.units if any(request["request.mechanism"] == "timer" for request in requests(unit))]
    assert {unit.name.rpartition(".")[2].removeprefix("task ") for unit in waiting} == {"run_one_coro"}
    for unit in waiting:
        asked = [request["request.id"] for request in requests(unit) if request["request.mechanism"] == "timer"]
        assert [event["delivery.requests"] for event in unit.of("cancel.consumed")] == [asked]
    assert [unit for unit in trace.units if unit.kind == "scope"] == []
    assert trace.faults == []


def test_a_user_s_cancel_of_a_wait_for_that_is_a_task_goes_through_its_scope(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.wait_for(sleeper(), 5))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    task, scope = trace.one("task wait_for"), trace.one("timeout wait_for")
    asked = requests(task)[0]["request.id"]
    assert deliveries(scope) == deliveries(task) == [[asked]]
    assert (task.outcome, scope.outcome) == ("cancelled", "cancelled")
    assert scope.of("deadline.expired") == []


async def hold(_buffer: Buffer) -> None:
    await asyncio.sleep(10)


async def go_on(_buffer: Buffer) -> None:
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        return


async def turn(_buffer: Buffer) -> None:
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        raise LookupError from None


@pytest.mark.parametrize("body", [hold, go_on, turn])
@pytest.mark.usefixtures("uncollected")
def test_what_a_cancelled_task_holds_dies_with_it(record: Any, body: Callable[[Buffer], Any]) -> None:
    async def main() -> bool:
        buffer = Buffer()
        watched = weakref.ref(buffer)
        task = asyncio.create_task(body(buffer))
        del buffer
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        del task
        return watched() is None

    with record():
        assert run_virtual(main)


@pytest.mark.usefixtures("uncollected")
def test_what_failed_within_a_wait_for_dies_with_its_error(record: Any) -> None:
    async def fail(_buffer: Buffer) -> None:
        await asyncio.sleep(1)
        raise LookupError

    async def main() -> bool:
        buffer = Buffer()
        watched = weakref.ref(buffer)
        with suppress(LookupError):
            await asyncio.wait_for(fail(buffer), 5)
        del buffer
        return watched() is None

    bare = run_virtual(main)
    with record():
        assert run_virtual(main) == bare


def test_a_group_that_raises_what_ends_the_program_swallows_nothing(record: Any) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(leave())
            group.create_task(sleeper())

    with record() as trace, pytest.raises(SystemExit), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert any(request["request.mechanism"] == "runner" for request in requests(trace.one("task main")))
    assert swallowed(trace) == []


def test_a_long_chain_of_tasks_is_cancelled_as_without_a_recorder(record: Any) -> None:
    async def link(left: int) -> None:
        if left:
            await asyncio.create_task(link(left - 1))
        await asyncio.sleep(10)

    async def main() -> None:
        task = asyncio.create_task(link(LINKS - 1))
        await asyncio.sleep(1)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task

    with record() as trace:
        run_virtual(main)
    chain = [unit for unit in trace.units if unit.name == "task link"]
    assert [unit.outcome for unit in chain] == ["cancelled"] * LINKS
    asked = [requests(unit)[0] for unit in chain]
    assert [len(requests(unit)) for unit in chain] == [1] * LINKS
    assert [request.get("request.via") for request in asked[1:]] == [request["request.id"] for request in asked[:-1]]
    assert [deliveries(unit) for unit in chain] == [[[request["request.id"]]] for request in asked]
    assert asyncio.Task.cancel is asyncio.tasks.Task.cancel
    assert trace.faults == []
