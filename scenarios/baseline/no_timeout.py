"""No timeout: a stage that ends in good time must never be called late.

A stage with 300 ms to spare asks another service. Either it has the answer after 100 ms, or that service's own client gives up
and raises `TimeoutError` after 100 ms. In both cases the stage's deadline has not come, and nobody may say that it has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..kit import call, pipeline, working
from ..scenario import Expected, Scenario

if TYPE_CHECKING:
    from stageflow import StageContext, StageOutput

scenario = Scenario(
    __name__,
    __doc__,
    must="No channel (result, error, after()) reports a timeout of the stage, for its own deadline never expired.",
    hypotheses=("H1",),
    failure_modes=("Timeout Leakage", "Silent Failures"),
    success=("Error messages are actionable and include stage name",),
)

TIMEOUT_MS = 300


async def ask(ctx: StageContext) -> StageOutput:
    """Asks a service whose client library gives up by itself, as HTTP clients and database drivers do."""
    await asyncio.sleep(0.1)
    raise TimeoutError(f"connect to rates.internal timed out ({ctx.stage_name})")


@scenario.variant(expected=[Expected("D02", "stage rates", "stageflow takes any TimeoutError of the stage's own code for its own timeout")])
async def timeout_of_a_client() -> None:
    """A client inside the stage raises TimeoutError of its own, 200 ms before the stage's deadline."""
    await call(pipeline("pricing", ("rates", ask)), timeout_ms=TIMEOUT_MS)


@scenario.control
async def in_time() -> None:
    """The stage has its answer after a third of its time."""
    await call(pipeline("pricing", ("rates", working(0.1))), timeout_ms=TIMEOUT_MS)


@scenario.control
async def default_timeout() -> None:
    """Nothing is configured: stageflow's default of 30 s stands, and the stage ends long before."""
    await call(pipeline("pricing", ("rates", working(0.1))))
