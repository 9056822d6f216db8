"""Nested work that ends before the stack does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

if TYPE_CHECKING:
    from .shapes import Program


async def visit(left: int) -> int:
    """As deep as it is told."""
    return 1 + await visit(left - 1) if left else 0


async def a_task_that_recurses_and_ends() -> None:
    assert await asyncio.create_task(visit(50)) == 50


async def runs_within_runs() -> None:
    async def nest(left: int) -> None:
        async def deeper(_ctx: Any) -> None:
            if left:
                await nest(left - 1)

        await Pipeline(name=f"level {left}").with_stage(f"deeper {left}", deeper, "work").run(PipelineContext())

    await nest(5)


async def a_recursion_error_that_is_caught() -> None:
    async def without_end(n: int) -> int:
        return await without_end(n + 1)

    async def careful() -> int:
        try:
            return await without_end(0)
        except RecursionError:
            return 0

    assert await asyncio.create_task(careful()) == 0


PROGRAMS: dict[str, Program] = {
    "a_task_that_recurses_and_ends": a_task_that_recurses_and_ends,
    "runs_within_runs": runs_within_runs,
    "a_recursion_error_that_is_caught": a_recursion_error_that_is_caught,
}
