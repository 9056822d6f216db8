"""Correct stageflow pipelines that use more of the library: flags, retries, guards, stored results, tools, helpers, task groups."""

from __future__ import annotations

import asyncio
import contextlib
import math
import warnings
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from stageflow import Pipeline, StageOutput
from stageflow.helpers.run_utils import PipelineRunner
from stageflow.pipeline.cancellation import CleanupRegistry, StructuredTaskGroup, run_with_cleanup
from stageflow.pipeline.dag import StageGraph, StageSpec
from stageflow.pipeline.guard_retry import GuardRetryPolicy, GuardRetryStrategy
from stageflow.pipeline.idempotency import IdempotencyInterceptor, InMemoryIdempotencyStore
from stageflow.pipeline.interceptors import get_default_interceptors
from stageflow.pipeline.pipeline import run_stage
from stageflow.pipeline.retry import JitterStrategy, RetryInterceptor
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext
from stageflow.tools import AdvancedToolExecutor, ToolDefinition, ToolOutput
from stageflow.tools.approval import ApprovalService
from stageflow.tools.errors import ToolApprovalTimeoutError
from stageflow.tools.executor_v2 import ToolExecutorConfig

from .shapes import Program, body, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def flag_that_a_stage_looks_at() -> None:
    """It notices within its own step, and ends the run."""
    ctx = PipelineContext()

    async def polls(stage_ctx: Any) -> Any:
        while not stage_ctx.is_cancelled:  # noqa: ASYNC110 - that is how a flag is looked at
            await asyncio.sleep(0.02)
        return StageOutput.cancel("asked to stop")

    asyncio.get_running_loop().call_later(0.3, ctx.mark_canceled, "stop")
    with contextlib.suppress(Exception):
        await Pipeline(name="polls").with_stage("polls", polls, "work").with_stage("b", body(1), "work", dependencies=("polls",)).run(ctx)


@program
async def flag_that_interrupts_a_stage_at_its_checkpoint() -> None:
    """`cancellation_checkpoint` raises in it."""
    ctx = PipelineContext()

    async def checks(stage_ctx: Any) -> None:
        while True:
            await asyncio.sleep(0.02)
            await stage_ctx.cancellation_checkpoint()

    asyncio.get_running_loop().call_later(0.3, setattr, ctx, "canceled", True)
    with contextlib.suppress(Exception):
        await Pipeline(name="checks").with_stage("checks", checks, "work").run(ctx)


@program
async def run_that_begins_flagged() -> None:
    """None of its stages runs."""
    ctx = PipelineContext()
    ctx.mark_canceled()
    with contextlib.suppress(Exception):
        await Pipeline(name="early").with_stage("a", body(1), "work").run(ctx)


@program
async def children_that_heed_a_flag() -> None:
    """Parent and child are flagged together, and both look."""
    spawner = SubpipelineSpawner()
    contexts: dict[UUID, PipelineContext] = {}
    ctx = PipelineContext(pipeline_run_id=uuid4())

    async def inner(stage_ctx: Any) -> Any:
        while not stage_ctx.is_cancelled:  # noqa: ASYNC110 - that is how a flag is looked at
            await asyncio.sleep(0.02)
        return StageOutput.cancel("asked to stop")

    async def runner(child: PipelineContext) -> Any:
        assert child.pipeline_run_id is not None
        contexts[child.pipeline_run_id] = child
        return await Pipeline(name="child").with_stage("inner", inner, "work").run(child)

    async def spawns(stage_ctx: Any) -> None:
        await spawner.spawn("child", ctx, uuid4(), stage_ctx.stage_name, runner)

    run = asyncio.create_task(Pipeline(name="parent").with_stage("spawns", spawns, "work").run(ctx))
    await asyncio.sleep(0.3)
    assert ctx.pipeline_run_id is not None
    contexts[ctx.pipeline_run_id] = ctx
    await spawner.cancel_with_children(ctx.pipeline_run_id, contexts=contexts)
    await asyncio.gather(run, return_exceptions=True)


@program
async def retry_after_an_error_that_passes() -> None:
    """The library's own interceptor, inside a deadline around the run."""
    tries: list[int] = []

    async def flaky(_ctx: Any) -> Any:
        tries.append(1)
        await asyncio.sleep(0.1)
        if len(tries) == 1:
            raise ConnectionError("down")
        return StageOutput.ok(x=1)

    interceptors = [*get_default_interceptors(), RetryInterceptor(base_delay_ms=50, jitter_strategy=JitterStrategy.NONE)]
    async with asyncio.timeout(10):
        await Pipeline(name="again").with_stage("flaky", flaky, "work").run(PipelineContext(), interceptors=interceptors)


