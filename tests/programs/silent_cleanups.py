"""Correct programs that look like those of `faulty_cleanups`: cleanup that is done in time, and waiting that is no cleanup."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

from .faulty import with_timeouts
from .faulty_cleanups import slow_to_go
from .shapes import work

if TYPE_CHECKING:
    from .shapes import Program

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def task_that_goes_in_time() -> None:
    task = asyncio.create_task(slow_to_go(1))
    await work(1)
    task.cancel()
    await asyncio.wait([task])


@program
async def timeout_whose_body_goes_in_time() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await slow_to_go(0.9)


@program
async def stage_that_goes_in_time_at_its_timeout() -> None:
    async def fetch(_ctx: Any) -> None:
        await slow_to_go(0.9)

    pipeline = Pipeline(name="demo").with_stage("fetch", fetch, "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(), interceptors=with_timeouts(fetch=300))


@program
async def callbacks_that_take_long_together() -> None:
    """Each of them is in time."""
    graph: Any = None

    async def flush() -> None:
        await work(0.8)

    async def close() -> None:
        await work(0.8)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(flush)
        graph.register_cleanup(close)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())


@program
async def shielded_work_that_is_awaited_for_long() -> None:
    """It must be finished, and whoever was cancelled waits for it."""

    async def saves() -> None:
        write = asyncio.create_task(work(5))
        try:
            await asyncio.shield(write)
        except asyncio.CancelledError:
            await write
            raise

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(saves(), 1)


@program
async def long_work_after_a_timeout_is_no_cleanup() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await slow_to_go(0.5)
    await work(5)


@program
async def long_work_after_a_group_that_was_aborted() -> None:
    async def fails() -> None:
        await work(1)
        raise ValueError("planted")

    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(slow_to_go(0.5))
            group.create_task(fails())
    await work(5)
