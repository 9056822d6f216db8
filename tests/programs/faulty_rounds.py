"""Programs that repeat something and leave a little behind each time, and one that loses its checkpoint; and what must be found."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from typing import Any

from stageflow import Pipeline
from stageflow.pipeline.idempotency import CachedStageResult, InMemoryIdempotencyStore
from stageflow.stages.context import PipelineContext
from stageflow.stages.result import StageResult

from spanproof.instrument.rounds import Rounds

from .shapes import Faulty, work

PROGRAMS = Faulty()
program = PROGRAMS.program


class Context:
    """What a round is given."""


async def cut(_context: Context) -> None:
    """Twenty tasks that a timeout cuts."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.gather(*(asyncio.create_task(work(60)) for _ in range(20)))


SERIES = "task cut_runs_leave_a_little_behind cut"


@program(("L02", SERIES), ("L03", SERIES), ("L04", SERIES))
async def cut_runs_leave_a_little_behind() -> None:
    """Each keeps its context and a pipe; where the context is watched that alone tells it."""
    kept: list[Any] = []
    rounds = Rounds("cut")
    for _ in range(25):
        context = Context()
        await cut(context)
        rounds.watch(context)
        kept.append((context, os.pipe()))
        del context
        await rounds.over()
    for _, pipe in kept:
        for descriptor in pipe:
            os.close(descriptor)


async def tries_twice(pipeline_name: str, *stores: InMemoryIdempotencyStore) -> None:
    """Runs that save what is paid, fail, and begin anew, each with the next of the stores."""
    for store in stores:

        async def pays(_ctx: Any, store: InMemoryIdempotencyStore = store) -> None:
            if await store.get("order-17") is None:
                await store.set("order-17", CachedStageResult(result=paid()))
            await work(0.1)
            raise ValueError("down")

        with contextlib.suppress(Exception):
            await Pipeline(name=pipeline_name).with_stage("pay", pays, "work").run(PipelineContext(), interceptors=[])


def paid() -> StageResult:
    """A result as the library stores it."""
    now = datetime.now(UTC)
    return StageResult(name="pay", status="completed", started_at=now, ended_at=now, data={"paid": 17})


@program(("R04", "stage pay order-17"))
async def second_try_looks_into_a_store_of_its_own() -> None:
    await tries_twice("orders", InMemoryIdempotencyStore(), InMemoryIdempotencyStore())
