"""Three things that every scenario needs, written the way an application would write them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from stageflow import Pipeline, PipelineContext, StageContext, StageKind, StageOutput
from stageflow.pipeline.dag import UnifiedPipelineCancelled, UnifiedStageExecutionError

if TYPE_CHECKING:
    from stageflow.pipeline.results import PipelineResults

StageBody = Callable[[StageContext], Coroutine[Any, Any, StageOutput]]

FAILURES = (UnifiedStageExecutionError, UnifiedPipelineCancelled, TimeoutError)
"""What an application that calls a pipeline is prepared for. Anything else is a fault of the scenario itself."""


def pipeline(name: str, *stages: tuple[str, StageBody] | tuple[str, StageBody, tuple[str, ...]]) -> Pipeline:
    """A pipeline of `(name, body)` and `(name, body, dependencies)`."""
    built = Pipeline(name=name)
    for stage in stages:
        built = built.with_stage(stage[0], stage[1], StageKind.TRANSFORM, dependencies=stage[2] if len(stage) == 3 else ())
    return built


def context(name: str, *, timeout_ms: int | None = None) -> PipelineContext:
    """The context of one run. `timeout_ms` is stageflow's documented way to set it for all stages; None leaves its 30 s default."""
    data: dict[str, Any] = {} if timeout_ms is None else {"_timeout_ms": timeout_ms}
    return PipelineContext.create(pipeline_run_id=uuid.uuid4(), topology=name, data=data)


async def call(built: Pipeline, *, timeout_ms: int | None = None) -> PipelineResults | None:
    """Run a pipeline as an application does: take its results, or go on without them when it fails."""
    return await survive(built.run(context(built.name, timeout_ms=timeout_ms)))


async def survive(running: Awaitable[PipelineResults]) -> PipelineResults | None:
    """The results of a run that is under way, or None when it failed in a way that an application is prepared for."""
    try:
        return await running
    except FAILURES:
        return None


async def work(seconds: float, *, steps: int = 10) -> int:
    """Do something useful for a while, in small pieces, as a loop over rows, pages or tokens does. Returns the pieces done.

    Each piece is due at a time of its own, like the ticks of a clock: where each slept for its own length, ten sleeps that are late
    on a busy machine would be late ten times over.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    for step in range(1, steps + 1):
        await asyncio.sleep(began + step * seconds / steps - loop.time())
    return steps


def working(seconds: float) -> StageBody:
    """The body of a stage that works for some time and then has a result."""

    async def body(ctx: StageContext) -> StageOutput:
        return StageOutput.ok(pieces=await work(seconds), stage=ctx.stage_name)

    return body
