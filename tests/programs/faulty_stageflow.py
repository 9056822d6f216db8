"""stageflow programs with one planted fault each, as in `faulty`: more of the library's own traps."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.idempotency import IdempotencyInterceptor, InMemoryIdempotencyStore
from stageflow.pipeline.interceptors import BaseInterceptor, CriticalInterceptorError, get_default_interceptors
from stageflow.pipeline.retry import JitterStrategy, RetryInterceptor
from stageflow.stages.context import PipelineContext

from .shapes import Faulty, body

PROGRAMS = Faulty()
program = PROGRAMS.program


@program(("R07", "stage s"))
async def open_circuit_breaker_is_a_success() -> None:
    async def raises(_ctx: Any) -> None:
        raise ValueError("down")

    interceptors = get_default_interceptors()
    pipeline = Pipeline(name="demo").with_stage("s", raises, "work")
    for _ in range(4):
        with contextlib.suppress(Exception):
            await pipeline.run(PipelineContext(), interceptors=interceptors)


@program(("R07", "stage a"))
async def replay_of_a_replay_has_lost_its_data() -> None:
    """The library wraps a replayed result once more when it stores it, and looks only one deep."""
    interceptors = [*get_default_interceptors(include_idempotency=False), IdempotencyInterceptor(store=InMemoryIdempotencyStore())]
    pipeline = Pipeline(name="demo").with_stage("a", body(0.1, {"x": 1}), "work")
    for _ in range(3):
        await pipeline.run(PipelineContext(data={"idempotency_key": "k"}), interceptors=interceptors)


@program(("O02", "stage s"))
async def interceptor_that_ends_a_run_whose_stage_was_done() -> None:
    class Critical(BaseInterceptor):
        name = "critical"

        async def before(self, stage_name: str, ctx: Any) -> None:
            """Nothing to do."""

        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            raise CriticalInterceptorError("stop", self.name)

    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("s", body(0.1), "work").run(PipelineContext(), interceptors=[Critical()])


@program(("C02", "cleanup first late"))
async def callback_registers_another_one_that_never_runs() -> None:
    graph: Any = None

    async def late() -> None:
        await asyncio.sleep(0)

    async def first() -> None:
        graph.register_cleanup(late)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(first)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())


@program(("C02", "stage r close first"))
async def second_run_of_a_graph_takes_the_first_one_s_registry_away() -> None:
    graph: Any = None

    async def registers(ctx: Any) -> None:
        name = str(ctx.snapshot.metadata["who"])

        async def close() -> None:
            await asyncio.sleep(0)

        graph.register_cleanup(close, name=f"close {name}")
        await asyncio.sleep(0.5 if name == "first" else 0.1)

    async def later() -> None:
        await asyncio.sleep(0.1)
        await graph.run(PipelineContext(metadata={"who": "second"}))

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await asyncio.gather(graph.run(PipelineContext(metadata={"who": "first"})), later())


@program(("P02", "stage s"), ("P03", "stage s"), ("P05", "stage s"), ("D06", "stage s"))
async def orphan_is_retried_after_its_run() -> None:
    async def down(_ctx: Any) -> None:
        await asyncio.sleep(1)
        raise ConnectionError("down")

    interceptors = [*get_default_interceptors(), RetryInterceptor(base_delay_ms=1, jitter_strategy=JitterStrategy.NONE)]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(Pipeline(name="demo").with_stage("s", down, "work").run(PipelineContext(), interceptors=interceptors), 0.5)
    await asyncio.sleep(6)


# Python 3.11's wait_for throws the result away that a cancelled stage has returned: its code succeeded, the graph was told otherwise.
_THROWN_AWAY = [("O02", "stage deaf")] if sys.version_info < (3, 12) else []


@program(("P08", "stage deaf"), ("R01", "stage deaf"), *_THROWN_AWAY, ("O03", "stage deaf"))
async def stage_that_swallows_the_shutdown() -> None:
    async def deaf(_ctx: Any) -> Any:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        return StageOutput.ok(half=True)

    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.2)
        raise ValueError("expected")

    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("deaf", deaf, "work").with_stage("fails", fails, "work").run(PipelineContext())
