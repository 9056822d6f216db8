"""Programs with one planted fault each about how long a cleanup takes, as in `faulty`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

from .faulty import with_timeouts
from .shapes import Faulty, work

PROGRAMS = Faulty()
program = PROGRAMS.program


async def slow_to_go(seconds: float) -> None:
    """Works until it is cancelled, and then takes its time."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(seconds)


@program(("C04", "task slow_to_go"))
async def task_that_is_slow_to_go() -> None:
    task = asyncio.create_task(slow_to_go(2))
    await work(1)
    task.cancel()
    await asyncio.wait([task])


@program(("C04", "timeout timeout_whose_body_is_slow_to_go"))
async def timeout_whose_body_is_slow_to_go() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await slow_to_go(2)


@program(("C04", "stage fetch"))
async def stage_that_is_slow_to_go_at_its_timeout() -> None:
    async def fetch(_ctx: Any) -> None:
        await slow_to_go(2)

    pipeline = Pipeline(name="demo").with_stage("fetch", fetch, "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(), interceptors=with_timeouts(fetch=300))


@program(("C04", "cleanup flush"))
async def callback_that_takes_long() -> None:
    graph: Any = None

    async def flush() -> None:
        await work(2)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(flush)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())


@program(("C04", "task slow_to_go"))
async def one_of_those_that_wait_for_each_other_is_slow_to_go() -> None:
    """Only the innermost does the work; those around it wait, by an await, by a TaskGroup and in a `finally` with a deadline."""

    async def awaits() -> None:
        await asyncio.create_task(slow_to_go(2))

    async def groups() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(awaits())

    async def stops() -> None:
        inner = asyncio.create_task(groups())
        try:
            await asyncio.sleep(60)
        finally:
            inner.cancel()
            async with asyncio.timeout(30):
                await asyncio.wait([inner])

    task = asyncio.create_task(stops())
    await work(1)
    task.cancel()
    await asyncio.wait([task])


@program(("C04", "task undo"))
async def cleanup_in_a_task_that_nobody_cancelled() -> None:
    async def undo() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.create_task(work(2))

    task = asyncio.create_task(undo())
    await work(1)
    task.cancel()
    await asyncio.wait([task])
