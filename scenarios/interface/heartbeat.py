"""Heartbeat: a long stage says that it is alive, so that its timeout is not taken for a hang.

A transcription takes as long as the recording that it is given. It makes progress all the time, and says so. Somebody has to listen, or
the stage is cut in the middle of its work like one that hangs.
"""

from __future__ import annotations

import asyncio

from stageflow import StageContext, StageOutput

from ...instrument.declare import heartbeat
from ..kit import StageBody, call, context, pipeline, survive, work
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="A stage that says in time that it is alive is not cut by its timeout.",
    hypotheses=("H10",),
    failure_modes=("Timeout Drift",),
    success=("TimeoutInterceptor cancels stage within configured time (+/- 100ms tolerance)",),
)

TIMEOUT_MS = 200
PIECES = 8
PIECE_S = 0.05


def transcribe(*, moved: bool = False) -> StageBody:
    """Eight pieces of 50 ms, with a sign of life after each; `moved`: inside a timeout of its own that each piece moves on."""

    async def body(ctx: StageContext) -> StageOutput:
        async with asyncio.timeout(TIMEOUT_MS / 1000 if moved else None) as limit:
            for _ in range(PIECES):
                await work(PIECE_S, steps=1)
                heartbeat(timeout=TIMEOUT_MS / 1000)
                if moved:
                    limit.reschedule(asyncio.get_running_loop().time() + TIMEOUT_MS / 1000)
        return StageOutput.ok(pieces=PIECES, stage=ctx.stage_name)

    return body


UNHEARD = "stageflow arms one timer when the stage begins; nothing that a stage can call moves it"


@scenario.variant(expected=[Expected("D07", "stage transcribe", UNHEARD)])
async def unheard() -> None:
    """The stage makes progress and says so every 50 ms; at 200 ms it is timed out all the same."""
    await call(pipeline("media", ("transcribe", transcribe())), timeout_ms=TIMEOUT_MS)


@scenario.variant(expected=[Expected("D07", "stage transcribe", "the configured value is read once, when the stage begins")])
async def configured_anew() -> None:
    """The stage sets its run's timeout to an hour while it runs: it was read before."""
    ctx = context("media", timeout_ms=TIMEOUT_MS)

    async def body(stage: StageContext) -> StageOutput:
        ctx.data["_timeout_ms"] = ctx.data[f"_timeout.{stage.stage_name}"] = 3_600_000
        return await transcribe()(stage)

    await survive(pipeline("media", ("transcribe", body)).run(ctx))


@scenario.variant()
async def workaround() -> None:
    """The stage has no timeout of stageflow's, and one of its own that it moves on with each sign of life."""
    await call(pipeline("media", ("transcribe", transcribe(moved=True))), timeout_ms=0)


@scenario.control
async def in_time() -> None:
    """The recording is short."""

    async def body(ctx: StageContext) -> StageOutput:
        await work(PIECE_S, steps=1)
        heartbeat(timeout=TIMEOUT_MS / 1000)
        return StageOutput.ok(stage=ctx.stage_name)

    await call(pipeline("media", ("transcribe", body)), timeout_ms=TIMEOUT_MS)
