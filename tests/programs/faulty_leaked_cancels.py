"""Programs with one planted fault each, as in `faulty`: cancellations that end what they were not meant for."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from stageflow import Pipeline
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .shapes import Faulty, work

if TYPE_CHECKING:
    from collections.abc import Coroutine

PROGRAMS = Faulty()
program = PROGRAMS.program


async def run_out(run: Coroutine[Any, Any, Any]) -> None:
    """Await it, and let nothing of it out."""
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await run


@program(("P07", "stage uses"), ("P07", "pipeline demo"))
async def stage_awaits_a_task_that_others_cancel() -> None:
    shared = asyncio.create_task(work(10))

    async def uses(_ctx: Any) -> None:
        await shared

    asyncio.get_running_loop().call_later(1, shared.cancel)
    await run_out(Pipeline(name="demo").with_stage("uses", uses, "work").run(PipelineContext()))


@program(("P07", "stage uses"), ("P07", "pipeline demo"))
async def stage_lets_the_error_of_its_own_helper_pass() -> None:
    async def uses(_ctx: Any) -> None:
        helper = asyncio.create_task(work(10))
        await asyncio.sleep(1)
        helper.cancel()
        await helper

    await run_out(Pipeline(name="demo").with_stage("uses", uses, "work").run(PipelineContext()))


@program(("P07", "stage waits"), ("P07", "pipeline demo"))
async def stage_awaits_a_future_that_is_cancelled() -> None:
    answer = asyncio.get_running_loop().create_future()

    async def waits(_ctx: Any) -> None:
        await answer

    asyncio.get_running_loop().call_later(1, answer.cancel)
    await run_out(Pipeline(name="demo").with_stage("waits", waits, "work").run(PipelineContext()))


@program(("P07", "pipeline demo"))
async def run_takes_a_stage_that_cancelled_itself_for_itself() -> None:
    async def gives_up(_ctx: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    await run_out(Pipeline(name="demo").with_stage("gives_up", gives_up, "work").run(PipelineContext()))


@program(
    ("P07", "stage inner"),
    ("P07", "pipeline child"),
    ("P07", "subpipeline child"),
    ("P07", "stage spawns"),
    ("P07", "pipeline parent"),
)
async def leak_goes_up_through_a_child_pipeline() -> None:
    async def inner(_ctx: Any) -> None:
        await asyncio.sleep(1)
        raise asyncio.CancelledError

    async def spawns(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", inner, "work").run(child)

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    await run_out(Pipeline(name="parent").with_stage("spawns", spawns, "work").run(PipelineContext()))


@program(("P07", "stage b"), ("P07", "pipeline demo"))
async def failing_run_cancels_another_run_of_its_graph() -> None:
    """The graph has one token, that of the run which began last: a run that fails sets it, and the other one stops."""

    async def first(ctx: Any) -> None:
        if ctx.snapshot.metadata["who"] == "good":
            await asyncio.sleep(0.25)
            return
        await asyncio.sleep(0.3)
        raise ValueError("expected")

    async def second(_ctx: Any) -> None:
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(0.5)

    graph = Pipeline(name="demo").with_stage("a", first, "work").with_stage("b", second, "work").build()
    bad = asyncio.create_task(run_out(graph.run(PipelineContext(metadata={"who": "bad"}))))
    await asyncio.sleep(0.1)
    await run_out(graph.run(PipelineContext(metadata={"who": "good"})))
    await bad


@program(("P07", "task raises"))
async def cancelled_error_raised_by_hand() -> None:
    async def raises() -> None:
        await asyncio.sleep(1)
        raise asyncio.CancelledError("enough")

    await asyncio.wait([asyncio.create_task(raises())])


# On Python 3.11 nothing tells which task a `wait_for` waits for: it might be a plain future, which is an information.
_LIMITED: list[tuple[str, str]] = [("P07", "task limited")] if sys.version_info >= (3, 12) else []


@program(("P07", "task plain"), ("P07", "task shielded"), ("P07", "task gathered"), *_LIMITED)
async def one_cancel_ends_all_who_wait() -> None:
    shared = asyncio.create_task(work(10))

    async def plain() -> None:
        await shared

    async def shielded() -> None:
        await asyncio.shield(shared)

    async def gathered() -> None:
        await asyncio.gather(shared)

    async def limited() -> None:
        await asyncio.wait_for(shared, 20)

    waiting = [asyncio.create_task(waits()) for waits in (plain, shielded, gathered, limited)]
    await asyncio.sleep(1)
    shared.cancel()
    await asyncio.wait(waiting)


# Python 3.11 and 3.12 go on counting the request by which a TaskGroup had stopped its own task; 3.13 does not.
_MISCOUNTED = [("P07", "task work_off")] if sys.version_info < (3, 13) else []


@program(*_MISCOUNTED)
async def timeout_that_forgets_that_a_group_is_over() -> None:
    async def fails() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("expected")

    async def work_off() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                with contextlib.suppress(BaseExceptionGroup):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(fails())
                        group.create_task(work(3))
                await asyncio.sleep(60)

    await asyncio.wait([asyncio.create_task(work_off())])
