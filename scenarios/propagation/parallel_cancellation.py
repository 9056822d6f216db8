"""Parallel cancellation: stage A times out, so the parallel stages B and C must be cancelled.

An order is checked by three stages at once: `credit` asks a bank, `stock` and `price` read the catalogue once `login` has let them
in. When one of them ends the run, the others work for nobody: what they read, write or pay for is not wanted any more.

    credit ─────────────┐
    login ──┬── stock ──┼── confirm
            └── price ──┘

`login` takes 250 ms, so `stock` and `price` are at work from 250 to 650 ms, and their own deadlines come 250 ms after that of
`credit`: no timer of their own ends them together with it. What has to happen in this order is 100 ms apart, for busy machines.
"""

from __future__ import annotations

import asyncio

from stageflow import Pipeline, StageContext, StageOutput

from ..kit import StageBody, call, context, pipeline, survive, work, working
from ..known import results_lost
from ..scenario import Expected, Scenario
from ..workaround import run_and_stop

scenario = Scenario(
    __name__,
    __doc__,
    must="When the run ends, every stage of it that is at work is asked to stop at once.",
    hypotheses=("H2",),
    failure_modes=("Orphaned Tasks", "Nested Cancellation"),
    success=("Cancellation propagates correctly to all dependent stages", "No resource leaks after cancellation"),
    tail_s=0.4,
)

TIMEOUT_MS = 450
ANSWERS_AFTER_S = 0.35
"""When `credit` answers, in the variants in which it answers: `stock` and `price` have just begun."""


def order(credit: StageBody) -> Pipeline:
    """The pipeline of the drawing, with the given body for `credit`."""
    return pipeline(
        "order",
        ("credit", credit),
        ("login", working(0.25)),
        ("stock", working(0.4), ("login",)),
        ("price", working(0.4), ("login",)),
        ("confirm", working(0.05), ("credit", "stock", "price")),
    )


def orphans(why: str) -> list[Expected]:
    """`stock` and `price` go on after the run has ended; that they outlive their run (P03) and return something (O03) follows from it."""
    late = [Expected(criterion, f"stage {name}", why) for criterion in ("P04", "P03", "O03") for name in ("stock", "price")]
    return [*late, results_lost("order")]


@scenario.variant(expected=orphans("a timed-out stage comes back as a failed *output*, and for that the graph cancels nobody"))
async def timeout() -> None:
    """The bank does not answer: `credit` is timed out at 450 ms, 200 ms before `stock` and `price` would be done."""
    await call(order(working(2.0)), timeout_ms=TIMEOUT_MS)


async def refuse(ctx: StageContext) -> StageOutput:
    """The bank says no, and the stage tells so by a failed output."""
    await work(ANSWERS_AFTER_S)
    return StageOutput.fail(error=f"{ctx.stage_name}: the bank refuses")


@scenario.variant(expected=orphans("the graph raises on a failed output without cancelling the stages that are at work"))
async def fail_output() -> None:
    """`credit` returns a failed output at 350 ms."""
    await call(order(refuse), timeout_ms=TIMEOUT_MS)


@scenario.variant(
    expected=[
        Expected(criterion, f"stage {name}", "a cancelled run does not cancel the tasks of its stages")
        for criterion in ("P02", "P03", "O03")
        for name in ("credit", "stock", "price")
    ]
)
async def outside() -> None:
    """The caller has 350 ms for the whole order, and cancels the run from outside; `credit` would need 600 ms, and may take them."""
    try:
        async with asyncio.timeout(0.35):
            await order(working(0.6)).run(context("order", timeout_ms=1000))
    except TimeoutError:
        pass


async def explode(ctx: StageContext) -> StageOutput:
    """The bank's answer cannot be read."""
    await work(ANSWERS_AFTER_S)
    raise ValueError(f"{ctx.stage_name}: not a number: 'n/a'")


@scenario.variant(expected=[results_lost("order")])
async def raised() -> None:
    """`credit` raises at 350 ms, and stageflow cancels `stock` and `price`."""
    await call(order(explode), timeout_ms=TIMEOUT_MS)


async def withdraw(ctx: StageContext) -> StageOutput:
    """The customer has closed the page: nothing is wanted any more."""
    await work(ANSWERS_AFTER_S)
    return StageOutput.cancel(reason=f"{ctx.stage_name}: customer left")


@scenario.control
async def cancel_output() -> None:
    """`credit` returns a cancel output at 350 ms, and stageflow cancels `stock` and `price`."""
    await call(order(withdraw), timeout_ms=TIMEOUT_MS)


@scenario.variant(expected=[results_lost("order")])
async def workaround() -> None:
    """As `timeout`, but run so that what is left at work is cancelled when the run ends."""
    await survive(run_and_stop(order(working(2.0)), context("order", timeout_ms=TIMEOUT_MS)))


@scenario.control
async def in_time() -> None:
    """Everybody answers in time."""
    await call(order(working(ANSWERS_AFTER_S)), timeout_ms=TIMEOUT_MS)