@program
async def guard_that_has_its_stage_run_again() -> None:
    """The second time it passes."""
    tries: list[int] = []

    async def guards(_ctx: Any) -> Any:
        tries.append(1)
        return StageOutput.fail("bad", data={"try": len(tries)}) if len(tries) == 1 else StageOutput.ok()

    graph = (
        Pipeline(name="guarded")
        .with_stage("make", body(0.1), "transform")
        .with_stage("guard", guards, "guard", dependencies=("make",))
        .with_stage("use", body(0.1), "work", dependencies=("guard",))
        .build(guard_retry_strategy=GuardRetryStrategy(policies={"guard": GuardRetryPolicy(retry_stage="make")}))
    )
    await graph.run(PipelineContext())


@program
async def stored_result_that_stands_in() -> None:
    """A second run with one key repeats nothing, with data and without."""
    for output in ({"x": 1}, {}):
        interceptors = [*get_default_interceptors(include_idempotency=False), IdempotencyInterceptor(store=InMemoryIdempotencyStore())]
        pipeline = Pipeline(name="once").with_stage("a", body(0.1, output), "work")
        for _ in range(2):
            await pipeline.run(PipelineContext(data={"idempotency_key": "k"}), interceptors=interceptors)


@program
async def timeouts_that_are_none() -> None:
    """0, less and infinity: the stage takes the time that it takes."""
    for value in (0, -1, math.inf):
        await Pipeline(name="patient").with_stage("a", body(40), "work").run(PipelineContext(data={"_timeout_ms": value}))


@program
async def callback_that_is_taken_back() -> None:
    """What was given back by hand is not cleaned up again; a bound method equals another one of its object."""

    class Connection:
        async def close(self) -> None:
            await asyncio.sleep(0.1)

    async def uses(_ctx: Any) -> None:
        connection = Connection()
        registry.register(connection.close)
        await connection.close()
        registry.unregister(connection.close)

    registry = CleanupRegistry()
    graph: Any = Pipeline(name="returns").with_stage("uses", uses, "work").build()
    await graph.run(PipelineContext())
    await registry.run_all()


@program
async def stage_with_the_library_s_task_group() -> None:
    """Its tasks end, then its clean-up runs."""

    async def close() -> None:
        await asyncio.sleep(0.1)

    async def fans_out(_ctx: Any) -> None:
        kept: list[asyncio.Task[None]] = []
        async with StructuredTaskGroup() as group:
            group.cleanup_registry.register(close)
            kept = [group.create_task(work(0.1 * n)) for n in range(3)]
        assert all(task.done() for task in kept)

    await Pipeline(name="fan").with_stage("out", fans_out, "work").run(PipelineContext())


@program
async def run_with_a_cleanup_of_its_own() -> None:
    """Its clean-up has a budget and stays within it."""

    async def close() -> None:
        await asyncio.sleep(0.1)

    async def uses(_ctx: Any) -> None:
        await run_with_cleanup(work(0.1), close, cleanup_timeout=1)

    await Pipeline(name="tidy").with_stage("uses", uses, "work").run(PipelineContext())


@dataclass
class Act:
    """What an agent asks of a tool."""

    type: str
    id: UUID = field(default_factory=uuid4)
    payload: dict[str, Any] = field(default_factory=dict[str, Any])


@program
async def tool_whose_approval_times_out() -> None:
    """The stage is told, and goes on without."""

    async def handler(_input: Any) -> Any:
        return ToolOutput(success=True)

    executor = AdvancedToolExecutor(config=ToolExecutorConfig(approval_timeout_seconds=2), approval_service=ApprovalService())
    executor.register(ToolDefinition(name="risky", action_type="RISKY", handler=handler, requires_approval=True))

    async def uses(ctx: Any) -> None:
        with contextlib.suppress(ToolApprovalTimeoutError):
            await executor.execute(Act("RISKY"), ctx)
        await asyncio.sleep(1)

    await Pipeline(name="asks").with_stage("uses", uses, "agent").run(PipelineContext())


@program
async def other_doors() -> None:
    """A helper, a single stage, the deprecated graph."""
    assert (await PipelineRunner(verbose=False).run(Pipeline(name="helped").with_stage("a", body(0.1), "work"))).success
    await run_stage("alone", body(0.1), "work")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old: Any = StageGraph
        await old([StageSpec(name="old", runner=body(0.1, {"x": 1}))]).run(PipelineContext())


@program
async def many_runs_of_one_graph() -> None:
    """At once, each with a context of its own."""
    graph = Pipeline(name="busy").with_stage("a", body(0.5), "work").with_stage("b", body(0.5), "work", dependencies=("a",)).build()
    await asyncio.gather(*(graph.run(PipelineContext(data={"_timeout_ms": 1000})) for _ in range(10)))


@program
async def wide_events() -> None:
    """Every stage and the run tell of themselves."""
    pipeline = Pipeline(name="wide").with_stage("a", body(0.1), "work").with_stage("b", body(0.1, StageOutput.skip("no")), "work")
    await pipeline.run(PipelineContext(), emit_stage_wide_events=True, emit_pipeline_wide_event=True)
