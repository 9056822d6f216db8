"""Task factories of the program's own, and tasks that they make of another class: recorded like all others, and unharmed."""

from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial
from typing import Any

import pytest

from spanproof.instrument import attach
from spanproof.instrument.sinks import MemorySink

from .running import run_virtual
from .test_attach_loops import MAKES, assert_seen, cancelled_once, timed_out

PLAIN = asyncio.Task
"""The class as a program holds it that imported it before the session."""

PLAIN_EAGER: Any = getattr(asyncio, "eager_task_factory", None)


class OwnTask(PLAIN[Any]):
    """A program's own class of tasks, from before the session."""


def plain_factory(loop: Any, coro: Any, **options: Any) -> Any:
    return PLAIN(coro, loop=loop, **options)


def own_factory(loop: Any, coro: Any, **options: Any) -> Any:
    return OwnTask(coro, loop=loop, **options)


def late_factory(loop: Any, coro: Any, **options: Any) -> Any:
    """As most are written: the class is looked up when a task is made."""
    return asyncio.Task(coro, loop=loop, **options)


def wrapping_factory(loop: Any, coro: Any, **options: Any) -> Any:
    """As tracing libraries do it."""

    async def wrapped() -> Any:
        return await coro

    return PLAIN(wrapped(), loop=loop, **options)


FACTORIES: dict[str, Any] = {"plain": plain_factory, "own": own_factory, "late": late_factory, "wrapping": wrapping_factory}


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("before", [True, False], ids=["set before", "set inside"])
@pytest.mark.parametrize("factory", FACTORIES)
def test_a_task_factory_of_the_program_s_is_chained(record: Any, make: str, factory: str, before: bool) -> None:
    loop = MAKES[make]()
    set_factory = partial(loop.set_task_factory, FACTORIES[factory])
    if before:
        set_factory()
    types: list[type] = []
    ends: list[str] = []

    async def main() -> str:
        if not before:
            loop.set_task_factory(FACTORIES[factory])
        assert loop.get_task_factory() is FACTORIES[factory]
        task = asyncio.create_task(cancelled_once(), name="mine")
        assert (task.get_name(), isinstance(task, asyncio.Task)) == ("mine", True)
        types.append(type(task))
        ends.append(await task)
        if factory != "wrapping":  # its inner coroutine would never be awaited
            never = asyncio.create_task(asyncio.sleep(0, "never"))
            never.cancel()
            await asyncio.wait([never])
        return await timed_out()

    with record() as trace:
        assert loop.run_until_complete(main()) == "late"
    assert loop.get_task_factory() is FACTORIES[factory]
    assert types == [{"own": OwnTask, "late": type(trace_task(record))}.get(factory, PLAIN)]
    loop.close()
    slept, *never, scoped = trace.named("task sleep")
    request = slept.first("cancel.requested")
    (waiting,) = trace.named("task cancelled_once")
    assert (slept.outcome, slept.parent, waiting.parent, waiting.outcome) == ("cancelled", "task cancelled_once", "task main", "completed")
    assert request["request.by_span_id"] == waiting.span_id
    assert slept.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]
    assert [event["await.how"] for event in waiting.of("awaits")] == ["gather"]
    assert [(unit.outcome, unit.ran) for unit in never] == [("cancelled", False)] * (factory != "wrapping")
    scope = trace.one("timeout timed_out")
    assert scope.outcome == "timed_out"
    assert scoped.first("cancel.requested")["request.via"] == scope.first("cancel.requested")["request.id"]
    assert trace.faults == []


def trace_task(record: Any) -> Any:
    """A task of the recording class."""
    made: list[Any] = []

    async def main() -> None:
        made.append(asyncio.current_task())

    with record():
        asyncio.run(main())
    return made[0]


@pytest.mark.python(">=3.12")  # eager tasks are new in Python 3.12
@pytest.mark.parametrize("which", ["by name", "own class"])
@pytest.mark.parametrize("before", [True, False], ids=["set before", "set inside"])
def test_an_eager_factory_from_before_the_session(record: Any, which: str, before: bool) -> None:
    factory = PLAIN_EAGER if which == "by name" else vars(asyncio)["create_eager_task_factory"](OwnTask)
    loop = asyncio.new_event_loop()

    async def at_once() -> int:
        return 7

    async def later() -> int:
        await asyncio.sleep(0.001)
        return 8

    async def main() -> list[int]:
        if not before:
            loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        tasks = [asyncio.create_task(at_once()), asyncio.create_task(later())]
        assert [task.done() for task in tasks] == [True, False]
        assert [isinstance(task, OwnTask) for task in tasks] == [which == "own class"] * 2
        return await asyncio.gather(*tasks)

    if before:
        loop.set_task_factory(factory)
    with record() as trace:
        assert loop.run_until_complete(main()) == [7, 8]
        assert loop.run_until_complete(cancelled_once()) == "done"
    loop.close()
    for name in ("task at_once", "task later"):
        unit = trace.one(name)
        assert (unit.outcome, unit.parent, unit.ran) == ("completed", "task main", True)
    assert_seen(trace)


