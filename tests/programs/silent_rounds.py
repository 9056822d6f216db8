"""Correct programs that repeat something, or look for checkpoints. None may have a finding above `info`."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING, Any

from stageflow import Pipeline
from stageflow.pipeline.idempotency import CachedStageResult, InMemoryIdempotencyStore
from stageflow.stages.context import PipelineContext

from spanproof.instrument.rounds import Rounds

from .faulty_rounds import Context, cut, paid, tries_twice

if TYPE_CHECKING:
    from .shapes import Program

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def cut_runs_leave_nothing_behind() -> None:
    """A cache fills at the beginning, a pool opens late, each round closes what it opens, and the recorder's records are not counted."""
    recent: deque[bytes] = deque(maxlen=4)
    pool: list[int] = []
    rounds = Rounds("cut")
    for number in range(25):
        context = Context()
        await cut(context)
        rounds.watch(context)
        recent.append(bytes(10_000))
        for descriptor in os.pipe():
            os.close(descriptor)
        if number == 15:
            pool.extend(os.pipe())
        del context
        await rounds.over()
    for descriptor in pool:
        os.close(descriptor)


@program
async def second_try_finds_what_the_first_one_saved() -> None:
    store = InMemoryIdempotencyStore()
    await tries_twice("orders", store, store)


@program
async def pipelines_with_a_store_each_and_one_key() -> None:
    for name in ("orders", "mails"):
        await tries_twice(name, InMemoryIdempotencyStore())


@program
async def checkpoint_that_is_deleted_on_purpose() -> None:
    store = InMemoryIdempotencyStore()
    await tries_twice("orders", store)
    await store.delete("order-17")
    await tries_twice("orders", store)


@program
async def checkpoint_that_is_too_old() -> None:
    store = InMemoryIdempotencyStore()

    async def saves(_ctx: Any) -> None:
        await store.set("order-17", CachedStageResult(result=paid()), ttl_seconds=-1)
        raise ValueError("down")

    with contextlib.suppress(Exception):
        await Pipeline(name="orders").with_stage("pay", saves, "work").run(PipelineContext(), interceptors=[])
    await tries_twice("orders", store)
