"""What is done in a thread is the unit's that handed the work over: files, declarations, progress."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from stageflow import Pipeline

from spanproof import instrument

from .running import run_virtual
from .test_stageflow import context, stage
from .test_threads import Gate, pairs, quick


def test_what_a_thread_opens_and_declares_is_the_unit_s(record: Any) -> None:
    kept: list[Any] = []

    def work() -> None:
        kept.append(Path(__file__).open("rb"))  # noqa: SIM115 - left open
        with instrument.resource("in the thread"):
            instrument.heartbeat()

    async def main() -> None:
        async with asyncio.timeout(5):
            await asyncio.to_thread(work)

    with record() as trace:
        asyncio.run(main())
        work()  # now in no unit
    for file in kept:
        file.close()
    unit = trace.one("task main")
    acquired = unit.of("resource.acquired")
    assert [event["resource.kind"] for event in acquired] == ["file", "declared"]
    assert [event["code.function.name"].rpartition(".")[2] for event in acquired] == ["work", "work"]
    assert [event["resource.id"] for event in unit.of("resource.released")] == [acquired[1]["resource.id"]]
    # The scope is what waits: a heartbeat is of the innermost unit, a resource of the task.
    assert [each.name for each in trace.units if each.of("heartbeat")] == ["timeout main"]
    assert trace.faults == []


def test_what_a_thread_opens_after_its_task_has_ended_is_still_recorded(record: Any) -> None:
    gate = Gate()
    kept: list[Any] = []

    def work() -> None:
        gate.work()
        kept.append(Path(__file__).open("rb"))  # noqa: SIM115 - left open

    async def waiter() -> None:
        async with asyncio.timeout(0.05):
            await asyncio.to_thread(work)

    async def main() -> None:
        await asyncio.gather(waiter(), return_exceptions=True)
        gate.open.set()

    with record() as trace:
        asyncio.run(main())
    kept[0].close()
    scope = trace.one("timeout waiter")
    assert scope.outcome == "timed_out"
    (opened,) = scope.of("resource.acquired")
    assert scope.attributes["end_seq"] < opened.seq < scope.first("thread.finished").seq


def test_open_itself_in_a_thread(record: Any) -> None:
    async def main() -> None:
        file = await asyncio.to_thread(open, __file__, "rb")
        await asyncio.to_thread(file.close)

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task main")
    assert [event["thread.name"] for event in unit.of("thread.started")] == ["open", "BufferedReader.close"]
    assert len(unit.of("resource.acquired")) == len(unit.of("resource.released")) == 1


def test_a_loop_in_a_thread_has_units_of_its_own(record: Any) -> None:
    async def inner() -> None:
        Path(__file__).open("rb").close()  # noqa: ASYNC230 - what is on trial
        instrument.heartbeat()

    def work() -> None:
        asyncio.run(inner())

    async def main() -> None:
        await asyncio.to_thread(work)

    with record() as trace:
        asyncio.run(main())
    assert [each.name for each in trace.units if each.of("heartbeat") and each.of("resource.acquired")] == ["task inner"]


def test_a_stage_s_thread_is_the_stage_s(record: Any) -> None:
    async def body(_ctx: Any) -> None:
        await asyncio.to_thread(quick)

    with record() as trace:
        run_virtual(lambda: Pipeline(name="demo").with_stage("a", stage(body), "work").run(context()))
    unit = trace.one("stage a")
    assert pairs(unit) == [("quick", "to_thread", "completed")]
    # The virtual loop has a `run_in_executor` of its own, which is nobody's line.
    assert unit.first("thread.started")["code.line.number"] == body.__code__.co_firstlineno + 1


@pytest.mark.parametrize("debug", [False, True])
def test_a_coroutine_function_is_refused_as_before(record: Any, debug: bool) -> None:
    async def coroutine() -> None:
        raise AssertionError("never runs")

    async def main() -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(None, coroutine)
        except TypeError as error:
            return str(error)

    def run() -> Any:
        with asyncio.Runner(debug=debug) as runner:
            result: Any = runner.run(main())
        if not debug:
            result.close()
        return result if debug else type(result).__name__

    untraced = run()
    with record() as trace:
        assert run() == untraced
    assert trace.faults == []
