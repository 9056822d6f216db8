"""Programs with one planted fault each, and what must be found in them: every criterion above `info`, and no other."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.interceptors import BaseInterceptor, InterceptorResult, get_default_interceptors
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .shapes import Faulty, body, work

PROGRAMS = Faulty()
program = PROGRAMS.program


class PerStage(BaseInterceptor):
    """A timeout for some stages alone."""

    name = "per_stage"
    priority = 6

    def __init__(self, **timeouts: int) -> None:
        self.timeouts = timeouts

    async def before(self, stage_name: str, ctx: Any) -> None:
        if stage_name in self.timeouts:
            ctx.data[f"_timeout.{stage_name}"] = self.timeouts[stage_name]

    async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
        """Nothing to do."""


def with_timeouts(**timeouts: int) -> list[BaseInterceptor]:
    """Stageflow's interceptors, and a timeout in ms for some stages."""
    return [*get_default_interceptors(), PerStage(**timeouts)]


@program(("P04", "stage sibling"), ("P03", "stage sibling"), ("O03", "stage sibling"))
async def timeout_orphans_a_sibling() -> None:
    pipeline = Pipeline(name="demo").with_stage("slow", body(5), "work").with_stage("sibling", body(2), "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(), interceptors=with_timeouts(slow=300))
    await asyncio.sleep(6)


@program(("P04", "stage sibling"), ("P03", "stage sibling"), ("O03", "stage sibling"))
async def failed_output_orphans_a_sibling() -> None:
    pipeline = Pipeline(name="demo").with_stage("fails", body(0.3, StageOutput.fail("no")), "work").with_stage("sibling", body(2), "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext())
    await asyncio.sleep(6)


@program(("P02", "stage a"), ("P02", "stage b"), ("P03", "stage a"), ("P03", "stage b"), ("O03", "stage a"), ("O03", "stage b"))
async def cancelled_from_outside_forgets_its_stages() -> None:
    pipeline = Pipeline(name="demo").with_stage("a", body(2), "work").with_stage("b", body(3), "work")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(pipeline.run(PipelineContext()), 0.5)
    await asyncio.sleep(6)


@program(("P02", "stage inner"), ("P03", "stage inner"), ("O03", "stage inner"))
async def parent_s_timeout_does_not_reach_the_child_s_stage() -> None:
    async def spawns(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", body(3), "work").run(child)

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    with contextlib.suppress(Exception):
        await Pipeline(name="parent").with_stage("spawns", spawns, "work").run(PipelineContext(data={"_timeout_ms": 500}))
    await asyncio.sleep(6)


@program(("P03", "task work"))
async def task_outlives_its_creator() -> None:
    kept: list[Any] = []

    async def forgets() -> None:
        kept.append(asyncio.create_task(work(3)))

    await asyncio.create_task(forgets())
    await asyncio.sleep(6)


@program(("P03", "task work"), ("L01", "task work"))
async def task_leaked_until_the_loop_is_closed() -> None:
    kept: list[Any] = []

    async def forgets() -> None:
        kept.append(asyncio.create_task(work(60)))

    await asyncio.create_task(forgets())
    await asyncio.sleep(1)


@program(("P02", "task work"), ("P03", "task work"))
async def cancelled_owner_forgets_its_task() -> None:
    async def owner() -> None:
        task = asyncio.create_task(work(5))
        await asyncio.sleep(60)
        del task

    task = asyncio.create_task(owner())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(6)


@program(("P08", "task stubborn"))
async def task_swallows_its_cancellation_and_goes_on() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(3)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(1)
    task.cancel()
    await task


@program(("P08", "stage stubborn"), ("R01", "stage stubborn"), ("O03", "stage stubborn"))
async def stage_swallows_its_timeout() -> None:
    async def stubborn(_ctx: Any) -> StageOutput:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return StageOutput.ok(partial=True)
        return StageOutput.ok()

    await Pipeline(name="demo").with_stage("stubborn", stubborn, "work").run(PipelineContext(data={"_timeout_ms": 300}))


@program(("P08", "timeout quiet"), ("R01", "timeout quiet"))
async def scope_left_normally_although_it_fired() -> None:
    async def quiet() -> None:
        async with asyncio.timeout(1):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    await quiet()


@program(("D02", "stage impatient"))
async def stage_s_own_timeout_error_is_told_as_stageflow_s() -> None:
    async def impatient(_ctx: Any) -> None:
        await asyncio.wait_for(asyncio.sleep(60), 0.2)

    with contextlib.suppress(Exception):
        await Pipeline(name="demo").with_stage("impatient", impatient, "work").run(PipelineContext())


@program(("R07", "stage a"))
async def success_without_a_run() -> None:
    class Open(BaseInterceptor):
        name = "breaker"
        priority = 10

        async def before(self, stage_name: str, ctx: Any) -> InterceptorResult:
            return InterceptorResult(stage_ran=False, result=None, error="circuit open")

        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            """Nothing to do."""

    await Pipeline(name="demo").with_stage("a", body(1), "work").run(PipelineContext(), interceptors=[Open()])


@program(("C03", "cleanup bad"))
async def cleanup_that_raises() -> None:
    graph: Any = None

    async def bad() -> None:
        raise OSError("disk")

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(bad)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())


@program(("C02", "task registration_dropped_without_a_word late"))
async def registration_dropped_without_a_word() -> None:
    async def late() -> None:
        await asyncio.sleep(0)

    graph: Any = Pipeline(name="demo").with_stage("r", body(0.1), "work").build()
    await graph.run(PipelineContext())
    graph.register_cleanup(late)


@program(
    ("P04", "stage spawns"),
    ("P03", "stage spawns"),
    ("P05", "subpipeline child"),
    ("P05", "pipeline child"),
    ("P05", "stage inner"),
    ("O03", "stage spawns"),
)
async def orphan_spawns_a_child_after_the_abort() -> None:
    async def spawns(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", body(0.5), "work").run(child)

        await asyncio.sleep(1)
        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    pipeline = Pipeline(name="demo").with_stage("slow", body(5), "work").with_stage("spawns", spawns, "work")
    with contextlib.suppress(Exception):
        await pipeline.run(PipelineContext(), interceptors=with_timeouts(slow=300))
    await asyncio.sleep(6)


@program(("C03", "cleanup slow"), ("C04", "cleanup slow"))
async def cleanup_cut_by_its_budget() -> None:
    graph: Any = None

    async def slow() -> None:
        await asyncio.sleep(100)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(slow)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())


@program(
    ("C03", "cleanup second"),
    ("P08", "pipeline demo"),
    ("R01", "pipeline demo"),
    ("R01", "timeout cleanup_cut_from_outside"),
)
async def cleanup_cut_from_outside() -> None:
    graph: Any = None

    async def first() -> None:
        await asyncio.sleep(0.1)

    async def second() -> None:
        await asyncio.sleep(4)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(first)
        graph.register_cleanup(second)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await graph.run(PipelineContext())


@program(("P02", "task work"), ("P03", "task work"))
async def timed_out_scope_forgets_its_task() -> None:
    kept: list[Any] = []

    async def opens() -> None:
        kept.append(asyncio.create_task(work(4)))
        await asyncio.sleep(60)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.ensure_future(opens()), 0.5)
    await asyncio.sleep(6)


@program(("P08", "task stubborn"))
async def member_of_a_group_swallows_the_abort() -> None:
    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    async def fails() -> None:
        await asyncio.sleep(0.2)
        raise ValueError("expected")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(stubborn())
            group.create_task(fails())
    except* ValueError:
        pass


@program(
    ("P02", "stage inner"),
    ("P03", "stage inner"),
    ("P02", "subpipeline two"),
    ("P02", "pipeline two"),
    ("P02", "stage deep"),
    ("O03", "stage inner"),
)
async def three_levels_of_child_pipelines() -> None:
    def child(name: str, stage: Any) -> Any:
        async def spawns(ctx: Any) -> None:
            async def runner(child_ctx: PipelineContext) -> Any:
                return await Pipeline(name=name).with_stage("inner" if name == "one" else "deep", stage, "work").run(child_ctx)

            await SubpipelineSpawner().spawn(name, PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

        return spawns

    with contextlib.suppress(Exception):
        await (
            Pipeline(name="top")
            .with_stage("spawns", child("one", child("two", body(3))), "work")
            .run(PipelineContext(data={"_timeout_ms": 500}))
        )
    await asyncio.sleep(6)
