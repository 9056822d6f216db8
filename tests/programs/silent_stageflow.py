"""Correct stageflow pipelines, some of which fail or time out as they should; none may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.interceptors import BaseInterceptor, ErrorAction, get_default_interceptors
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .shapes import Program, body, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def pipeline_that_completes() -> None:
    """A diamond, all in time."""
    pipeline = (
        Pipeline(name="diamond")
        .with_stage("a", body(0.1), "work")
        .with_stage("b", body(0.2), "work", dependencies=("a",))
        .with_stage("c", body(0.3), "work", dependencies=("a",))
        .with_stage("d", body(0.1), "work", dependencies=("b", "c"))
    )
    await pipeline.run(PipelineContext(data={"_timeout_ms": 1000}))


@program
async def siblings_cancelled_by_a_stage_that_raised() -> None:
    """Stageflow cancels and awaits them."""

    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.2)
        raise ValueError("expected")

    pipeline = Pipeline(name="raises").with_stage("bad", fails, "work").with_stage("other", body(5), "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext())
    await asyncio.sleep(6)


@program
async def cancel_output() -> None:
    """A stage ends the run without an error."""
    pipeline = (
        Pipeline(name="stops").with_stage("stop", body(0.2, StageOutput.cancel("enough")), "work").with_stage("other", body(5), "work")
    )
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext())
    await asyncio.sleep(6)


@program
async def single_stage_times_out() -> None:
    """Nobody else is there to be forgotten."""
    with contextlib.suppress(Exception):
        await Pipeline(name="alone").with_stage("slow", body(5), "work").run(PipelineContext(data={"_timeout_ms": 300}))
    await asyncio.sleep(6)


@program
async def all_stages_time_out_together() -> None:
    """Per-stage deadlines that are due together."""
    pipeline = Pipeline(name="together")
    for n in range(20):
        pipeline = pipeline.with_stage(f"s{n}", body(5), "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(data={"_timeout_ms": 300}))
    await asyncio.sleep(6)


@program
async def dependents_of_a_timed_out_stage_do_not_run() -> None:
    """The chain stops at the first one."""
    pipeline = Pipeline(name="chain").with_stage("a", body(5), "work").with_stage("b", body(1), "work", dependencies=("a",))
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(data={"_timeout_ms": 300}))


@program
async def child_that_ends_before_its_parent_s_deadline() -> None:
    """A child pipeline in time."""

    async def spawns(ctx: Any) -> Any:
        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", body(0.5), "work").run(child)

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    await Pipeline(name="parent").with_stage("spawns", spawns, "work").run(PipelineContext(data={"_timeout_ms": 2000}))


@program
async def skipped_and_conditional_stages() -> None:
    """A skip is no failure of who depends on it."""
    pipeline = (
        Pipeline(name="skips")
        .with_stage("a", body(0.1, StageOutput.ok(skip_reason="no")), "work")
        .with_stage("b", body(0.1), "work", dependencies=("a",), conditional=True)
        .with_stage("c", body(0.1), "work", dependencies=("b",))
    )
    await pipeline.run(PipelineContext())


@program
async def cleanup_callbacks_in_order() -> None:
    """Registered, run last in first out, done."""
    graph: Any = None

    async def close() -> None:
        await asyncio.sleep(0.1)

    async def flush() -> None:
        await asyncio.sleep(0.1)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(close, name="one")
        graph.register_cleanup(flush, name="two")
        await asyncio.sleep(0.1)

    graph = Pipeline(name="cleans").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())


@program
async def retry_that_succeeds() -> None:
    """The second attempt is fine. The library gives it no deadline of its own, so that there is one around the run."""

    class Again(BaseInterceptor):
        name = "again"
        priority = 30

        async def before(self, stage_name: str, ctx: Any) -> None:
            """Nothing to do."""

        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            """Nothing to do."""

        async def on_error(self, stage_name: str, error: Exception, ctx: Any) -> ErrorAction:
            return ErrorAction.RETRY

    tries: list[int] = []

    async def flaky(_ctx: Any) -> None:
        tries.append(1)
        await asyncio.sleep(0.1)
        if len(tries) == 1:
            raise ValueError("first")

    pipeline = Pipeline(name="again").with_stage("flaky", flaky, "work").with_stage("next", body(0.1), "work", dependencies=("flaky",))
    async with asyncio.timeout(10):
        await pipeline.run(PipelineContext(), interceptors=[*get_default_interceptors(), Again()])


@program
async def stage_with_a_task_group_of_its_own() -> None:
    """Its workers end with it when it times out."""

    async def fans_out(_ctx: Any) -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(5):
                group.create_task(work(n + 1))

    with contextlib.suppress(Exception):
        await Pipeline(name="fan").with_stage("out", fans_out, "work").run(PipelineContext(data={"_timeout_ms": 1500}))
    await asyncio.sleep(6)


@program
async def run_cancelled_from_outside_with_one_stage_waiting_on_it() -> None:
    """The caller gives up before any stage has begun its work."""
    run = asyncio.create_task(Pipeline(name="early").with_stage("s", body(1), "work").run(PipelineContext()))
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


@program
async def flag_before_the_next_stage() -> None:
    """A cooperative flag is heeded between two stages."""
    ctx = PipelineContext()
    asyncio.get_running_loop().call_later(0.05, ctx.mark_canceled, "stop")
    pipeline = Pipeline(name="flagged").with_stage("a", body(0.1), "work").with_stage("b", body(1), "work", dependencies=("a",))
    with contextlib.suppress(Exception):
        await pipeline.run(ctx)
