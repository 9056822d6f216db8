"""stageflow programs with one planted fault each in what the caller of a run gets, and what must be found in them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .shapes import Faulty, body

PROGRAMS = Faulty()
program = PROGRAMS.program


async def _breaks_while_it_stops(_ctx: Any) -> None:
    try:
        await asyncio.sleep(5)
    finally:
        raise ConnectionError("connection lost")


# The error of its cleanup ends the stage in place of the cancellation (P08), and hides the timeout from the caller.
@program(("R02", "stage fetch"), ("P08", "stage fetch"))
async def cleanup_that_hides_the_timeout() -> None:
    with contextlib.suppress(Exception):
        await Pipeline(name="hidden").with_stage("fetch", _breaks_while_it_stops, "work").run(PipelineContext(data={"_timeout_ms": 300}))


@program(("R02", "stage inner"), ("P08", "stage inner"))
async def cleanup_that_hides_the_timeout_of_a_child() -> None:
    async def spawns(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            child.data["_timeout_ms"] = 300
            return await Pipeline(name="child").with_stage("inner", _breaks_while_it_stops, "work").run(child)

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    await Pipeline(name="parent").with_stage("spawns", spawns, "work").run(PipelineContext())


@program(("R03", "pipeline chain"))
async def timeout_of_the_last_stage_loses_the_first_one_s_result() -> None:
    pipeline = Pipeline(name="chain").with_stage("a", body(0.1, {"x": 1}), "work").with_stage("b", body(5), "work", dependencies=("a",))
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(data={"_timeout_ms": 300}))


@program(("R03", "pipeline siblings"))
async def error_of_a_stage_loses_the_result_of_its_sibling() -> None:
    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.2)
        raise ValueError("expected")

    pipeline = Pipeline(name="siblings").with_stage("quick", body(0.1, {"x": 1}), "work").with_stage("fails", fails, "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext())


@program(("R03", "pipeline child"))
async def child_that_fails_loses_what_it_had() -> None:
    async def runner(child: PipelineContext) -> Any:
        pipeline = Pipeline(name="child").with_stage("first", body(0.1, {"x": 1}), "work")
        return await pipeline.with_stage("last", body(0.1, StageOutput.fail("no")), "work", dependencies=("first",)).run(child)

    async def spawns(ctx: Any) -> None:
        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    await Pipeline(name="parent").with_stage("spawns", spawns, "work").run(PipelineContext())