def test_tasks_that_were_made_before_the_session_and_begin_inside(record: Any) -> None:
    loop = asyncio.new_event_loop()
    early = loop.create_task(asyncio.sleep(10))
    with record() as trace:
        loop.call_later(0.001, lambda: early.cancel("by a timer"))
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(early)
    loop.close()
    unit = trace.one("task sleep")
    assert (unit.outcome, unit.first("cancel.requested")["request.message"]) == ("cancelled", "by a timer")
    assert trace.faults == []


def test_wait_for_below_a_factory(record: Any) -> None:
    """On 3.11 `wait_for` makes an inner task: it is a part of the task that waits, whatever class it has."""

    async def main() -> None:
        for factory in (None, *FACTORIES.values()):
            asyncio.get_running_loop().set_task_factory(factory)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.sleep(10), 1)
            assert await asyncio.wait_for(asyncio.sleep(1, "in time"), 10) == "in time"

    with record() as trace:
        run_virtual(main)
    units = [unit for unit in trace.units if unit.kind != "program"]
    assert {unit.name for unit in units} == {
        "task main",
        "timeout test_wait_for_below_a_factory.<locals>.main".replace("test_wait_for_below_a_factory.<locals>.", ""),
    }
    scopes = units[1:]
    assert [unit.outcome for unit in scopes] == ["timed_out", "completed"] * 5
    assert all(len(unit.of("cancel.delivered")) == 1 for unit in scopes[::2])


def test_a_foreign_task_dies_when_it_would_have_died(record: Any) -> None:
    """What watches it is put on the task itself: when it has ended, nothing keeps it."""

    def alive() -> list[bool]:
        loop = asyncio.new_event_loop()
        loop.set_task_factory(own_factory)
        kept: list[bool] = []

        async def main() -> None:
            task = asyncio.create_task(asyncio.sleep(0))
            reference = weakref.ref(task)
            await task
            del task
            await asyncio.sleep(0)  # until then the loop holds the callback that woke us
            kept.append(reference() is not None)

        gc.disable()
        try:
            loop.run_until_complete(main())
        finally:
            gc.enable()
            loop.close()
        return kept

    with record():
        traced = alive()
    assert traced == alive() == [False]


def test_removed_while_foreign_tasks_run() -> None:
    """The tasks and the loop are the program's own again, and nothing of what is done to them afterwards is noted."""
    sink = MemorySink()

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(own_factory)
        attach.start(sink=sink)
        task = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        assert "cancel" in marks_on(task)
        attach.stop()
        assert asyncio.get_running_loop().get_task_factory() is own_factory
        assert type(asyncio.create_task(asyncio.sleep(0))) is OwnTask
        assert marks_on(task) == []
        task.cancel()
        await asyncio.wait([task])

    before = asyncio.SelectorEventLoop.set_task_factory
    with asyncio.Runner() as runner:
        runner.run(main())
    assert asyncio.SelectorEventLoop.set_task_factory is before
    (asked,) = [unit for unit in sink.open_units if unit.name == "task sleep"]
    assert not asked.events


def marks_on(task: Any) -> list[str]:
    """What of us is on the task itself."""
    names = ("cancel", "uncancel", "add_done_callback", "get_coro")
    found = [name for name in names if "instrument" in str(getattr(getattr(task, name), "__module__", ""))]
    return found + ["_spanproof"] * hasattr(task, "_spanproof")


def test_a_factory_that_fails_fails_as_it_did(record: Any) -> None:
    def failing(_loop: Any, coro: Any, **_options: Any) -> Any:
        coro.close()
        raise ValueError("no task today")

    async def main() -> str:
        asyncio.get_running_loop().set_task_factory(failing)
        with pytest.raises(ValueError, match="no task today"):
            _task = asyncio.get_running_loop().create_task(asyncio.sleep(0))
        asyncio.get_running_loop().set_task_factory(None)
        return "went on"

    with record() as trace:
        assert run_virtual(main) == "went on"
    assert [unit.name for unit in trace.units] == ["program test", "task main"]
    assert trace.faults == []
