"""Exact timeout: the result is ready in the very instant in which the deadline comes.

A stage sleeps for exactly as long as it may. Which of the two wins is open, and either is right; but there must be one winner:
what the stage's code did and what the caller is told have to agree.
"""

from __future__ import annotations

import asyncio

from stageflow import StageContext, StageOutput

from ..kit import StageBody, call, pipeline
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="Exactly one outcome: the stage's own code and every report of it agree, and a cut comes within 100 ms of the deadline.",
    hypotheses=("H1",),
    failure_modes=("Race Conditions",),
    success=("No race conditions in concurrent timeout scenarios",),
)

TIMEOUT_MS = 200


def waiting(milliseconds: int) -> StageBody:
    """The body of a stage that waits once, for a given time, and then has its result."""

    async def body(ctx: StageContext) -> StageOutput:
        await asyncio.sleep(milliseconds / 1000)
        return StageOutput.ok(waited_ms=milliseconds, stage=ctx.stage_name)

    return body


@scenario.variant()
async def exact() -> None:
    """The stage takes exactly its timeout."""
    await call(pipeline("race", ("finish", waiting(TIMEOUT_MS))), timeout_ms=TIMEOUT_MS)


@scenario.variant()
async def just_after() -> None:
    """The stage would need 100 ms more than it has."""
    await call(pipeline("race", ("finish", waiting(TIMEOUT_MS + 100))), timeout_ms=TIMEOUT_MS)


@scenario.control
async def just_before() -> None:
    """The stage is done 100 ms before its deadline."""
    await call(pipeline("race", ("finish", waiting(TIMEOUT_MS - 100))), timeout_ms=TIMEOUT_MS)
