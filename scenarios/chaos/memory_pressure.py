"""Memory pressure: stages that hold much are timed out again and again.

Each request decodes a picture into a large buffer and is timed out with it in its hands. When the caller has dropped what it got, the
buffer must be gone: a reference that somebody keeps, an error that holds its frames, a task that is remembered, and the service runs out of
memory in an hour.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from stageflow import StageContext, StageOutput

from ...instrument.rounds import Rounds
from ..kit import StageBody, call, pipeline, work
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="What a stage that was timed out had in its hands is gone when the caller has dropped the result.",
    hypotheses=("H7",),
    failure_modes=("Memory Leak",),
    success=("No memory growth during timeout stress tests", "No resource leaks after cancellation"),
)

SIZE = 200_000


class Picture:
    """Something large that can be watched."""

    def __init__(self) -> None:
        self.pixels = bytearray(SIZE)


def decoding(rounds: Rounds, file: Path, kept: list[Picture] | None = None) -> StageBody:
    """Holds a picture and a file for as long as it is left to work."""

    async def body(ctx: StageContext) -> StageOutput:
        picture = Picture()
        rounds.watch(picture)
        if kept is not None:
            kept.append(picture)
        with file.open("wb") as out:
            out.write(picture.pixels[:1])
            await work(1.0, steps=100)
        return StageOutput.ok(pixels=len(picture.pixels), stage=ctx.stage_name)

    return body


async def timed_out(times: int, kept: list[Picture] | None = None) -> None:
    """So many runs, one after the other, each measured when it is over."""
    rounds = Rounds("timed-out runs")
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            await call(pipeline("pictures", ("decode", decoding(rounds, Path(folder, "picture"), kept))), timeout_ms=20)
            await rounds.over()


@scenario.variant(real=True)
async def again_and_again() -> None:
    """Twenty-five runs are timed out, each with a picture and a file in its hands."""
    await timed_out(25)


@scenario.variant(
    expected=[Expected("L04", "task application timed-out runs", "a list of the program's keeps every picture", library="")], real=True
)
async def somebody_keeps_them() -> None:
    """Three runs, and a list of the application's keeps each picture."""
    await timed_out(3, [])


@scenario.control
async def in_time() -> None:
    """One picture, decoded in time."""
    with tempfile.TemporaryDirectory() as folder:
        await call(pipeline("pictures", ("decode", decoding(Rounds("one"), Path(folder, "picture")))), timeout_ms=2000)
