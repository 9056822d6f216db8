"""Loops of every make, run in every way, and task factories of the program's own: units, requests and ends are the same."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

if TYPE_CHECKING:
    from tests.conftest import RunPython


async def cancelled_once() -> str:
    """Ask a task from here, and wait for it."""
    task = asyncio.create_task(asyncio.sleep(10), name="asked")
    await asyncio.sleep(0.001)
    task.cancel("enough")
    await asyncio.gather(task, return_exceptions=True)
    return "done"


async def timed_out() -> str:
    try:
        async with asyncio.timeout(0.02):
            await asyncio.create_task(asyncio.sleep(10))
    except TimeoutError:
        return "late"
    return "in time"


def assert_seen(trace: Any) -> None:
    """What `cancelled_once` does, in full."""
    main, asked = trace.one("task cancelled_once"), trace.named("task sleep")[0]
    assert (main.outcome, asked.outcome, asked.parent) == ("completed", "cancelled", "task cancelled_once")
    request = asked.first("cancel.requested")
    assert request["request.mechanism"] == "task_cancel"
    assert request["request.message"] == "enough"
    assert request["request.by_span_id"] == main.span_id
    assert request["code.function.name"] == "cancelled_once"
    (delivery,) = asked.of("cancel.delivered")
    assert delivery["delivery.requests"] == [request["request.id"]]
    assert [event["await.how"] for event in main.of("awaits")] == ["gather"]
    assert trace.faults == []


def loop_events(trace: Any) -> list[str]:
    (program,) = [unit for unit in trace.units if unit.kind == "program"]
    return [f"{event.name.removeprefix('loop.')} {event['loop']}" for event in program.events if event.name.startswith("loop.")]


def by_run(main: Any, factory: Any) -> Any:
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def by_hand(main: Any, factory: Any) -> Any:
    loop = factory()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


PLAIN = asyncio.Task
"""The class as a program holds it that imported it before the session."""

MAKES: dict[str, Any] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("run", [by_run, by_hand])
def test_a_loop_of_any_make_run_in_any_way(record: Any, make: str, run: Any) -> None:
    with record() as trace:
        assert run(cancelled_once(), MAKES[make]) == "done"
        assert run(timed_out(), MAKES[make]) == "late"
    assert_seen(trace)
    scope = trace.one("timeout timed_out")
    assert (scope.outcome, scope.first("cancel.requested")["request.mechanism"]) == ("timed_out", "timer")
    told = ["opened 1", "closing 1", "closed 1", "opened 2", "closing 2", "closed 2"]
    assert loop_events(trace) == [event for event in told if run is by_run or not event.startswith("closing")]


def held_by(loop: Any) -> dict[str, Any]:
    """What the loop's class itself holds."""
    return dict(loop.__class__.__dict__)


@pytest.mark.parametrize("make", MAKES)
def test_the_loop_is_as_it_was(record: Any, make: str) -> None:
    """A loop that is made and kept across sessions: its tasks are recorded in each, and are plain ones in between."""
    loop: Any = MAKES[make]()
    created: list[Any] = []

    async def main() -> str:
        task = loop.create_task(cancelled_once())
        created.append(task.__class__)
        return str(await task)

    before = held_by(loop)
    for _ in range(2):
        with record() as trace:
            assert loop.run_until_complete(main()) == "done"
        assert_seen_below(trace)
        assert held_by(loop) == before
        assert loop.run_until_complete(main()) == "done"
    loop.close()
    assert [cls is PLAIN for cls in created] == [False, True, False, True]


def assert_seen_below(trace: Any) -> None:
    assert trace.one("task sleep").first("cancel.requested")["request.message"] == "enough"
    assert trace.one("task cancelled_once").parent == "task main"


def test_uvloop_run(record: Any) -> None:
    with record() as trace:
        assert uvloop.run(cancelled_once()) == "done"
    assert trace.one("task sleep").parent == "task run.<locals>.wrapper".replace("run.<locals>.", "")
    assert trace.one("task sleep").first("cancel.requested")["code.function.name"] == "cancelled_once"


def test_uvloop_imported_while_recording(run_python: RunPython, checkout: Any) -> None:
    """Its loops are watched from the moment when their class is defined, and its classes are given back."""
    program = """
import asyncio, sys
from spanproof.instrument.testing import recorded
async def main():
    await asyncio.gather(asyncio.create_task(asyncio.sleep(0.01)))
plain = asyncio.Task
with recorded() as trace:
    assert "uvloop" not in sys.modules
    import uvloop
    loop = uvloop.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
print(sorted(unit.name for unit in trace.units), [event.name for event in trace.units[0].events], trace.faults)
print(asyncio.Task is plain, [name for name in vars(uvloop.Loop) if not name.startswith("_")])
print("__init_subclass__" in vars(asyncio.AbstractEventLoop))
"""
    done = run_python("-c", program, cwd=checkout)
    assert done.stdout.splitlines() == [
        "['program test', 'task main', 'task sleep'] ['loop.opened', 'loop.closed'] []",
        "True []",
        "False",
    ], done.stderr


