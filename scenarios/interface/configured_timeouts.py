"""Configured timeouts: where the limit of a stage comes from, and for whom it counts.

A customer's order is checked (50 ms), priced (100 ms) and confirmed by a partner that may take half a second. One limit for all of them is
too long for the first and too short for the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stageflow import BaseInterceptor, Pipeline, get_default_interceptors

from ..kit import context, pipeline, survive, work, working
from ..known import results_lost
from ..scenario import Scenario

if TYPE_CHECKING:
    from stageflow import PipelineContext, StageContext, StageOutput, StageResult

scenario = Scenario(
    __name__,
    __doc__,
    must="A stage has the limit that was configured, which counts for the whole of it, interceptors included.",
    hypotheses=("H1",),
    failure_modes=("Timeout Drift",),
    success=("Error messages are actionable and include stage name",),
)


def order() -> Pipeline:
    """Check, price, confirm, one after the other."""
    return pipeline("order", ("check", working(0.05)), ("price", working(0.1), ("check",)), ("confirm", working(0.5), ("price",)))


@scenario.variant(expected=[results_lost("order")])
async def one_for_all() -> None:
    """The context's `_timeout_ms` counts for each stage alike: the partner is cut at 300 ms."""
    await survive(order().run(context("order", timeout_ms=300)))


@scenario.variant()
async def none_configured() -> None:
    """Nothing is configured: each stage has 30 seconds."""
    await survive(order().run(context("order")))


class EachItsOwn(BaseInterceptor):
    """Gives each stage a limit of its own; it runs after stageflow's TimeoutInterceptor, and overrules it."""

    name = "each_its_own"
    priority = 6

    def __init__(self, limits_ms: dict[str, int]) -> None:
        self.limits_ms = limits_ms

    async def before(self, stage_name: str, ctx: PipelineContext) -> None:
        """Set the key that the timer is armed from."""
        if stage_name in self.limits_ms:
            ctx.data[f"_timeout.{stage_name}"] = self.limits_ms[stage_name]

    async def after(self, _stage_name: str, _result: StageResult, _ctx: PipelineContext) -> None:
        """Nothing to do."""


@scenario.variant()
async def each_its_own() -> None:
    """An interceptor of the application's gives the partner a second, and the check 100 ms."""
    limits = EachItsOwn({"check": 100, "confirm": 1000})
    await survive(order().run(context("order", timeout_ms=300), interceptors=[*get_default_interceptors(), limits]))


class Slow(BaseInterceptor):
    """Takes its time before the stage begins."""

    name = "slow"
    priority = 40

    async def before(self, stage_name: str, ctx: PipelineContext) -> None:
        """A look into a cache that is far away."""
        await work(0.2)

    async def after(self, _stage_name: str, _result: StageResult, _ctx: PipelineContext) -> None:
        """Nothing to do."""


@scenario.variant()
async def slow_interceptor() -> None:
    """An interceptor needs 200 ms before the stage begins, whose limit of 150 ms that does not touch."""

    async def body(ctx: StageContext) -> StageOutput:
        return await working(0.1)(ctx)

    await survive(
        pipeline("order", ("check", body)).run(context("order", timeout_ms=150), interceptors=[*get_default_interceptors(), Slow()])
    )


@scenario.control
async def in_time() -> None:
    """A second is enough for everybody."""
    await survive(order().run(context("order", timeout_ms=1000)))
