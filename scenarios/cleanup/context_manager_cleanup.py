"""Context manager cleanup: every `finally` and every `__aexit__` of a stage that is cut runs, inside out, and to its end.

A booking holds a seat, a payment and a ticket, one inside the other. When the stage is cut, each is given back: the ticket first, the seat
last, each by a call that takes a moment itself. stageflow has a registry for the same purpose: callbacks that a run calls at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from stageflow import StageContext, StageKind, StageOutput
from stageflow.pipeline.dag import UnifiedStageGraph, UnifiedStageSpec

from ...instrument.declare import resource
from ..kit import StageBody, call, context, pipeline, survive, work, working
from ..scenario import Expected, Scenario

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

scenario = Scenario(
    __name__,
    __doc__,
    must="Whatever was entered is left, in the reverse order, and nothing cuts it short; what was registered runs once.",
    hypotheses=("H4",),
    failure_modes=("Cleanup Failure",),
    success=("Cleanup handlers execute on timeout/cancellation",),
)

TIMEOUT_MS = 200
CALL_S = 0.01
"""How long it takes to give one thing back."""


@contextlib.asynccontextmanager
async def held(name: str) -> AsyncGenerator[None]:
    """Something that is given back by a call."""
    with resource(name):
        try:
            yield
        finally:
            await asyncio.sleep(CALL_S)


async def book(seconds: float) -> int:
    """The booking itself, with three things held."""
    async with held("seat"), held("payment"), held("ticket"):
        return await work(seconds)


async def booking(ctx: StageContext) -> StageOutput:
    """A stage that takes ten times as long as it may."""
    return StageOutput.ok(pieces=await book(2.0), stage=ctx.stage_name)


@scenario.variant()
async def nested() -> None:
    """The stage is timed out three blocks deep, and each block takes a moment to be left."""
    await call(pipeline("booking", ("book", booking)), timeout_ms=TIMEOUT_MS)


@scenario.variant()
async def beside_one_that_raises() -> None:
    """Another stage raises: the booking is cancelled, leaves its blocks, and only then is the run over."""

    async def explode(ctx: StageContext) -> StageOutput:
        await work(0.1)
        raise ValueError(f"{ctx.stage_name}: no such flight")

    await call(pipeline("booking", ("book", booking), ("price", explode)), timeout_ms=1000)


def registering(body: StageBody, *callbacks: tuple[str, float], timeout: float = 10.0) -> UnifiedStageGraph:
    """A graph of one stage, which registers callbacks (name, seconds that they take) with its run and then does its work."""

    async def first(ctx: StageContext) -> StageOutput:
        for name, seconds in callbacks:

            async def release(seconds: float = seconds) -> None:
                await asyncio.sleep(seconds)

            graph.register_cleanup(release, name=name)
        return await body(ctx)

    # The budget is an argument of the graph that `Pipeline.build()` does not pass on.
    specs = [UnifiedStageSpec(name="book", runner=first, kind=StageKind.TRANSFORM)]
    graph = UnifiedStageGraph(specs, pipeline_name="booking", cleanup_timeout=timeout)
    return graph


@scenario.variant()
async def registry() -> None:
    """The stage is timed out; the callbacks that it has registered with the run are called, the last one first."""
    graph = registering(booking, ("seat", CALL_S), ("payment", CALL_S))
    await survive(graph.run(context("booking", timeout_ms=TIMEOUT_MS)))


@scenario.variant(
    expected=[Expected("C03", "cleanup payment", "a callback that needs longer than its share of the budget is cut, and nobody is told")]
)
async def slow_callback() -> None:
    """A callback takes longer than its share of the budget: it is cut, and the next one runs all the same."""
    graph = registering(working(0.05), ("seat", CALL_S), ("payment", 5.0), timeout=0.2)
    await survive(graph.run(context("booking", timeout_ms=TIMEOUT_MS)))


ONE_REGISTRY = "a graph has one registry at a time: the run that begins second takes the place of the first one's"


@scenario.variant(expected=[Expected("C02", "stage book seat", ONE_REGISTRY), Expected("C07", "cleanup seat", ONE_REGISTRY)])
async def two_runs_of_one_graph() -> None:
    """One graph object runs twice at once, as in a server that builds its pipeline at its start."""
    graph = registering(working(0.1), ("seat", CALL_S))

    async def later(seconds: float) -> None:
        await asyncio.sleep(seconds)
        await survive(graph.run(context("booking", timeout_ms=TIMEOUT_MS)))

    await asyncio.gather(later(0), later(0.05))


@scenario.variant()
async def a_graph_for_each_run() -> None:
    """The same two runs, each on a graph of its own."""

    async def later(seconds: float) -> None:
        await asyncio.sleep(seconds)
        await survive(registering(working(0.1), ("seat", CALL_S)).run(context("booking", timeout_ms=TIMEOUT_MS)))

    await asyncio.gather(later(0), later(0.05))


@scenario.control
async def in_time() -> None:
    """The booking is done in half of the time."""

    async def body(ctx: StageContext) -> StageOutput:
        return StageOutput.ok(pieces=await book(0.1), stage=ctx.stage_name)

    await call(pipeline("booking", ("book", body)), timeout_ms=TIMEOUT_MS)
