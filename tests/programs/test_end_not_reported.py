"""R09 is an information, so the register of programs does not look at it: the real library, with and without the fault."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

from spanproof.analyzers import check
from spanproof.instrument import session
from spanproof.scenarios.virtual_loop import VirtualLoop

from .shapes import Program, body

if TYPE_CHECKING:
    from pathlib import Path


async def cancelled_from_outside() -> None:
    pipeline = Pipeline(name="demo").with_stage("quick", body(0.1), "work").with_stage("slow", body(5), "work", dependencies=("quick",))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await pipeline.run(PipelineContext())
    # Stages of a run that is cancelled from outside go on: the slow one ends by the teardown.


async def timed_out_by_itself() -> None:
    pipeline = Pipeline(name="demo").with_stage("slow", body(5), "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext.create(topology="demo", data={"_timeout_ms": 1000}))


async def failed() -> None:
    async def fails(_ctx: object) -> None:
        raise ValueError("no")

    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("fails", fails, "work").run(PipelineContext())


@pytest.mark.parametrize(
    ("program", "subjects"), [(cancelled_from_outside, {"stage slow"}), (timed_out_by_itself, set[str]()), (failed, set[str]())]
)
def test_observers_hear_of_each_end_but_that_of_a_cancelled_stage(program: Program, subjects: set[str], tmp_path: Path) -> None:
    with session(tmp_path, name=program.__name__) as attached, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(program())
    assert attached.path is not None
    result = check([attached.path])["R09"]
    assert {finding.subject for finding in result.violations} == subjects
    assert result.held + result.violated > 0
    assert {finding.severity for finding in result.violations} <= {"info"}
