"""What stageflow emits to event sinks, as the recorder notes it: what reached the sink, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import pytest
from stageflow import Pipeline, StageOutput
from stageflow.pipeline.retry import RetryInterceptor
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .running import run_virtual
from .stageflow_parts import channels, statuses
from .test_stageflow import context, sleeping, stage


def test_the_new_graph_emits_skips_and_nothing_else(record: Any) -> None:
    async def main() -> None:
        pipeline = (
            Pipeline(name="demo")
            .with_stage("a", sleeping(0.1, StageOutput.ok(skip_reason="no")), "work")
            .with_stage("b", sleeping(0.1), "work", dependencies=("a",), conditional=True)
            .with_stage("c", sleeping(0.1, StageOutput.skip("by itself")), "work")
        )
        await pipeline.run(context())

    with record() as trace:
        run_virtual(main)
    assert statuses(trace.one("stage a")) == []
    assert channels(trace.one("stage b")) == [("event", "skipped"), ("result", "skipped")]
    assert statuses(trace.one("stage b")) == ["stage.b.skipped"]
    assert channels(trace.one("stage c")) == [("after", "completed"), ("event", "skipped"), ("result", "skipped")]


class Collects:
    """An event sink of the user's own."""

    def __init__(self) -> None:
        self.types: list[str] = []

    async def emit(self, *, type: str, data: dict[str, Any] | None) -> None:
        self.types.append(type)

    def try_emit(self, *, type: str, data: dict[str, Any] | None) -> None:
        self.types.append(type)


def test_every_event_that_is_recorded_has_reached_the_sink(record: Any) -> None:
    sink = Collects()

    async def main() -> None:
        pipeline = (
            Pipeline(name="demo").with_stage("a", sleeping(0.1), "work").with_stage("skips", sleeping(0.1, StageOutput.skip("x")), "work")
        )
        await pipeline.run(PipelineContext(event_sink=sink), emit_stage_wide_events=True, emit_pipeline_wide_event=True)
        with contextlib.suppress(Exception):
            failing = Pipeline(name="fails").with_stage("f", sleeping(0.1, StageOutput.fail("no")), "work")
            await failing.run(PipelineContext(event_sink=sink), emit_stage_wide_events=True, emit_pipeline_wide_event=True)

    with record() as trace:
        run_virtual(main)
    recorded = [(report.seq, report.get("report.status")) for unit in trace.units for report in unit.of("reported")]
    events = [status for _seq, status in sorted(recorded) if status in sink.types]
    assert events == sink.types
    wide = [report for report in trace.one("pipeline fails").of("reported") if report["report.channel"] == "event"]
    assert [(report["report.status"], report["report.outcome"], report.get("report.stage")) for report in wide] == [
        ("stage.wide", "failed", "f"),
        ("pipeline.wide", "failed", None),
    ]


def test_the_retry_interceptor_s_events_reach_no_sink(record: Any) -> None:
    """It calls `try_emit` with positional arguments, which sinks do not take, and suppresses the TypeError."""
    sink = Collects()
    tries: list[int] = []

    async def flaky(_ctx: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("down")

    async def main() -> None:
        await (
            Pipeline(name="demo")
            .with_stage("s", stage(flaky), "work")
            .run(PipelineContext(event_sink=sink), interceptors=[RetryInterceptor(base_delay_ms=1)])
        )

    with record() as trace:
        run_virtual(main)
    assert len(trace.named("stage s")) == 2
    assert sink.types == []


def test_a_spawner_tells_of_its_children(record: Any) -> None:
    async def main() -> None:
        spawner = SubpipelineSpawner()
        ctx = context()

        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", sleeping(0.1), "work").run(child)

        async def fails(_child: PipelineContext) -> Any:
            raise ValueError("no child")

        async def spawns(stage_ctx: Any) -> None:
            for name, each in (("good", runner), ("bad", fails)):
                await spawner.spawn(name, ctx, uuid4(), stage_ctx.stage_name, each)

        await Pipeline(name="parent").with_stage("spawns", stage(spawns), "work").run(ctx)

    with record() as trace:
        run_virtual(main)
    assert statuses(trace.one("subpipeline good")) == ["pipeline.spawned_child", "pipeline.child_completed"]
    bad = trace.one("subpipeline bad")
    assert statuses(bad) == ["pipeline.spawned_child", "pipeline.child_failed"]
    assert [report.get("report.error") for report in bad.of("reported")] == [None, "no child", "no child"]
    assert (bad.outcome, bad.attributes["reported_by"]) == ("failed", "result")


def test_the_deprecated_graph_tells_of_starts_and_ends(record: Any) -> None:
    from stageflow.pipeline.dag import StageGraph, StageSpec

    async def fine(_ctx: Any) -> dict[str, int]:
        await asyncio.sleep(1)
        return {"x": 1}

    async def main() -> None:
        with pytest.warns(DeprecationWarning, match="StageGraph is deprecated"):
            graph = StageGraph([StageSpec(name="old", runner=fine)])
        await graph.run(context())
        await graph.run(context(300))
        ctx = context()
        run = asyncio.create_task(graph.run(ctx))
        await asyncio.sleep(0.5)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    with record() as trace:
        run_virtual(main)
    whole, late, cut = trace.named("stage old")
    assert channels(whole) == [("event", None), ("after", "completed"), ("event", "completed"), ("result", "completed")]
    assert statuses(whole) == ["stage.old.started", "stage.old.completed"]
    assert channels(late) == [("event", None), ("after", "timed_out"), ("event", "timed_out"), ("result", "timed_out")]
    # A start that was told, and never an end.
    assert channels(cut) == [("event", None), ("exception", "cancelled")]
    assert trace.faults == []
