"""Very long timeout: a stage that runs much longer than its limit, and a limit that is much longer than the stage.

An index is built anew in an hour, page by page. A limit of 300 ms has to cut it as promptly as a stage that is only a little late; a limit
of a day must not keep anything waiting when the stage is done at once.
"""

from __future__ import annotations

from stageflow import StageContext, StageOutput

from ..kit import call, pipeline, work, working
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="What is cut is cut in time however long it would have gone on; a limit that is far away costs nothing.",
    hypotheses=("H1",),
    failure_modes=("Timeout Drift", "Silent Failures"),
    success=("TimeoutInterceptor cancels stage within configured time (+/- 100ms tolerance)",),
)

DAY_MS = 24 * 3600 * 1000


async def index(ctx: StageContext) -> StageOutput:
    """An hour of work."""
    return StageOutput.ok(pages=await work(3600, steps=100_000), stage=ctx.stage_name)


@scenario.variant()
async def much_too_long() -> None:
    """The stage would need an hour, and has 300 ms."""
    await call(pipeline("search", ("index", index)), timeout_ms=300)


@scenario.variant()
async def limit_of_a_day() -> None:
    """The stage is done in 100 ms, and has a day."""
    await call(pipeline("search", ("index", working(0.1))), timeout_ms=DAY_MS)


@scenario.control
async def in_time() -> None:
    """Half of its time is enough."""
    await call(pipeline("search", ("index", working(0.15))), timeout_ms=300)
