"""Async generator cleanup: a generator that is being iterated when its stage is cut is closed, and its timeout stays its own.

A report is read page by page from an async generator that holds a cursor. When the stage is timed out in the middle of a page, the
cancellation goes through the generator. When it is timed out between two pages, or the stage leaves its loop, nothing does: then somebody
has to close the generator (PEP 789 tells why that is hard for a generator with a timeout inside).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from stageflow import StageContext, StageOutput

from ...instrument.declare import resource
from ..kit import StageBody, call, pipeline, work
from ..scenario import Expected, Scenario

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

scenario = Scenario(
    __name__,
    __doc__,
    must="The generator's `finally` has run by the time its stage ends, and its own timeout cuts nobody else.",
    hypotheses=("H6", "H4"),
    failure_modes=("Timeout Leakage", "Cleanup Failure"),
    success=("Async generator timeouts don't leak to outer scope", "Cleanup handlers execute on timeout/cancellation"),
)

TIMEOUT_MS = 200


async def pages(seconds: float) -> AsyncGenerator[int, None]:
    """Pages of a report, each of which takes some time; a cursor is open while they come."""
    with resource("cursor"):
        for page in range(100):
            await asyncio.sleep(seconds)
            yield page


async def read(seconds: float) -> int:
    """Reads them all, with the generator closed whatever happens."""
    count = 0
    async with aclosing(pages(seconds)) as report:
        async for _ in report:
            count += 1
    return count


@scenario.variant()
async def cut_in_a_page() -> None:
    """The stage is timed out while the generator waits: the cancellation goes through it."""

    async def body(ctx: StageContext) -> StageOutput:
        return StageOutput.ok(pages=await read(0.03), stage=ctx.stage_name)

    await call(pipeline("report", ("read", body)), timeout_ms=TIMEOUT_MS)


@scenario.variant()
async def cut_between_pages() -> None:
    """The stage is timed out while it works on a page: `aclosing` closes the generator."""

    async def body(ctx: StageContext) -> StageOutput:
        async with aclosing(pages(0.001)) as report:
            async for _ in report:
                await work(0.5)
        return StageOutput.ok(stage=ctx.stage_name)

    await call(pipeline("report", ("read", body)), timeout_ms=TIMEOUT_MS)


LEFT_OPEN = "the loop was left with the generator suspended, and nobody closes it: the loop's end does, long after the stage"


def careless(kept: list[AsyncGenerator[int, None]]) -> StageBody:
    """Takes one page and leaves the rest, as `break` does; the generator lives on in somebody's hands."""

    async def body(ctx: StageContext) -> StageOutput:
        report = pages(0.01)
        kept.append(report)
        async for page in report:
            return StageOutput.ok(first=page, stage=ctx.stage_name)
        return StageOutput.ok()

    return body


@scenario.variant(
    expected=[
        Expected("C05", "stage read pages", LEFT_OPEN, library="", python=">=3.12"),
        Expected("C01", "stage read cursor", LEFT_OPEN, library=""),
    ]
)
async def left_open() -> None:
    """The stage takes the first page and returns; its generator, with the cursor open, is left to whoever comes by."""
    kept: list[AsyncGenerator[int, None]] = []
    await call(pipeline("report", ("read", careless(kept))), timeout_ms=TIMEOUT_MS)
    await asyncio.sleep(0.2)


@scenario.variant()
async def timeout_inside() -> None:
    """The generator has a timeout of its own around each page; it ends its own page, and the stage goes on with the next supplier."""

    async def bounded(seconds: float) -> AsyncGenerator[int, None]:
        for page in range(3):
            # Never around a `yield`: then the timeout would be armed while others run.
            async with asyncio.timeout(0.05):
                await asyncio.sleep(seconds)
            yield page

    async def body(ctx: StageContext) -> StageOutput:
        for supplier, seconds in (("slow", 0.2), ("quick", 0.01)):
            try:
                async with aclosing(bounded(seconds)) as report:
                    return StageOutput.ok(pages=[page async for page in report], supplier=supplier, stage=ctx.stage_name)
            except TimeoutError:
                continue
        return StageOutput.fail(error="nobody answers")

    await call(pipeline("report", ("read", body)), timeout_ms=1000)


@scenario.control
async def read_to_the_end() -> None:
    """All pages come in good time."""

    async def body(ctx: StageContext) -> StageOutput:
        return StageOutput.ok(pages=await read(0.001), stage=ctx.stage_name)

    await call(pipeline("report", ("read", body)), timeout_ms=1000)
