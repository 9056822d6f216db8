"""Resource exhaustion: many timeouts, each with a file open.

Ten requests at once open a file each and are timed out, wave after wave. When a wave is over, its descriptors have to be free again, or
one of the next waves finds none.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from stageflow import StageContext, StageOutput

from ..kit import context, pipeline, survive, work
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="After a wave of timeouts as many descriptors are open as before it.",
    hypotheses=("H7",),
    failure_modes=("Memory Leak", "Cleanup Failure"),
    success=("No resource leaks after cancellation",),
)

REQUESTS = 10
WAVES = 5


async def wave(folder: Path, seconds: float, timeout_ms: int) -> None:
    """So many requests at once, each with a file of its own."""

    async def one(number: int) -> None:
        async def body(ctx: StageContext) -> StageOutput:
            with (folder / f"{number}.txt").open("w") as file:
                file.write(ctx.stage_name)
                return StageOutput.ok(pieces=await work(seconds, steps=3))

        await survive(pipeline("requests", ("serve", body)).run(context("requests", timeout_ms=timeout_ms)))

    await asyncio.gather(*(one(number) for number in range(REQUESTS)))


@scenario.variant()
async def waves_of_timeouts() -> None:
    """Five waves of ten requests, all of which are timed out with a file open."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(WAVES):
            await wave(Path(folder), 5.0, 200)


@scenario.control
async def in_time() -> None:
    """One wave, in which all are served."""
    with tempfile.TemporaryDirectory() as folder:
        await wave(Path(folder), 0.1, 2000)
