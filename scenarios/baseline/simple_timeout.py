"""Simple timeout: a stage takes longer than it may, and is cancelled.

An order service asks a supplier for a quote. The supplier's connection is slow today: the quote would take two seconds, the
stage has 200 ms. The stage works in small pieces and closes its connection in `finally`, as it should.
"""

from __future__ import annotations

import asyncio

from stageflow import StageContext, StageOutput

from ..kit import call, pipeline, work, working
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="The stage is cancelled within 100 ms of its deadline, runs its own cleanup, ends, and the caller is told of the timeout.",
    hypotheses=("H1",),
    failure_modes=("Timeout Drift", "Silent Failures"),
    success=("TimeoutInterceptor cancels stage within configured time (+/- 100ms tolerance)", "No silent failures during timeout tests"),
)

TIMEOUT_MS = 200


async def quote(ctx: StageContext) -> StageOutput:
    """Asks the supplier piece by piece, and closes the connection whatever happens."""
    connection = [ctx.stage_name]
    try:
        return StageOutput.ok(pieces=await work(2.0, steps=40))
    finally:
        connection.clear()


@scenario.variant()
async def timeout() -> None:
    """The quote takes ten times as long as the stage may take."""
    await call(pipeline("order", ("quote", quote)), timeout_ms=TIMEOUT_MS)


async def stubborn_quote(ctx: StageContext) -> StageOutput:
    """Retries on *any* trouble, the cancellation included: a `try` that catches too much."""
    for supplier in ("first", "second"):
        try:
            return StageOutput.ok(pieces=await work(0.4), supplier=supplier, stage=ctx.stage_name)
        except (OSError, asyncio.CancelledError):
            continue
    return StageOutput.ok(pieces=0)


SWALLOWS = "the stage catches CancelledError and asks the next supplier, and its late result is taken"


# The stage's own fault, whatever the library: asyncio can only ask.
@scenario.variant(expected=[Expected(criterion, "stage quote", SWALLOWS, library="") for criterion in ("P08", "D01", "R01", "O03")])
async def swallowed() -> None:
    """The stage catches its cancellation and goes on, and the caller gets a normal result long after the deadline."""
    await call(pipeline("order", ("quote", stubborn_quote)), timeout_ms=TIMEOUT_MS)


@scenario.control
async def in_time() -> None:
    """The supplier answers in half of the time."""
    await call(pipeline("order", ("quote", working(0.1))), timeout_ms=TIMEOUT_MS)
