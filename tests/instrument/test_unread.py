"""Tasks that failed and at whose error nobody looked: told when the task is dropped, or when the recording ends."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from spanproof import instrument
from spanproof.instrument.attach import start, stop
from spanproof.instrument.sinks import MemorySink
from spanproof.instrument.testing import recorded
from spanproof.scenarios.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

MS = 1_000_000


class Mute(asyncio.SelectorEventLoop):
    """A loop of the program's own that tells nobody anything."""

    def call_exception_handler(self, context: Any) -> None:
        """Nothing to do."""


class Passing(asyncio.SelectorEventLoop):
    """A loop of the program's own that lets its base do the work."""

    def call_exception_handler(self, context: Any) -> None:
        super().call_exception_handler(context)


def _loops() -> list[Any]:
    made: list[Any] = [asyncio.SelectorEventLoop, VirtualLoop, Passing]
    with contextlib.suppress(ImportError):
        import uvloop

        made.append(uvloop.new_event_loop)
    return made


@pytest.fixture(params=_loops(), ids=lambda made: getattr(made, "__module__", "") + "." + made.__name__)
def loop_factory(request: pytest.FixtureRequest) -> Any:
    """Makes a loop: asyncio's, a virtual one, a class of the program's own, uvloop's."""
    return request.param


def run(main: Callable[[], Coroutine[Any, Any, Any]], loop_factory: Any = VirtualLoop) -> list[str]:
    """Run it on a loop; returns what the loop's exception handler was told."""
    told: list[str] = []

    async def quiet() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(str(context["message"])))
        await main()
        gc.collect()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(quiet())
    return told


def unread(trace: Any) -> list[str]:
    """Names of the tasks that were told of, in order."""
    names = {unit.span_id: unit.name for unit in trace.units}
    return [names[event["unread.span_id"]] for event in trace.one("program test").of("exception.unread")]


async def fails(after: float = 0.01) -> None:
    await asyncio.sleep(after)
    raise ValueError("lost")


async def fire_and_forget() -> None:
    task = asyncio.create_task(fails())
    await asyncio.sleep(0.05)
    del task


def test_one_that_is_dropped_is_told_once(loop_factory: Any) -> None:
    with recorded() as trace:
        told = run(fire_and_forget, loop_factory)
    assert told == ["Task exception was never retrieved"]
    assert unread(trace) == ["task fails"]


def test_when_it_is_told() -> None:
    with recorded() as trace:
        run(fire_and_forget)
    event = trace.one("program test").first("exception.unread")
    assert event.time_ns - trace.one("task fails").start_ns == 50 * MS
    assert event.get("unread.so_far") is None


def test_one_of_a_loop_that_tells_nobody() -> None:
    with recorded() as trace, asyncio.Runner(loop_factory=Mute) as runner:
        runner.run(fire_and_forget())
    assert unread(trace) == ["task fails"]
    assert Mute.call_exception_handler.__code__.co_filename == __file__


async def awaited() -> None:
    with contextlib.suppress(ValueError):
        await asyncio.create_task(fails())


async def gathered() -> None:
    await asyncio.gather(fails(), fails(), return_exceptions=True)


async def gathered_and_raised() -> None:
    with contextlib.suppress(ValueError):
        await asyncio.gather(fails(0.01), fails(0.02))
    await asyncio.sleep(0.1)


async def grouped() -> None:
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            group.create_task(fails())


async def called_back() -> None:
    asyncio.create_task(fails()).add_done_callback(lambda task: task.exception())
    await asyncio.sleep(0.1)


async def waited_and_asked() -> None:
    done, _pending = await asyncio.wait([asyncio.create_task(fails())])
    assert [type(task.exception()) for task in done] == [ValueError]


async def waited_for() -> None:
    with contextlib.suppress(ValueError):
        await asyncio.wait_for(fails(), 1)


async def shielded() -> None:
    with contextlib.suppress(ValueError):
        await asyncio.shield(fails())


async def cancelled() -> None:
    task = asyncio.create_task(asyncio.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0.1)


LOOKED_AT = [awaited, gathered, gathered_and_raised, grouped, called_back, waited_and_asked, waited_for, shielded, cancelled]


@pytest.mark.parametrize("main", LOOKED_AT, ids=lambda main: main.__name__)
def test_what_somebody_looked_at_is_not_told(main: Any, loop_factory: Any) -> None:
    with recorded() as trace:
        assert run(main, loop_factory) == []
    assert unread(trace) == []


async def waited_and_not_asked() -> None:
    await asyncio.wait([asyncio.create_task(fails())])


async def called_back_without_a_look() -> None:
    asyncio.create_task(fails()).add_done_callback(lambda _task: None)
    await asyncio.sleep(0.1)


async def dropped_by_the_collector() -> None:
    task: Any = asyncio.create_task(fails())
    task.itself = task
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "main", [waited_and_not_asked, called_back_without_a_look, dropped_by_the_collector], ids=lambda main: main.__name__
)
def test_what_nobody_looked_at_is_told(main: Any, loop_factory: Any) -> None:
    with recorded() as trace:
        assert run(main, loop_factory) == ["Task exception was never retrieved"]
    assert unread(trace) == ["task fails"]


