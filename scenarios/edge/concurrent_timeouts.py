"""Concurrent timeouts: many stages are timed out in one moment.

A page asks a hundred sources at once. The network is down, and all of them run into their limits together. Each has to be cut and told on
its own, and the hundredth no later than the first.
"""

from __future__ import annotations

import asyncio
import contextlib

from stageflow import Pipeline, StageContext, StageOutput

from ...instrument.rounds import Rounds
from ..kit import call, context, pipeline, survive, work, working
from ..known import results_lost
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="Each is cut within 100 ms of its own deadline, and all of them within 5 ms each.",
    hypotheses=("H9",),
    failure_modes=("Race Conditions", "Timeout Drift"),
    success=("1000 concurrent timeouts complete within 5 seconds total", "No race conditions in concurrent timeout scenarios"),
)

SOURCES = 100
TIMEOUT_MS = 200


def page(sources: int, seconds: float) -> Pipeline:
    """A pipeline with so many stages side by side."""
    return pipeline("page", *((f"source_{number}", working(seconds)) for number in range(sources)))


@scenario.variant()
async def a_hundred_runs() -> None:
    """A hundred runs are under way, and the stages of all of them reach their deadlines one upon the other."""

    async def one() -> None:
        await survive(pipeline("fetch", ("fetch", working(30.0))).run(context("fetch", timeout_ms=400)))

    await asyncio.gather(*(one() for _ in range(SOURCES)))


@scenario.variant()
async def a_thousand_requests() -> None:
    """One stage sends a thousand requests, each with a timeout of its own, and all of these come within a second."""

    async def ask(number: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.4 + number / 1000):
                await asyncio.sleep(30)

    async def body(ctx: StageContext) -> StageOutput:
        async with asyncio.TaskGroup() as group:
            for number in range(1000):
                group.create_task(ask(number))
                if number % 50 == 49:  # nobody else waits for long while they are sent
                    await asyncio.sleep(0)
        return StageOutput.ok(stage=ctx.stage_name)

    await call(pipeline("page", ("ask", body)), timeout_ms=5000)


@scenario.variant(real=True)
async def cost_of_a_timeout() -> None:
    """What a limit adds to a stage that ends in time: the same work with and without one, forty times each."""
    rounds = Rounds("limit")
    loop = asyncio.get_running_loop()

    async def body(ctx: StageContext) -> StageOutput:
        await asyncio.sleep(0)
        return StageOutput.ok(stage=ctx.stage_name)

    built = pipeline("fetch", ("fetch", body))
    for _ in range(40):
        for armed in (True, False):
            began = loop.time()
            await survive(built.run(context("fetch", timeout_ms=1000 if armed else 0)))
            rounds.sample(loop.time() - began, armed=armed)


@scenario.control
async def in_time() -> None:
    """All of them answer."""
    await call(page(SOURCES, 0.1), timeout_ms=1000)


async def one_of_them(ctx: StageContext) -> StageOutput:
    """Answers, while all others do not."""
    await work(0.15)
    return StageOutput.ok(stage=ctx.stage_name)


FIRST = "the first timeout ends the run, and the ones that have more time are forgotten"


@scenario.variant(
    expected=[
        *(Expected(criterion, f"stage slow_{number}", FIRST) for criterion in ("P04", "P03", "O03") for number in range(3)),
        results_lost("page"),
    ]
)
async def limits_of_their_own() -> None:
    """Three stages begin later than the first, and have their deadlines later: when that is timed out, they are at work."""
    slow = [(f"slow_{number}", working(0.25), ("gate",)) for number in range(3)]
    await call(pipeline("page", ("gate", one_of_them), ("source", working(2.0)), *slow), timeout_ms=300)
