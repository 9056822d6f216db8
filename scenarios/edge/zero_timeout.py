"""Zero timeout: a stage that is given no time at all, or a value that is none.

A limit comes from a configuration file, and somebody has written 0 for "at once", another one 0 for "none", a third nothing. A limit of a
millisecond is the shortest that is one.
"""

from __future__ import annotations

import uuid
from typing import Any

from stageflow import PipelineContext

from ..kit import call, pipeline, survive, working
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="A limit that was configured is in force; a value that is none is refused.",
    hypotheses=("H5",),
    failure_modes=("Timeout Drift",),
    success=("TimeoutInterceptor cancels stage within configured time (+/- 100ms tolerance)",),
)


async def limited(value: Any) -> None:
    """A stage of 200 ms with this value as its limit."""
    context = PipelineContext.create(pipeline_run_id=uuid.uuid4(), topology="report", data={"_timeout_ms": value})
    await survive(pipeline("report", ("count", working(0.2))).run(context))


@scenario.variant()
async def one_millisecond() -> None:
    """The stage has one millisecond, and is cut after it."""
    await call(pipeline("report", ("count", working(0.2))), timeout_ms=1)


@scenario.variant()
async def zero() -> None:
    """The limit is 0: the stage has no limit at all."""
    await limited(0)


@scenario.variant()
async def negative() -> None:
    """The limit is -5: the same."""
    await limited(-5)


@scenario.control
async def in_time() -> None:
    """The limit is a second."""
    await limited(1000)
