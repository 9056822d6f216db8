"""stageflow programs with one planted fault each: flags that nobody notices, stages that run or answer though they should not."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import warnings
from typing import Any
from uuid import UUID, uuid4

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.dag import StageGraph, StageSpec
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .shapes import Faulty, body, work

PROGRAMS = Faulty()
program = PROGRAMS.program


@program(("P09", "stage deaf"))
async def stage_never_looks_at_the_flag() -> None:
    ctx = PipelineContext()
    asyncio.get_running_loop().call_later(0.2, ctx.mark_canceled, "enough")
    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("deaf", body(2), "work").with_stage("next", body(1), "work", dependencies=("deaf",)).run(ctx)


@program(("P09", "stage fans_out"), ("P09", "task work"))
async def flag_that_neither_a_stage_nor_its_task_notices() -> None:
    ctx = PipelineContext()

    async def fans_out(_ctx: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(1))
            group.create_task(work(0.25))

    asyncio.get_running_loop().call_later(0.2, setattr, ctx, "canceled", True)
    await Pipeline(name="demo").with_stage("fans_out", fans_out, "work").run(ctx)


@program(("P09", "stage spawns"), ("P09", "stage inner"))
async def flag_that_a_child_run_does_not_notice() -> None:
    """The parent is flagged with its children, which were given no context to look at."""
    spawner = SubpipelineSpawner()
    ctx = PipelineContext(pipeline_run_id=uuid4())

    async def runner(child: PipelineContext) -> Any:
        return await Pipeline(name="child").with_stage("inner", body(2), "work").run(child)

    async def spawns(stage_ctx: Any) -> None:
        await spawner.spawn("child", ctx, uuid4(), stage_ctx.stage_name, runner)

    run = asyncio.create_task(Pipeline(name="parent").with_stage("spawns", spawns, "work").run(ctx))
    await asyncio.sleep(0.3)
    run_id = ctx.pipeline_run_id
    assert isinstance(run_id, UUID)
    await spawner.cancel_with_children(run_id)
    await asyncio.gather(run, return_exceptions=True)


@program(("P06", "stage bill"), ("P06", "stage send"))
async def deprecated_graph_goes_on_after_a_failed_stage() -> None:
    async def load(_ctx: Any) -> dict[str, Any]:
        await asyncio.sleep(0.1)
        raise ValueError("expected")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old: Any = StageGraph
        specs = [
            StageSpec(name="load", runner=load),
            StageSpec(name="bill", runner=body(0.1, {"x": 1}), dependencies=("load",)),
            StageSpec(name="send", runner=body(0.1, {"x": 1}), dependencies=("load", "bill")),
        ]
        await old(specs).run(PipelineContext())


# Python 3.11's wait_for throws the result away that a cancelled stage has returned: its code succeeded, the graph was told otherwise.
_THROWN_AWAY = [("O02", "stage report")] if sys.version_info < (3, 12) else []


@program(("O03", "stage report"), ("P08", "stage report"), ("R01", "stage report"), *_THROWN_AWAY)
async def stage_answers_though_it_was_cancelled() -> None:
    async def report(_ctx: Any) -> StageOutput:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        await asyncio.sleep(0.5)
        return StageOutput.ok(rows=3)

    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.2)
        raise ValueError("expected")

    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("report", report, "work").with_stage("fails", fails, "work").run(PipelineContext())
