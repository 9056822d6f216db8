"""Correct stageflow programs whose callers get to know what they need; none may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from stageflow import Pipeline, StageOutput
from stageflow.stages.context import PipelineContext

from .shapes import Program, body

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


async def _cleans_up(_ctx: Any) -> None:
    try:
        await asyncio.sleep(5)
    finally:
        with contextlib.suppress(ConnectionError):
            raise ConnectionError("connection lost")


@program
async def cleanup_that_keeps_its_errors_to_itself() -> None:
    """The caller is told of the stage and of its timeout."""
    with contextlib.suppress(Exception):
        await Pipeline(name="told").with_stage("fetch", _cleans_up, "work").run(PipelineContext(data={"_timeout_ms": 300}))


@program
async def timeouts_of_any_size_are_named() -> None:
    """Parts of a millisecond, and numbers that a binary fraction cannot hold."""
    for timeout in (0.5, 33.3, 1000 / 3, 1500):
        with contextlib.suppress(Exception):
            await Pipeline(name="sizes").with_stage("fetch", body(5), "work").run(PipelineContext(data={"_timeout_ms": timeout}))


@program
async def stage_that_answers_its_timeout_with_an_output() -> None:
    """What the caller gets are the stage's own words."""

    async def answers(_ctx: Any) -> Any:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return StageOutput.fail("the shop is closed")

    with contextlib.suppress(Exception):
        await Pipeline(name="answers").with_stage("answers", answers, "work").run(PipelineContext(data={"_timeout_ms": 300}))


@program
async def cancel_output_brings_the_results_along() -> None:
    """The error that ends the run carries what had completed."""
    pipeline = (
        Pipeline(name="stops")
        .with_stage("a", body(0.1, {"x": 1}), "work")
        .with_stage("stop", body(0.1, StageOutput.cancel("enough")), "work", dependencies=("a",))
    )
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext())


@program
async def run_whose_first_stage_fails() -> None:
    """Nothing had completed, so that nothing is lost."""

    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.1)
        raise ValueError("expected")

    pipeline = Pipeline(name="early").with_stage("first", fails, "work").with_stage("next", body(1), "work", dependencies=("first",))
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext())