def test_several_loops_in_several_threads(record: Any) -> None:
    def work(name: str, factory: Any) -> None:
        async def main() -> None:
            task = asyncio.create_task(asyncio.sleep(10), name=name)
            await asyncio.sleep(0.005)
            task.cancel(name)
            await asyncio.wait([task])

        by_run(main(), factory)

    with record() as trace:
        threads = [threading.Thread(target=work, args=(str(n), factory)) for n, factory in enumerate([*MAKES.values(), *MAKES.values()])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    tasks = trace.named("task sleep")
    assert {unit.attributes["loop"] for unit in tasks} == {1, 2, 3, 4}
    by_id = {unit.span_id: unit for unit in trace.named("task main")}
    for unit in tasks:
        (request,) = unit.of("cancel.requested")
        assert by_id[str(request["request.by_span_id"])].attributes["loop"] == unit.attributes["loop"]
        assert unit.outcome == "cancelled"
    assert sorted({unit.first("cancel.requested")["request.message"] for unit in tasks}) == ["0", "1", "2", "3"]
    assert trace.faults == []


# --- who stops a loop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKES)
def test_loop_stop_by_a_task(record: Any, make: str) -> None:
    async def stopping() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(10)

    with record() as trace:
        loop = MAKES[make]()
        with pytest.raises(RuntimeError, match="before Future completed"):
            loop.run_until_complete(stopping())
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.close()
    unit = trace.one("task stopping")
    (stopped,) = unit.of("loop.stopped")
    assert (stopped["loop"], stopped["code.function.name"]) == (1, "test_loop_stop_by_a_task.<locals>.stopping")
    assert loop_events(trace) == ["opened 1", "closed 1"]


def test_loop_stop_by_a_callback_and_by_nobody(record: Any) -> None:
    loop = asyncio.new_event_loop()

    def stopping() -> None:
        loop.stop()

    with record() as trace:
        loop.call_soon(stopping)
        loop.run_forever()
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.run_until_complete(asyncio.sleep(0))  # stops the loop too, and that is no event
        loop.close()
    (program,) = [unit for unit in trace.units if unit.kind == "program"]
    by_code, by_loop = program.of("loop.stopped")
    assert str(by_code["code.function.name"]).endswith("stopping")
    assert by_loop.get("code.function.name") is None
    assert trace.one("task sleep").outcome == "completed"


@pytest.mark.parametrize("make", MAKES)
def test_a_cancel_that_the_loop_itself_calls(record: Any, make: str) -> None:
    """No line of the program's made the call; only asyncio's own loop tells a timer from other callbacks."""

    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        asyncio.get_running_loop().call_later(0.001, task.cancel)
        await asyncio.wait([task])

    with record() as trace:
        by_run(main(), MAKES[make])
    request = trace.one("task sleep").first("cancel.requested")
    assert request["request.mechanism"] == {"asyncio": "timer", "uvloop": "task_cancel"}[make]
    assert request.get("code.file.path") is request.get("request.by_span_id") is None


def test_a_loop_that_can_next_to_nothing(record: Any) -> None:
    """A class of loops that leaves out what it need not have is watched as far as that goes, and the others as before."""
    ran: list[str] = []
    with record() as trace:

        class Small(asyncio.AbstractEventLoop):
            def run_forever(self) -> None:
                ran.append("ran")

            def close(self) -> None:
                ran.append("closed")

        small: Any = Small  # abstract to a type checker only
        loop = small()
        loop.run_forever()
        loop.close()
        with pytest.raises(NotImplementedError):
            loop.get_task_factory()
        by_run(cancelled_once(), None)
    assert ran == ["ran", "closed"]
    loop.run_forever()
    assert ran == ["ran", "closed", "ran"]
    assert_seen(trace)


def test_a_loop_built_on_uvloop_s_has_the_machine_s_clock(record: Any) -> None:
    """A class of the program's own on top of uvloop's: its time is real, and so are its deadlines."""

    class Own(uvloop.Loop):
        pass

    class Clocked(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return super().time() * 2

    with record() as trace:
        assert by_run(timed_out(), Own) == "late"
        assert by_run(timed_out(), Clocked) == "late"
    assert [unit.attributes["clock"] for unit in trace.named("timeout timed_out")] == ["monotonic", "virtual"]


def test_a_clock_that_fails_fails_the_program_s_way(record: Any) -> None:
    class Broken(asyncio.SelectorEventLoop):
        def time(self) -> float:
            if self.is_closed():
                raise RuntimeError("closed")
            return super().time()

    with record() as trace:
        assert by_run(cancelled_once(), Broken) == "done"
    assert_seen(trace)
