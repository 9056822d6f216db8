"""What the deadline criteria say of live programs below `warning` (nested deadlines, results that were thrown away), and in real time."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import pytest
from stageflow import Pipeline
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from spanproof.analyzers import check
from spanproof.instrument import session
from spanproof.scenarios.virtual_loop import VirtualLoop

from .shapes import body, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .shapes import Program


def said(
    criterion: str, program: Program, folder: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = VirtualLoop
) -> tuple[str, set[tuple[str, str | None]]]:
    """The verdict of a criterion on a program, and its findings: subject and whose fault."""
    with session(folder, name=program.__name__) as attached, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(program())
    assert attached.path is not None
    found: dict[str, Any] = next(each for each in check([attached.path]).to_dict()["criteria"] if each["id"] == criterion)
    return found["verdict"], {(violation["subject"], violation["fault"]) for violation in found["violations"]}


# --- D03 --------------------------------------------------------------------------------------------------------------


async def inner_one_is_later() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.wait_for(work(60), 5)


async def inner_one_is_earlier() -> None:
    async with asyncio.timeout(5):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(work(60), 1)


async def child_has_the_default_in_a_shorter_stage() -> None:
    async def spawns(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", body(0.1), "work").run(child)

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    await Pipeline(name="parent").with_stage("spawns", spawns, "work").run(PipelineContext(data={"_timeout_ms": 500}))


async def outer_one_moves_on() -> None:
    async with asyncio.timeout(1) as scope:
        for _ in range(3):
            await asyncio.wait_for(work(0.5), 2)
            scope.reschedule(asyncio.get_running_loop().time() + 1)


async def outer_one_is_given_once() -> None:
    async with asyncio.timeout(None) as scope:
        scope.reschedule(asyncio.get_running_loop().time() + 1)
        await asyncio.wait_for(work(0.5), 2)


async def inner_one_is_moved_beyond() -> None:
    async with asyncio.timeout(1), asyncio.timeout(0.5) as scope:
        await work(0.1)
        scope.reschedule(asyncio.get_running_loop().time() + 5)
        await work(0.1)


async def task_goes_on_when_the_scope_is_left() -> None:
    async with asyncio.timeout(1):
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
    await task


async def later() -> None:
    await asyncio.sleep(0.5)
    await asyncio.wait_for(work(0.1), 60)


async def task_behind_a_shield() -> None:
    tasks: list[asyncio.Task[None]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            tasks.append(asyncio.create_task(write()))
            await asyncio.shield(tasks[0])
    await tasks[0]


async def write() -> None:
    await asyncio.wait_for(work(1.5), 5)


async def anyio_s_shielded_cleanup() -> None:
    with anyio.move_on_after(1):
        with anyio.move_on_after(5, shield=True):
            await anyio.sleep(0.1)


D03: dict[Program, tuple[str, set[tuple[str, str | None]]]] = {
    inner_one_is_later: ("violated", {("timeout inner_one_is_later", "code")}),
    inner_one_is_earlier: ("holds", set()),
    child_has_the_default_in_a_shorter_stage: ("violated", {("stage inner", "library")}),
    outer_one_moves_on: ("holds", set()),
    outer_one_is_given_once: ("violated", {("timeout outer_one_is_given_once", "code")}),
    inner_one_is_moved_beyond: ("violated", {("timeout inner_one_is_moved_beyond", "code")}),
    task_goes_on_when_the_scope_is_left: ("holds", set()),
    task_behind_a_shield: ("holds", set()),
    anyio_s_shielded_cleanup: ("holds", set()),
}


@pytest.mark.parametrize("program", D03, ids=lambda program: program.__name__)
def test_deadlines_inside_of_others(program: Program, tmp_path: Path) -> None:
    assert said("D03", program, tmp_path) == D03[program]


# --- D08 --------------------------------------------------------------------------------------------------------------


async def wait_for_throws_a_result_away() -> None:
    """In the turn in which the payment is done the deadline comes after it: a callback has held the loop up for a moment."""
    task = asyncio.create_task(work(0.05, "paid"))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.05, time.sleep, 0.03)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(task, 0.06)


async def worker_is_cancelled_when_its_answer_is_there() -> None:
    async def waits(task: asyncio.Task[Any]) -> None:
        await task

    async def stops(worker: asyncio.Task[Any]) -> None:
        await asyncio.sleep(1)
        worker.cancel()

    answer = asyncio.create_task(work(1))
    worker = asyncio.create_task(waits(answer))
    await asyncio.gather(asyncio.create_task(stops(worker)), worker, return_exceptions=True)


async def wait_for_cuts_what_is_not_done() -> None:
    task = asyncio.create_task(work(2))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await task


def test_results_that_were_there(tmp_path: Path) -> None:
    found = said("D08", worker_is_cancelled_when_its_answer_is_there, tmp_path / "worker")
    assert found == ("violated", {("task waits", "code")})
    assert said("D08", wait_for_cuts_what_is_not_done, tmp_path / "cut") == ("holds", set())


def test_wait_for_throws_away_what_was_done_since_python_3_12(tmp_path: Path) -> None:
    """3.11 looks at what it waited for once more and returns the result; it waits on a future of its own, so that nothing is judged."""
    expected: tuple[str, set[tuple[str, str | None]]] = ("not_exercised", set())
    if sys.version_info >= (3, 12):
        expected = ("violated", {("timeout wait_for_throws_a_result_away", "interpreter")})
    again(expected, "D08", wait_for_throws_a_result_away, tmp_path)


def again(expected: tuple[str, set[tuple[str, str | None]]], criterion: str, program: Program, folder: Path) -> None:
    """In real time. On a machine that is busy with other things a step may last longer than it should: then once more."""
    found = said(criterion, program, folder / "0", None)
    for attempt in range(1, 20):
        if found == expected:
            break
        found = said(criterion, program, folder / str(attempt), None)
    assert found == expected


# --- D04 --------------------------------------------------------------------------------------------------------------


async def one_of_three_is_late() -> None:
    """Fifty short steps stand before the timer of the last one, none of them long enough to block the loop."""
    await times_out()
    await times_out()
    asyncio.get_running_loop().call_later(0.048, crowd)
    await times_out()


async def all_are_on_time() -> None:
    for _ in range(3):
        await times_out()


async def a_thousand_at_once() -> None:
    await asyncio.gather(*(times_out() for _ in range(1000)))


async def times_out() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.sleep(60)


def crowd() -> None:
    for _ in range(50):
        asyncio.get_running_loop().call_soon(time.sleep, 0.003)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (one_of_three_is_late, ("violated", {("timeout times_out", "code")})),
        (all_are_on_time, ("holds", set[tuple[str, str | None]]())),
        (a_thousand_at_once, ("holds", set[tuple[str, str | None]]())),
    ],
    ids=["one_of_three_is_late", "all_are_on_time", "a_thousand_at_once"],
)
def test_timeouts_of_one_kind_in_real_time(program: Program, expected: tuple[str, set[tuple[str, str | None]]], tmp_path: Path) -> None:
    again(expected, "D04", program, tmp_path)
