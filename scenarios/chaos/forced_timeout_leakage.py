"""Forced timeout leakage: an async generator yields inside its own timeout.

A generator of rows puts a timeout around what it does for each row, the `yield` included. While the consumer works on a row, the
generator's timer runs on, and when it fires it cancels whoever runs then: the consumer (PEP 789).
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from stageflow import StageContext, StageOutput

from ..kit import StageBody, call, pipeline, work
from ..scenario import Expected, Scenario

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

scenario = Scenario(
    __name__,
    __doc__,
    must="A timeout cuts what it was put around, and never who happens to run meanwhile.",
    hypotheses=("H6",),
    failure_modes=("Timeout Leakage",),
    success=("Async generator timeouts don't leak to outer scope",),
)

ROW_S = 0.05


async def leaking() -> AsyncGenerator[int, None]:
    """Yields inside of its timeout."""
    for row in range(3):
        async with asyncio.timeout(ROW_S * 2):
            await asyncio.sleep(ROW_S)
            yield row


async def sound() -> AsyncGenerator[int, None]:
    """Yields when its timeout has been left."""
    for row in range(3):
        async with asyncio.timeout(ROW_S * 2):
            await asyncio.sleep(ROW_S)
        yield row


def consuming(rows: Callable[[], AsyncGenerator[int, None]], seconds: float) -> StageBody:
    """Works on each row for some time."""

    async def body(ctx: StageContext) -> StageOutput:
        done = 0
        async with aclosing(rows()) as source:
            async for _ in source:
                await work(seconds)
                done += 1
        return StageOutput.ok(rows=done, stage=ctx.stage_name)

    return body


LEAKS = "a timer that runs while the generator is suspended cancels whoever runs then (PEP 789)"


@scenario.variant(
    expected=[
        Expected("P07", "stage read", LEAKS, library=""),
        Expected("P07", "pipeline rows", LEAKS, library=""),
        Expected("P08", "timeout leaking", LEAKS, library=""),
    ]
)
async def yields_inside() -> None:
    """The consumer needs 200 ms for a row, and the generator's timeout of 100 ms cuts it."""
    # What leaks goes through the run to whoever called it, though nobody has cancelled that.
    with contextlib.suppress(asyncio.CancelledError):
        await call(pipeline("rows", ("read", consuming(leaking, 0.2))), timeout_ms=2000)


@scenario.variant()
async def yields_outside() -> None:
    """The same with a generator that leaves its timeout before it yields."""
    await call(pipeline("rows", ("read", consuming(sound, 0.2))), timeout_ms=2000)


@scenario.control
async def in_time() -> None:
    """The consumer is quick."""
    await call(pipeline("rows", ("read", consuming(leaking, 0.01))), timeout_ms=2000)
