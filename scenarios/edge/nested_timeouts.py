"""Nested timeouts: a limit inside a limit inside a limit.

A stage asks a server with a timeout of its own, inside the stage's limit, inside the time that the caller has. Whichever comes first ends
what it bounds, and nothing else; when two come in one moment, one of them ends it, and everybody is told the same.
"""

from __future__ import annotations

import asyncio
import contextlib

from stageflow import StageContext, StageOutput

from ..kit import StageBody, call, context, pipeline, work
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="A timeout ends what it bounds and nothing else, and only its own timeout is called a stage's.",
    hypotheses=("H5",),
    failure_modes=("Timeout Leakage", "Race Conditions", "Stack Overflow"),
    success=("No race conditions in concurrent timeout scenarios",),
)


def asking(*limits: float, seconds: float = 2.0) -> StageBody:
    """Asks once inside all of these timeouts, the first one outermost; of what times out it makes a result."""

    async def body(ctx: StageContext) -> StageOutput:
        answered = False
        with contextlib.suppress(TimeoutError):
            async with contextlib.AsyncExitStack() as stack:
                for limit in limits:
                    await stack.enter_async_context(asyncio.timeout(limit))
                await work(seconds)
                answered = True
        return StageOutput.ok(answered=answered, stage=ctx.stage_name)

    return body


@scenario.variant()
async def inner_first() -> None:
    """The innermost of three timeouts comes first, at 100 ms; the stage goes on and ends normally."""
    await call(pipeline("ask", ("ask", asking(0.3, 0.2, 0.1))), timeout_ms=500)


@scenario.variant()
async def outer_first() -> None:
    """The outermost of three timeouts comes first, at 100 ms, and ends all three blocks."""
    await call(pipeline("ask", ("ask", asking(0.1, 0.2, 0.3))), timeout_ms=500)


@scenario.variant()
async def all_at_once() -> None:
    """Three timeouts come at the same moment, well before the stage's own."""
    await call(pipeline("ask", ("ask", asking(0.2, 0.2, 0.2))), timeout_ms=500)


@scenario.variant()
async def stage_first() -> None:
    """The stage's limit comes first, at 100 ms; the timeouts inside it are taken off on the way out."""
    await call(pipeline("ask", ("ask", asking(0.3, 0.3))), timeout_ms=100)


@scenario.variant()
async def a_hundred_deep() -> None:
    """A hundred timeouts, one inside the other, and the outermost comes first."""
    await call(pipeline("ask", ("ask", asking(0.1, *[0.5] * 99))), timeout_ms=1000)


@scenario.variant()
async def runs_fifty_deep() -> None:
    """Fifty runs, each in a stage of the one before; the innermost stage reaches its limit, and all of them end by it."""

    def nest(depth: int) -> StageBody:
        async def body(ctx: StageContext) -> StageOutput:
            if depth == 0:
                return StageOutput.ok(pieces=await work(2.0), stage=ctx.stage_name)
            await pipeline(f"ask_{depth}", ("ask", nest(depth - 1))).run(context("ask", timeout_ms=200 if depth == 1 else 2000))
            return StageOutput.ok(stage=ctx.stage_name)

        return body

    await call(pipeline("ask_50", ("ask", nest(49))), timeout_ms=2000)


@scenario.variant(
    expected=[
        Expected(criterion, "stage ask", "a cancelled run does not cancel the tasks of its stages") for criterion in ("P02", "P03", "O03")
    ]
)
async def caller_first() -> None:
    """The caller's time is up before the stage's: the run is cancelled, and its stage is not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await pipeline("ask", ("ask", asking(seconds=0.4))).run(context("ask", timeout_ms=1000))
    await asyncio.sleep(0.3)


@scenario.control
async def in_time() -> None:
    """The server answers before any of them."""
    await call(pipeline("ask", ("ask", asking(0.3, 0.2, seconds=0.1))), timeout_ms=500)
