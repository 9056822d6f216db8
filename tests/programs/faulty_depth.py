"""Work that is nested deeper than the interpreter's stack, and what must be found of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

from .shapes import Faulty

PROGRAMS = Faulty()
program = PROGRAMS.program


def count(node: int) -> int:
    """As deep as the stack."""
    return 1 + count(node + 1)


async def visit(node: int) -> int:
    """The same by way of coroutines."""
    return 1 + await visit(node + 1)


@program(("R06", "task visit"))
async def a_task_that_recurses_without_end() -> None:
    task = asyncio.create_task(visit(0))
    with contextlib.suppress(RecursionError):
        await task


@program(("R06", "stage walk"))
async def a_stage_that_recurses_without_end() -> None:
    async def walk(_ctx: Any) -> None:
        count(0)

    with contextlib.suppress(Exception):
        await Pipeline(name="tree").with_stage("walk", walk, "work").run(PipelineContext())
