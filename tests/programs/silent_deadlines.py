"""Correct programs with deadlines of all kinds: nothing above `info` may be found in them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import anyio
from stageflow import Pipeline
from stageflow.pipeline.interceptors import LoggingInterceptor, TimeoutInterceptor, get_default_interceptors
from stageflow.stages.context import PipelineContext

import spanproof

from .faulty_deadlines import Flaky, OnceMore, beats, demo
from .shapes import Program, body, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def configured_and_read() -> None:
    """The interceptor that reads the timeout is there."""
    context = PipelineContext(data={"_timeout_ms": 700})
    await demo(body(0.5)).run(context, interceptors=[TimeoutInterceptor(), LoggingInterceptor()])


@program
async def configured_values_of_many_kinds() -> None:
    """Whole, with a fraction, for ever, none."""
    for value in (700, 700.25, float("inf"), 0, -1):
        await demo(body(0.5)).run(PipelineContext(data={"_timeout_ms": value}))
    await demo(body(0.5)).run(PipelineContext())


@program
async def scopes_that_are_armed_later_or_never() -> None:
    """The ways of asyncio and anyio to say `no timeout`, and one that is given later."""
    async with asyncio.timeout(None) as scope:
        await work(0.1)
        scope.reschedule(asyncio.get_running_loop().time() + 1)
        await work(0.1)
    await asyncio.wait_for(work(0.1), None)
    await asyncio.wait_for(work(0.1), float("inf"))
    with anyio.move_on_after(None):
        await work(0.1)
    with anyio.CancelScope() as other:
        other.deadline = anyio.current_time() + 1
        await work(0.1)
    with anyio.move_on_after(0):
        await anyio.sleep(1)


@program
async def retry_inside_a_deadline_around_the_run() -> None:
    """The first attempt has the library's 30 seconds, the second has none of its own; but the run has one, from outside."""
    async with asyncio.timeout(10):
        await demo(Flaky()).run(PipelineContext(), interceptors=[*get_default_interceptors(), OnceMore()])


@program
async def retry_in_a_task_inside_a_deadline() -> None:
    """The same, where a task runs the pipeline."""
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            group.create_task(demo(Flaky()).run(PipelineContext(), interceptors=[*get_default_interceptors(), OnceMore()]))


@program
async def retry_of_a_stage_that_has_no_deadline() -> None:
    """0 is none, for each attempt."""
    await demo(Flaky()).run(PipelineContext(data={"_timeout_ms": 0}), interceptors=[*get_default_interceptors(), OnceMore()])


@program
async def stage_that_heeds_its_heartbeats() -> None:
    """The library's timeout is off; a scope of the stage's own moves on with each heartbeat."""

    async def long(_ctx: Any) -> None:
        async with asyncio.timeout(2) as scope:
            for _ in range(10):
                spanproof.heartbeat(timeout=2)
                scope.reschedule(asyncio.get_running_loop().time() + 2)
                await asyncio.sleep(0.3)

    await demo(long).run(PipelineContext(data={"_timeout_ms": 0}))


@program
async def cut_when_nothing_was_heard_any_more() -> None:
    """It hangs after its last heartbeat, and is cut when it may be taken for dead."""

    async def hangs() -> None:
        async with asyncio.timeout(2) as scope:
            for _ in range(3):
                spanproof.heartbeat(timeout=2)
                scope.reschedule(asyncio.get_running_loop().time() + 2)
                await asyncio.sleep(0.3)
            await asyncio.sleep(60)

    with contextlib.suppress(TimeoutError):
        await hangs()


@program
async def heartbeats_that_say_nothing_of_the_time() -> None:
    """Progress for whoever looks at the trace; a deadline may cut it."""

    async def long() -> None:
        while True:
            spanproof.heartbeat()
            await asyncio.sleep(0.3)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(long(), 1)


@program
async def worker_that_beats_and_is_stopped() -> None:
    """Cancelled by hand: whoever does that knows that it is alive."""
    worker = asyncio.create_task(beats(60))
    await asyncio.sleep(1)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


@program
async def cleanup_with_a_timeout_of_its_own() -> None:
    """After the outer deadline has fired, closing has a little more time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            try:
                await work(60)
            finally:
                async with asyncio.timeout(0.5):
                    await work(0.1)


@program
async def shielded_cleanup_in_anyio() -> None:
    """The same in anyio, where a shield is needed."""
    with anyio.move_on_after(1):
        try:
            await anyio.sleep(60)
        finally:
            with anyio.move_on_after(5, shield=True):
                await anyio.sleep(0.1)


@program
async def result_taken_out_after_the_timeout() -> None:
    """The task is kept, and its result is there although the wait was cut."""
    task = asyncio.create_task(work(1, "result"))
    try:
        await asyncio.wait_for(asyncio.shield(task), 1)
    except TimeoutError:
        assert await task == "result"


@program
async def stages_that_fire_together() -> None:
    """Two hundred stages of one timeout."""
    pipeline: Any = Pipeline(name="demo")
    for number in range(200):
        pipeline = pipeline.with_stage(f"s{number}", polling, "work")
    await pipeline.run(PipelineContext(data={"_timeout_ms": 1000}))


async def polling(_ctx: Any) -> None:
    """Polls an empty queue twice, and gives up."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    for _ in range(2):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.3)
