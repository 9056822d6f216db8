"""Correct programs in which cancellations end what they are meant for, and nothing else. None may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import anyio
from stageflow import Pipeline, StageOutput
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .shapes import Program, body, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def stage_that_looks_whether_the_shared_task_was_cancelled() -> None:
    """It waits without taking the error, and answers with an output."""
    shared = asyncio.create_task(work(10))

    async def uses(_ctx: Any) -> StageOutput:
        await asyncio.wait([shared])
        return StageOutput.ok(fetched=not shared.cancelled())

    asyncio.get_running_loop().call_later(1, shared.cancel)
    await Pipeline(name="demo").with_stage("uses", uses, "work").run(PipelineContext())


@program
async def stage_that_stops_its_helper() -> None:
    """Cancelled, awaited, and the error caught where it was to be expected."""

    async def uses(_ctx: Any) -> None:
        helper = asyncio.create_task(work(10))
        await asyncio.sleep(1)
        helper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await helper

    await Pipeline(name="demo").with_stage("uses", uses, "work").run(PipelineContext())


@program
async def stage_that_waits_for_a_cancelled_future_with_a_limit() -> None:
    """The error of the future is caught around the timeout."""
    answer = asyncio.get_running_loop().create_future()

    async def waits(_ctx: Any) -> StageOutput:
        try:
            await asyncio.wait_for(answer, 5)
        except asyncio.CancelledError:
            return StageOutput.ok(answered=False)
        return StageOutput.ok(answered=True)

    asyncio.get_running_loop().call_later(1, answer.cancel)
    await Pipeline(name="demo").with_stage("waits", waits, "work").run(PipelineContext())


@program
async def task_that_cancels_itself() -> None:
    """Its own call is a request like any other."""

    async def gives_up() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    await asyncio.wait([asyncio.create_task(gives_up())])


@program
async def closing_task_lets_the_error_pass_that_it_asked_for() -> None:
    """It cancels a task and awaits it; whoever waits for the closing expects that: an information, no more."""
    ticking = asyncio.create_task(work(60))

    async def close() -> None:
        ticking.cancel()
        await ticking

    await asyncio.sleep(1)
    await asyncio.gather(asyncio.create_task(close()), return_exceptions=True)


@program
async def future_that_is_cancelled_under_a_task() -> None:
    """As a connection does to who reads from it when it is closed: an information, no more."""
    answer = asyncio.get_running_loop().create_future()

    async def reads() -> None:
        await answer

    reader = asyncio.create_task(reads())
    await asyncio.sleep(1)
    answer.cancel()
    await asyncio.wait([reader])


@program
async def runs_that_fail_beside_each_other() -> None:
    """Each has a graph of its own, so that the token of one is nothing to the other."""

    def pipeline(*, fails: bool) -> Pipeline:
        async def first(_ctx: Any) -> None:
            await asyncio.sleep(0.3 if fails else 0.35)
            if fails:
                raise ValueError("expected")

        async def second(_ctx: Any) -> None:
            try:
                await asyncio.sleep(5 if fails else 1)
            finally:
                await asyncio.sleep(0.5)

        return Pipeline(name="demo").with_stage("a", first, "work").with_stage("b", second, "work")

    async def run(*, fails: bool) -> None:
        with contextlib.suppress(Exception):
            await pipeline(fails=fails).run(PipelineContext())

    await asyncio.gather(run(fails=True), run(fails=False))


@program
async def deadline_around_a_run_with_a_child() -> None:
    """It goes down through everything that runs in one task."""

    async def alone(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            await asyncio.sleep(60)
            return child

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    with contextlib.suppress(Exception):
        await Pipeline(name="parent").with_stage("alone", alone, "work").run(PipelineContext(data={"_timeout_ms": 500}))


@program
async def group_that_is_over_before_the_timeout_begins() -> None:
    """On every version of Python the timeout is one."""

    async def fails() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("expected")

    async def work_off() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                group.create_task(work(3))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(60)

    await asyncio.create_task(work_off())


@program
async def request_that_is_taken_back_and_passed_on() -> None:
    """It makes room for its clean-up with `uncancel`, and ends by the cancellation all the same."""

    async def careful() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            async with asyncio.timeout(1):
                await asyncio.sleep(0.1)
            raise

    task = asyncio.create_task(careful())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def supervisor_of_workers_that_are_stopped_one_by_one() -> None:
    """It expects that others stop its workers."""
    workers = [asyncio.create_task(work(60)) for _ in range(3)]

    async def supervises() -> None:
        await asyncio.gather(*workers, return_exceptions=True)

    supervisor = asyncio.create_task(supervises())
    for worker in workers:
        await asyncio.sleep(1)
        worker.cancel()
    await supervisor


@program
async def anyio_scopes_within_scopes() -> None:
    """Each stops what is inside it, and no more."""

    async def nested() -> None:
        with anyio.move_on_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(work, 60)
                with anyio.move_on_after(1):
                    await anyio.sleep(60)
                await asyncio.gather(work(60), work(60))

    async with anyio.create_task_group() as group:
        group.start_soon(nested)
        await anyio.sleep(10)
        group.start_soon(anyio.sleep_forever)
        group.cancel_scope.cancel()


@program
async def run_in_an_anyio_scope() -> None:
    """Its one stage is cancelled with it, in the same group of tasks."""

    async def fans_out(_ctx: Any) -> None:
        async with anyio.create_task_group() as group:
            for n in range(3):
                group.start_soon(work, n + 1)

    with contextlib.suppress(Exception):
        await Pipeline(name="fan").with_stage("out", fans_out, "work").run(PipelineContext(data={"_timeout_ms": 1500}))


@program
async def task_handed_from_one_run_to_another() -> None:
    """The second run is aborted, and what it awaits goes with it."""
    kept: list[asyncio.Task[Any]] = []

    async def opens(_ctx: Any) -> None:
        kept.append(asyncio.create_task(work(60)))

    async def takes(_ctx: Any) -> None:
        await kept[0]

    async def first() -> None:
        opening = Pipeline(name="first").with_stage("opens", opens, "work").with_stage("stays", body(1), "work")
        await opening.run(PipelineContext())

    async def second() -> None:
        await asyncio.sleep(0.5)
        with contextlib.suppress(Exception):
            await Pipeline(name="second").with_stage("takes", takes, "work").run(PipelineContext(data={"_timeout_ms": 1000}))

    await asyncio.gather(first(), second())
