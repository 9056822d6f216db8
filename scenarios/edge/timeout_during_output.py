"""Timeout during output: the deadline comes while a stage writes what it has to give.

The stage `write` puts a report into a file in ten pieces and notes after each how far it is. In the middle of it its time is up. What is in
the file is a part; the note says which; a later run can go on from there, if it finds it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from stageflow import StageContext, StageOutput

from ..kit import StageBody, call, pipeline, work, working
from ..known import results_lost
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="Nobody takes half of an output for a whole one; what was done by then can be had.",
    hypotheses=("H8",),
    failure_modes=("Checkpoint Loss", "Silent Failures"),
    success=("Partial results accessible after timeout",),
)

TIMEOUT_MS = 260
PIECES = 10
PIECE_S = 0.05


def writing(folder: Path) -> StageBody:
    """Goes on where the note says that an earlier one was; a piece counts when it is whole."""
    done = folder / "done.json"

    async def body(ctx: StageContext) -> StageOutput:
        first = json.loads(done.read_text()) if done.exists() else 0
        for piece in range(first, PIECES):
            await work(PIECE_S, steps=1)
            with (folder / "report.txt").open("a") as report:
                report.write(f"piece {piece}\n")
            done.write_text(json.dumps(piece + 1))
        return StageOutput.ok(pieces=PIECES - first, stage=ctx.stage_name)

    return body


@scenario.variant(expected=[results_lost("report")])
async def half_written() -> None:
    """The stage `read` is done; `write` is timed out in its sixth piece: the caller gets an error, and nothing of what `read` gave."""
    with tempfile.TemporaryDirectory() as folder:
        await call(pipeline("report", ("read", working(0.05)), ("write", writing(Path(folder)), ("read",))), timeout_ms=TIMEOUT_MS)


@scenario.variant(expected=[results_lost("report")])
async def gone_on_with() -> None:
    """The same, and then a second run, which goes on from the note on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        built = pipeline("report", ("read", working(0.05)), ("write", writing(Path(folder)), ("read",)))
        await call(built, timeout_ms=TIMEOUT_MS)
        await call(built, timeout_ms=2000)
        if len((Path(folder) / "report.txt").read_text().splitlines()) != PIECES:
            raise AssertionError("a piece is missing, or there twice")


@scenario.variant()
async def cancelled_with_results() -> None:
    """A stage that sees its limit coming returns a cancel output: its caller gets what was done by then."""

    async def body(ctx: StageContext) -> StageOutput:
        pieces = 0
        for _ in range(4):
            await work(PIECE_S, steps=1)
            pieces += 1
        return StageOutput.cancel(reason=f"{ctx.stage_name}: out of time", data={"pieces": pieces})

    await call(pipeline("report", ("read", working(0.05)), ("write", body, ("read",))), timeout_ms=TIMEOUT_MS)


@scenario.control
async def in_time() -> None:
    """There is time enough."""
    with tempfile.TemporaryDirectory() as folder:
        await call(pipeline("report", ("read", working(0.05)), ("write", writing(Path(folder)), ("read",))), timeout_ms=2000)
