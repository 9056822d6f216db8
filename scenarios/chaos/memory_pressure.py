"""Memory pressure: stages that hold much are timed out again and again.

Each request decodes a picture into a large buffer and is timed out with it in its hands. When the caller has dropped what it got, the
buffer must be gone: a reference that somebody keeps, an error that holds its frames, a task that is remembered, and the service runs out of
memory in an hour.
"""

from __future__ import annotations

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

ROUNDS = 26
SIZE = 200_000


class Picture:
    """Something large that can be watched."""

    def __init__(self) -> None:
        self.pixels = bytearray(SIZE)


def decoding(rounds: Rounds, kept: list[Picture] | None = None) -> StageBody:
    """Holds a picture for as long as it is left to work."""

    async def body(ctx: StageContext) -> StageOutput:
        picture = Picture()
        rounds.watch(picture)
        if kept is not None:
            kept.append(picture)
        await work(1.0, steps=100)
        return StageOutput.ok(pixels=len(picture.pixels), stage=ctx.stage_name)

    return body


@scenario.variant(real=True)
async def timed_out_again_and_again() -> None:
    """Twenty-six runs are timed out, each with a picture in its hands."""
    rounds = Rounds("timed-out runs")
    for _ in range(ROUNDS):
        await call(pipeline("pictures", ("decode", decoding(rounds))), timeout_ms=20)
        await rounds.over()


KEPT = "a list of the program's keeps every picture"


@scenario.variant(
    expected=[Expected(criterion, "task application timed-out runs", KEPT, library="") for criterion in ("L02", "L04")], real=True
)
async def somebody_keeps_them() -> None:
    """The same, and a list of the application's keeps each picture."""
    rounds, kept = Rounds("timed-out runs"), list[Picture]()
    for _ in range(ROUNDS):
        await call(pipeline("pictures", ("decode", decoding(rounds, kept))), timeout_ms=20)
        await rounds.over()


@scenario.control
async def in_time() -> None:
    """One picture, decoded in time."""
    await call(pipeline("pictures", ("decode", decoding(Rounds("one")))), timeout_ms=2000)
