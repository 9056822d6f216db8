"""Work that a unit hands to a thread or to another process: when it was handed over, and when it really ended."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import session
from spanproof.instrument.threads import function_name

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Gate:
    """Work in a thread that goes on until it is let go; no test waits for a time."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.ended = threading.Event()

    def work(self) -> str:
        self.begun.set()
        assert self.open.wait(30)
        self.ended.set()
        return "done"

    async def until_begun(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.begun.wait, 30)


def quick(number: int = 1) -> int:
    return number


def pairs(unit: Any) -> list[tuple[str, str, str]]:
    """(function, executor, outcome) of each piece of work."""
    ends = {event["thread.id"]: event["thread.outcome"] for event in unit.of("thread.finished")}
    return [(event["thread.name"], event["thread.executor"], ends.get(event["thread.id"], "open")) for event in unit.of("thread.started")]


def test_to_thread_and_an_executor_on_the_unit_that_waits(record: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(quick, 2) == 2
        assert await loop.run_in_executor(None, functools.partial(quick, 3)) == 3
        with ThreadPoolExecutor(1) as pool:
            assert await loop.run_in_executor(pool, quick, 4) == 4

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task main")
    assert pairs(unit) == [("quick", "to_thread", "completed"), ("quick", "executor", "completed"), ("quick", "executor", "completed")]
    lines = [event["code.line.number"] - main.__code__.co_firstlineno for event in unit.of("thread.started")]
    assert lines == [2, 3, 5]
    assert all(event["clock"] == "monotonic" for name in ("thread.started", "thread.finished") for event in unit.of(name))
    assert trace.faults == []


def test_work_that_fails_and_its_error(record: Any) -> None:
    def failing() -> None:
        raise ValueError("in the thread")

    async def main() -> None:
        with pytest.raises(ValueError, match="in the thread"):
            await asyncio.to_thread(failing)

    with record() as trace:
        asyncio.run(main())
    (found,) = pairs(trace.one("task main"))
    assert found[2] == "failed"


def test_a_thread_goes_on_after_its_unit_was_cancelled(record: Any) -> None:
    gate = Gate()

    async def waiter() -> None:
        await asyncio.to_thread(gate.work)

    async def main() -> None:
        task = asyncio.create_task(waiter())
        await gate.until_begun()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.open.set()

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task waiter")
    assert unit.outcome == "cancelled"
    assert pairs(unit) == [("Gate.work", "to_thread", "completed")]
    finished = unit.first("thread.finished")
    assert unit.end_ns is not None
    assert finished.time_ns > unit.end_ns
    assert finished.seq > unit.attributes["end_seq"]


def test_a_scope_s_timeout_leaves_its_thread_behind(record: Any) -> None:
    gate = Gate()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(gate.work)
        gate.open.set()

    with record() as trace:
        asyncio.run(main())
    scope = trace.one("timeout main")
    assert scope.outcome == "timed_out"
    assert scope.first("thread.finished").seq > scope.attributes["end_seq"]
    assert trace.one("task main").of("thread.started") == []


def test_work_that_was_still_in_the_queue_never_ran(record: Any) -> None:
    gate = Gate()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            first = loop.run_in_executor(pool, gate.work)
            second = asyncio.create_task(waiter(pool))
            await asyncio.sleep(0.01)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            gate.open.set()
            assert await first == "done"

    async def waiter(pool: Executor) -> None:
        await asyncio.get_running_loop().run_in_executor(pool, quick)

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task waiter")
    assert pairs(unit) == [("quick", "executor", "never_ran")]
    assert unit.first("thread.finished").seq < unit.attributes["end_seq"]
    assert pairs(trace.one("task main")) == [("Gate.work", "executor", "completed")]


def test_a_pool_that_refuses_is_told_as_work_that_never_ran(record: Any) -> None:
    async def main() -> None:
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        with pytest.raises(RuntimeError, match="shutdown"):
            await asyncio.get_running_loop().run_in_executor(pool, quick)
        # What was meant for the first is not taken for the next.
        assert await asyncio.to_thread(quick) == 1

    with record() as trace:
        asyncio.run(main())
    assert pairs(trace.one("task main")) == [("quick", "executor", "never_ran"), ("quick", "to_thread", "completed")]


def test_an_executor_of_another_kind_and_a_pool_of_processes(record: Any) -> None:
    class AtOnce(Executor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(fn(*args, **kwargs))
            return future

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(AtOnce(), quick, 5) == 5
        with ProcessPoolExecutor(1) as pool:
            assert await loop.run_in_executor(pool, quick, 6) == 6

    with record() as trace:
        asyncio.run(main())
    assert pairs(trace.one("task main")) == [("quick", "executor", "completed")] * 2


def test_what_asyncio_hands_over_for_itself_is_not_recorded(record: Any) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)

    with record() as trace:
        asyncio.run(main())
    assert pairs(trace.one("task main")) == []


def test_submitting_past_the_loop_is_no_wait_of_the_unit(record: Any) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(quick, 7).result() == 7

    with record() as trace:
        asyncio.run(main())
    assert pairs(trace.one("task main")) == []


def test_anyio_s_threads(record: Any) -> None:
    anyio: Any = pytest.importorskip("anyio")
    pytest.importorskip("anyio.to_thread")
    gate = Gate()

    async def abandoning() -> None:
        await anyio.to_thread.run_sync(gate.work, abandon_on_cancel=True)

    async def main() -> None:
        assert await anyio.to_thread.run_sync(quick, 8) == 8
        task = asyncio.create_task(abandoning())
        await gate.until_begun()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        limiter = anyio.CapacityLimiter(1)
        async with limiter:
            waiting = asyncio.create_task(queueing(limiter))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        gate.open.set()
        await asyncio.to_thread(gate.ended.wait, 30)
        assert await anyio.to_thread.run_sync(quick, 9) == 9

    async def queueing(limiter: Any) -> None:
        await anyio.to_thread.run_sync(quick, limiter=limiter)

    with record() as trace:
        asyncio.run(main())
    assert pairs(trace.one("task main"))[0] == ("quick", "anyio", "completed")
    assert trace.one("task main").first("thread.started")["code.line.number"] == main.__code__.co_firstlineno + 1
    unit = trace.one("task abandoning")
    assert pairs(unit) == [("Gate.work", "anyio", "completed")]
    assert unit.outcome == "cancelled"
    assert unit.first("thread.finished").seq > unit.attributes["end_seq"]
    assert pairs(trace.one("task queueing")) == [("quick", "anyio", "never_ran")]
    assert trace.faults == []


def test_below_a_virtual_loop_a_thread_keeps_the_machine_s_clock(record: Any) -> None:
    async def main() -> None:
        await asyncio.sleep(3_600)
        await asyncio.to_thread(quick)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert unit.end_ns is not None
    assert unit.attributes["clock"] == "virtual"
    started = unit.first("thread.started")
    assert started["clock"] == "monotonic"
    assert started.time_ns < unit.end_ns - 3_000 * 10**9


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (quick, "quick"),
        (functools.partial(functools.partial(quick), 1), "quick"),
        (functools.partial(contextvars.copy_context().run, quick, 1), "quick"),
        (functools.partial(contextvars.copy_context().run, functools.partial(quick, 1)), "quick"),
        (time.sleep, "sleep"),
        (Gate().work, "Gate.work"),
        (Gate(), "Gate"),
    ],
)
def test_a_function_s_name_is_seen_through_its_wrappers(func: Any, name: str) -> None:
    assert function_name(func) == name


