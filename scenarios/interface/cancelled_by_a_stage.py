"""Cancelled by a stage: what a cancel output and a flag do to a run.

A chat is answered by three stages. When the user has gone, nothing is wanted any more: a stage notices and returns a cancel output, or the
application marks the run's context, and the stages look.
"""

from __future__ import annotations

import asyncio

from stageflow import StageContext, StageOutput

from ..kit import StageBody, call, context, pipeline, survive, work, working
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="Everything that works for the run ends, and the caller is told, with what was done by then.",
    hypotheses=("H2",),
    failure_modes=("Nested Cancellation", "Silent Failures"),
    success=("Cancellation propagates correctly to all dependent stages",),
)


async def gone(ctx: StageContext) -> StageOutput:
    """Notices that the user has gone."""
    await work(0.2)
    return StageOutput.cancel(reason=f"{ctx.stage_name}: the user has gone")


@scenario.control
async def cancel_output() -> None:
    """One branch returns a cancel output at 300 ms: the other branch is cancelled as well, and what comes after never starts."""
    built = pipeline(
        "chat",
        ("history", working(0.1)),
        ("listen", gone, ("history",)),
        ("answer", working(2.0), ("history",)),
        ("send", working(0.1), ("answer",)),
    )
    await call(built, timeout_ms=5000)


def looking(seconds: float) -> StageBody:
    """Works in small pieces, and asks the run's context between two of them."""

    async def body(ctx: StageContext) -> StageOutput:
        for piece in range(int(seconds / 0.05)):
            await asyncio.sleep(0.05)
            if ctx.is_cancelled:
                return StageOutput.cancel(reason=f"{ctx.stage_name}: flagged after {piece} pieces")
        return StageOutput.ok()

    return body


async def flagged(body: StageBody) -> None:
    """A run whose context is marked at 170 ms."""
    ctx = context("chat", timeout_ms=5000)

    async def mark() -> None:
        await asyncio.sleep(0.17)
        ctx.mark_canceled("the user has gone")

    async with asyncio.TaskGroup() as group:
        group.create_task(mark())
        await survive(pipeline("chat", ("answer", body)).run(ctx))


@scenario.variant()
async def flag() -> None:
    """The context is marked at 170 ms; the stage looks every 50 ms, and ends at 200."""
    await flagged(looking(2.0))


@scenario.variant(
    expected=[
        Expected("P09", "stage answer", "a flag is looked at by the run only when a stage has ended: one that does not look works on")
    ]
)
async def nobody_looks() -> None:
    """The context is marked, and the stage does not look: it works on, and its run with it."""
    await flagged(working(0.6))
