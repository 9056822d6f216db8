"""Correct stageflow programs with flags that are noticed, dependencies that are respected and outputs in time; none may have a finding."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from typing import Any
from uuid import uuid4

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.dag import StageGraph, StageSpec
from stageflow.stages.context import PipelineContext

from .shapes import Program, body, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def stage_looks_at_the_flag_before_every_step() -> None:
    """It stops at the next one."""
    ctx = PipelineContext()

    async def looks(stage_ctx: Any) -> StageOutput:
        for _ in range(40):
            if stage_ctx.is_cancelled:
                return StageOutput.cancel("stopped")
            await asyncio.sleep(0.05)
        return StageOutput.ok()

    asyncio.get_running_loop().call_later(0.21, ctx.mark_canceled, "enough")
    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("looks", looks, "work").with_stage("next", body(1), "work", dependencies=("looks",)).run(ctx)


@program
async def flag_that_a_stage_passes_on_to_its_tasks() -> None:
    """It sees the flag, and its group stops the task."""
    ctx = PipelineContext()

    async def fans_out(stage_ctx: Any) -> None:
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(work(10))
            while not stage_ctx.is_cancelled:  # noqa: ASYNC110 - that is how a flag is looked at
                await asyncio.sleep(0.02)
            worker.cancel()

    asyncio.get_running_loop().call_later(0.2, setattr, ctx, "canceled", True)
    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("fans_out", fans_out, "work").run(ctx)


@program
async def flag_and_a_cancel_of_the_run() -> None:
    """Whoever flags it cancels its task as well; the stage has a deadline that is due soon."""
    ctx = PipelineContext(data={"_timeout_ms": 250})
    asyncio.get_running_loop().call_later(0.2, ctx.mark_canceled, "enough")
    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("slow", body(2), "work").run(ctx)


@program
async def flag_while_a_stage_unwinds() -> None:
    """Its sibling failed; it cleans up for a second, and the flag comes in the meantime."""
    ctx = PipelineContext()

    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.1)
        raise ValueError("expected")

    async def careful(_ctx: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.create_task(work(0.8))

    asyncio.get_running_loop().call_later(0.2, ctx.mark_canceled, "enough")
    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("fails", fails, "work").with_stage("careful", careful, "work").run(ctx)


@program
async def flag_of_another_run() -> None:
    """Two runs of one pipeline; one is flagged and looks, the other goes on."""

    async def looks(stage_ctx: Any) -> StageOutput:
        for _ in range(40):
            if stage_ctx.is_cancelled:
                return StageOutput.cancel("stopped")
            await asyncio.sleep(0.05)
        return StageOutput.ok()

    async def run(ctx: PipelineContext) -> None:
        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("looks", looks, "work").run(ctx)

    flagged = PipelineContext(pipeline_run_id=uuid4())
    asyncio.get_running_loop().call_later(0.2, flagged.mark_canceled, "enough")
    await asyncio.gather(run(flagged), run(PipelineContext(pipeline_run_id=uuid4())))


@program
async def deprecated_graph_in_which_all_goes_well() -> None:
    """One stage after the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old: Any = StageGraph
        specs = [
            StageSpec(name="load", runner=body(0.1, {"x": 1})),
            StageSpec(name="bill", runner=body(0.1, {"x": 1}), dependencies=("load",)),
        ]
        await old(specs).run(PipelineContext())


@program
async def stage_that_answers_a_cancellation_with_a_cancel_output() -> None:
    """It says that it has stopped, in the library's own words."""

    async def report(_ctx: Any) -> StageOutput:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            return StageOutput.cancel("stopped")
        return StageOutput.ok()

    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.2)
        raise ValueError("expected")

    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("report", report, "work").with_stage("fails", fails, "work").run(PipelineContext())