def test_many_threads_write_to_one_unit_at_once(record: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(16) as pool:
            await asyncio.gather(*(loop.run_in_executor(pool, quick, number) for number in range(400)))

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with record() as trace:
            asyncio.run(main())
    finally:
        sys.setswitchinterval(switch)
    unit = trace.one("task main")
    assert len(unit.of("thread.started")) == len(unit.of("thread.finished")) == 400
    numbers = [event.seq for each in trace.units for event in each.events]
    assert len(set(numbers)) == len(numbers)


def test_the_thread_s_end_reaches_the_file_of_a_unit_that_ended_long_before(tmp_path: Path) -> None:
    gate = Gate()

    async def waiter() -> None:
        await asyncio.to_thread(gate.work)

    async def main() -> None:
        task = asyncio.create_task(waiter())
        await gate.until_begun()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(1.3)  # a tick: the unit is written, ended, with its thread at work
        gate.open.set()
        await asyncio.to_thread(gate.ended.wait, 30)

    with session(tmp_path, name="late") as attached:
        asyncio.run(main())
    assert attached.path is not None
    revisions = spans(attached.path, "task waiter")
    assert [names(span)[-1] for span in revisions][-1] == "thread.finished"
    ended = [span for span in revisions if "endTimeUnixNano" in span]
    assert len(ended) == 2
    assert "thread.finished" not in names(ended[0])
    assert ended[0]["endTimeUnixNano"] == ended[1]["endTimeUnixNano"]


KILLED = """
import asyncio, os, signal, threading
from spanproof.instrument import session

def work():
    threading.Event().wait()

async def waiter():
    async with asyncio.timeout(0.05):
        await asyncio.to_thread(work)

async def main():
    await asyncio.gather(waiter(), return_exceptions=True)
    await asyncio.sleep(1.5)
    os.kill(os.getpid(), signal.SIGKILL)

with session({out!r}, name="killed"):
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_killed_process_shows_the_unit_ended_and_its_thread_at_work(tmp_path: Path, checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(out=str(tmp_path))], env={**os.environ, "PYTHONPATH": str(checkout)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    (path,) = tmp_path.glob("killed-*.json")
    last = spans(path, "timeout waiter")[-1]
    assert "endTimeUnixNano" in last
    assert "thread.started" in names(last)
    assert "thread.finished" not in names(last)


def spans(path: Path, name: str) -> list[dict[str, Any]]:
    """All revisions of the units of this name, in the order of the file."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [span for line in lines for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"] if span["name"] == name]


def names(span: dict[str, Any]) -> list[str]:
    """Names of its events."""
    return [event["name"] for event in span["events"]]


def test_what_runs_in_a_thread_dies_when_it_would_have_died(record: Any) -> None:
    import weakref

    died: list[str] = []

    async def main() -> None:
        gate = Gate()
        gate.open.set()
        weakref.finalize(gate, died.append, "gate")
        await asyncio.to_thread(gate.work)
        del gate
        # The pool's own thread lets go of its last piece of work when it takes the next.
        await asyncio.to_thread(quick)
        assert died == ["gate"]

    with record():
        asyncio.run(main())


def test_everything_is_put_back_by_identity(record: Any) -> None:
    before = ThreadPoolExecutor.submit, vars(asyncio.BaseEventLoop)["run_in_executor"]
    with record():
        assert ThreadPoolExecutor.submit is not before[0]
        assert vars(asyncio.BaseEventLoop)["run_in_executor"] is not before[1]
    assert (ThreadPoolExecutor.submit, vars(asyncio.BaseEventLoop)["run_in_executor"]) == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_uvloop_s_threads(record: Any) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        await asyncio.to_thread(quick)
        with ThreadPoolExecutor(1) as pool:
            await asyncio.get_running_loop().run_in_executor(pool, quick)

    with record() as trace, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert pairs(trace.one("task main")) == [("quick", "to_thread", "completed"), ("quick", "executor", "completed")]