@pytest.mark.python(">=3.12")  # eager tasks came with Python 3.12
def test_one_that_fails_in_its_own_constructor() -> None:
    async def at_once() -> None:
        raise ValueError("lost")

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        task = asyncio.create_task(at_once())
        del task

    with recorded() as trace:
        assert run(main) == ["Task exception was never retrieved"]
    assert unread(trace) == ["task at_once"]


def test_one_of_a_class_of_the_program_s_own() -> None:
    class Own(instrument.task.PlainTask):  # type: ignore[type-arg]
        """Made from asyncio's class before the session."""

    def make(loop: Any, coro: Any, **more: Any) -> Any:
        return Own(coro, loop=loop, **more)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(make)
        await fire_and_forget()

    with recorded() as trace:
        assert run(main) == ["Own exception was never retrieved"]
    assert unread(trace) == ["task fails"]


def test_one_that_ran_before_the_session() -> None:
    sink = MemorySink()

    async def main() -> None:
        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        start(sink=sink, name="test")
        await asyncio.sleep(0.05)
        del task

    try:
        assert run(main) == ["Task exception was never retrieved"]
    finally:
        stop()
    program = next(unit for unit in sink.units if unit.kind == "program")
    failed = next(unit for unit in sink.units if unit.name == "task fails")
    assert [event[3]["spanproof.unread.span_id"] for event in program.events if event[0] == "exception.unread"] == [failed.hex]


def test_what_the_inner_task_of_wait_for_leaves_is_not_the_waiter_s() -> None:
    """On 3.11 `wait_for` runs it in a task that shares the state of the one that waits."""

    async def breaks_in_its_cleanup() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            raise KeyError("lost")

    async def main() -> None:
        with contextlib.suppress(KeyError, TimeoutError):
            await asyncio.wait_for(breaks_in_its_cleanup(), 0.1)

    with recorded() as trace:
        run(main)
    assert unread(trace) == []


@pytest.mark.parametrize(("ended_by", "so_far"), [("session", True), ("process", None)])
def test_one_that_is_still_there_at_the_end(ended_by: Any, so_far: bool | None) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(asyncio.create_task(fails()))
        kept.append(asyncio.create_task(fails()))
        await asyncio.sleep(0.1)
        kept[0].exception()

    sink = MemorySink()
    start(sink=sink, name="test")
    try:
        run(main)
    finally:
        stop(ended_by)
    program = next(unit for unit in sink.units if unit.kind == "program")
    told = [event[3] for event in program.events if event[0] == "exception.unread"]
    assert [attrs.get("spanproof.unread.so_far") for attrs in told] == [so_far]
    assert kept[1].exception() is not None


def test_none_is_kept_alive() -> None:
    with recorded():
        run(fire_and_forget)
        gc.collect()
        assert not [task for task in gc.get_objects() if isinstance(task, asyncio.Task)]


def test_what_a_program_tells_its_loop_of_its_own_accord_harms_nothing() -> None:
    heard: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: heard.append(context))
        for context in ({"message": 7}, {"message": "x exception was never retrieved"}, {}):
            loop.call_exception_handler(context)
        future = concurrent.futures.Future[None]()
        loop.call_exception_handler({"message": "y exception was never retrieved", "future": future})

    with recorded() as trace, asyncio.Runner() as runner:
        runner.run(main())
    assert len(heard) == 4
    assert unread(trace) == []


PROGRAM = """
    import asyncio, gc, sys

    class Loud(Exception):
        def __del__(self):
            print("the error goes")

    async def fails(number):
        await asyncio.sleep(0)
        raise Loud(f"number {number}")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: print(context["message"], context["exception"], sorted(context)))
        tasks = [asyncio.create_task(fails(number)) for number in range(4)]
        await asyncio.sleep(0.01)
        print(tasks[0].exception())
        del tasks[1]
        gc.collect()
        print("dropped one")
        return tasks

    kept = asyncio.run(main())
    print(len(kept))
"""


@pytest.mark.parametrize("with_uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_a_program_says_the_same_with_and_without(with_uvloop: bool, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    text = textwrap.dedent(PROGRAM)
    if with_uvloop:
        pytest.importorskip("uvloop")
        text = text.replace("asyncio.run(main())", "uvloop.run(main())").replace("import asyncio", "import uvloop, asyncio")
    script.write_text(text, encoding="utf-8")

    def output(*how: str) -> list[str]:
        done = subprocess.run([sys.executable, *how, str(script)], capture_output=True, text=True, check=True)
        # In which order what is left dies when the interpreter ends is not defined.
        return sorted(done.stdout.splitlines())

    plain = output()
    assert sum("Task exception was never retrieved" in line for line in plain) >= 1
    assert output("-m", "spanproof", "trace", "--out", str(tmp_path / "traces")) == plain
    told = [
        event
        for file in (tmp_path / "traces").glob("program*.json")
        for line in file.read_text(encoding="utf-8").splitlines()
        for spans in json.loads(line)["resourceSpans"]
        for span in spans["scopeSpans"][0]["spans"]
        for event in span.get("events", ())
        if event["name"] == "exception.unread"
    ]
    # One was dropped, two were there when the process ended; somebody had looked at the other.
    assert len(told) == 3
