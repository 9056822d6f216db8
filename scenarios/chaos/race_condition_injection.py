"""Race condition injection: a stage completes in the very moment in which it is timed out.

Which of the two comes first is decided by which of them the loop does first. The stage ends at its deadline and at each tenth of a
millisecond around it, in an order that the seed decides: `--seed` brings the same one back.
"""

from __future__ import annotations

import random

from ..kit import call, pipeline, working
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="There is one outcome, and everybody is told the same, whichever comes first.",
    hypotheses=("H5", "H9"),
    failure_modes=("Race Conditions",),
    success=("No race conditions in concurrent timeout scenarios",),
)

TIMEOUT_MS = 20
STEP_S = 0.0001
STEPS = range(-10, 11)


@scenario.variant()
async def swept_around_the_deadline() -> None:
    """Twenty-one runs, whose stage ends from 1 ms before its deadline to 1 ms after it, in an order by the seed."""
    for step in random.sample(STEPS, len(STEPS)):
        await call(pipeline("race", ("finish", working(TIMEOUT_MS / 1000 + step * STEP_S))), timeout_ms=TIMEOUT_MS)


@scenario.control
async def in_time() -> None:
    """All of them end in half of the time."""
    for _ in STEPS:
        await call(pipeline("race", ("finish", working(TIMEOUT_MS / 2000))), timeout_ms=TIMEOUT_MS)
