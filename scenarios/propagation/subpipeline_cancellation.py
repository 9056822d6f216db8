"""Subpipeline cancellation: a parent stage times out, so the child pipeline that it runs must be cancelled.

A report is made by a stage that spawns a pipeline of its own: `collect`, then `draw`. The parent stage may take 300 ms. If it is
cut in the middle of that, nobody is left to receive what the child makes; a child that goes on is a zombie.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from stageflow import Pipeline, PipelineContext, StageContext, StageOutput, SubpipelineSpawner

from ..kit import StageBody, context, pipeline, survive, working
from ..scenario import Expected, Scenario
from ..workaround import run_and_stop

if TYPE_CHECKING:
    from stageflow.pipeline.results import PipelineResults

scenario = Scenario(
    __name__,
    __doc__,
    must="When the parent stage is cut, the child's run ends with it, and every stage of the child is asked to stop.",
    hypotheses=("H3",),
    failure_modes=("Nested Cancellation", "Orphaned Tasks"),
    success=("Subpipeline timeouts properly cancel child pipelines",),
)

TIMEOUT_MS = 300
SLOW_S = 0.5
"""A child stage that is in the middle of its work when the parent is cut, and ends 200 ms after that by itself."""


def child(collect_s: float) -> Pipeline:
    """The child: `collect` takes the given time, `draw` 50 ms."""
    return pipeline("drawing", ("collect", working(collect_s)), ("draw", working(0.05), ("collect",)))


def spawning(parent: PipelineContext, built: Pipeline, data: dict[str, Any] | None = None) -> StageBody:
    """A stage that runs a child pipeline by stageflow's spawner, and fails when the child failed."""

    async def body(ctx: StageContext) -> StageOutput:
        result = await SubpipelineSpawner().spawn(built.name, parent, uuid.uuid4(), ctx.stage_name, built.build().run, data_overrides=data)
        if not result.success:
            raise RuntimeError(f"no drawing: {result.error}")
        return StageOutput.ok(drawn=True)

    return body


async def report(stage: StageBody, parent: PipelineContext) -> PipelineResults | None:
    """The parent: one stage, `report`."""
    return await survive(pipeline("report", ("report", stage)).run(parent))


def zombie(*criteria: str) -> list[Expected]:
    """`collect`, a stage of the child, goes on although everything above it has ended."""
    return [Expected(criterion, "stage collect", "a cancelled run does not cancel the tasks of its stages") for criterion in criteria]


@scenario.variant(expected=zombie("P02", "P03", "O03"))
async def timeout() -> None:
    """The parent stage is timed out at 300 ms; the child's `collect` takes 500 ms."""
    parent = context("report", timeout_ms=TIMEOUT_MS)
    await report(spawning(parent, child(SLOW_S)), parent)


@scenario.variant(expected=zombie("P02", "P03", "O03"))
async def plain_await() -> None:
    """As `timeout`, but the stage awaits the child's run itself, without the spawner."""

    async def body(ctx: StageContext) -> StageOutput:
        results = await child(SLOW_S).run(context(f"{ctx.stage_name}-drawing"))
        return StageOutput.ok(stages=len(results))

    await report(body, context("report", timeout_ms=TIMEOUT_MS))


@scenario.control
async def child_in_time() -> None:
    """The child ends 200 ms before its parent's deadline."""
    parent = context("report", timeout_ms=TIMEOUT_MS)
    await report(spawning(parent, child(0.05)), parent)


@scenario.control
async def child_times_out() -> None:
    """The child's own stage times out at 100 ms; the parent is told, and fails in good time."""
    parent = context("report", timeout_ms=TIMEOUT_MS)
    await report(spawning(parent, child(SLOW_S), {"_timeout_ms": 100}), parent)


@scenario.control
async def workaround() -> None:
    """As `timeout`, but the child is run so that its stages are cancelled when its run ends."""
    parent = context("report", timeout_ms=TIMEOUT_MS)

    async def body(ctx: StageContext) -> StageOutput:
        async def runner(ctx: PipelineContext) -> PipelineResults:
            return await run_and_stop(child(SLOW_S), ctx)

        result = await SubpipelineSpawner().spawn("drawing", parent, uuid.uuid4(), ctx.stage_name, runner)
        return StageOutput.ok(drawn=result.success)

    await report(body, parent)
