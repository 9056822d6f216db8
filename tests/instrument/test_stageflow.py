"""stageflow 1.2.0 as the recorder sees it: runs, attempts, deadlines, reports, child pipelines, cleanup, flags."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from stageflow import Pipeline, StageOutput
from stageflow.pipeline.interceptors import BaseInterceptor, ErrorAction, InterceptorResult, get_default_interceptors
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .running import run_virtual

MS = 1_000_000


def stage(body: Any) -> Any:
    """A stage class around a coroutine function."""

    class Made:
        name = body.__name__

        async def execute(self, ctx: Any) -> Any:
            return await body(ctx)

    return Made


def sleeping(seconds: float, output: Any = None) -> Any:
    async def body(_ctx: Any) -> Any:
        await asyncio.sleep(seconds)
        return output

    return stage(body)


def context(timeout_ms: Any = None, **options: Any) -> PipelineContext:
    data = {} if timeout_ms is None else {"_timeout_ms": timeout_ms}
    return PipelineContext(pipeline_run_id=uuid4(), data=data, **options)


def test_a_timed_out_stage_is_seen_by_both_witnesses(record: Any) -> None:
    async def main() -> None:
        with pytest.raises(Exception, match="timed out"):
            await Pipeline(name="demo").with_stage("slow", sleeping(5), "work").run(context(300))

    with record() as trace:
        run_virtual(main)
    slow, demo = trace.one("stage slow"), trace.one("pipeline demo")
    assert slow.parent == "pipeline demo"
    assert (slow.outcome, slow.attributes["reported_outcome"]) == ("timed_out", "timed_out")
    assert slow.attributes["deadline_ns"] == slow.start_ns + 300 * MS
    assert slow.first("deadline.set")["deadline.configured"] == "300"
    assert slow.first("deadline.set")["deadline.source"] == "context"
    assert slow.end_ns == slow.start_ns + 300 * MS
    assert [report["report.channel"] for report in slow.of("reported")] == ["after", "result"]
    assert demo.outcome == "failed"
    told = demo.first("reported")
    assert (told["report.channel"], told["report.stage"], told["report.outcome"]) == ("caller", "slow", "timed_out")
    # The stage tasks that stageflow makes are no units of their own.
    assert [unit.name for unit in trace.units if unit.kind == "task"] == ["task main"]
    assert trace.faults == []


def test_a_pipeline_begins_a_trace_of_its_own(record: Any) -> None:
    async def main() -> None:
        await Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(context())

    with record() as trace:
        run_virtual(main)
    demo, task = trace.one("pipeline demo"), trace.one("task main")
    assert demo.trace_id != task.trace_id
    assert demo.parent is None
    assert demo.attributes["origin.span_id"] == task.span_id
    assert trace.one("stage a").trace_id == demo.trace_id
    assert trace.one("stage a").first("deadline.set")["deadline.source"] == "default"


def test_siblings_are_cancelled_when_a_stage_raises_and_not_when_it_times_out(record: Any) -> None:
    async def failing(_ctx: Any) -> None:
        await asyncio.sleep(0.3)
        raise ValueError("boom")

    async def main() -> None:
        raising = Pipeline(name="raising").with_stage("bad", stage(failing), "work").with_stage("other", sleeping(2), "work")
        with pytest.raises(Exception, match="boom"):
            await raising.run(context())

        async def late(ctx: Any) -> None:
            # Per-stage timeouts: the sibling reads its own value before it starts.
            await asyncio.sleep(5)

        timing = Pipeline(name="timing").with_stage("late", stage(late), "work").with_stage("sibling", sleeping(2), "work")
        ctx = context()
        interceptors = [PerStage({"late": 300}), *get_default_interceptors()]
        with pytest.raises(Exception, match="timed out"):
            await timing.run(ctx, interceptors=interceptors)
        await asyncio.sleep(3)

    with record() as trace:
        run_virtual(main)
    other = trace.one("stage other")
    assert other.first("cancel.requested")["request.mechanism"] == "stageflow"
    assert other.first("cancel.requested")["request.by_span_id"] == trace.one("pipeline raising").span_id
    assert other.outcome == "cancelled"
    sibling = trace.one("stage sibling")
    assert sibling.of("cancel.requested") == []
    assert sibling.outcome == "completed"
    assert sibling.end_ns is not None
    timing_end = trace.one("pipeline timing").end_ns
    assert timing_end is not None
    assert sibling.end_ns > timing_end


class PerStage(BaseInterceptor):
    """Sets a timeout for some stages, after stageflow's own TimeoutInterceptor has set the common one."""

    name = "per_stage"
    priority = 6

    def __init__(self, timeouts: dict[str, Any]) -> None:
        self.timeouts = timeouts

    async def before(self, stage_name: str, ctx: Any) -> None:
        if stage_name in self.timeouts:
            ctx.data[f"_timeout.{stage_name}"] = self.timeouts[stage_name]

    async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
        """Nothing to do."""


def test_a_retry_is_a_second_attempt_without_a_deadline(record: Any) -> None:
    class Again(BaseInterceptor):
        name = "again"
        priority = 30

        async def before(self, stage_name: str, ctx: Any) -> None:
            """Nothing to do."""

        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            """Nothing to do."""

        async def on_error(self, stage_name: str, error: Exception, ctx: Any) -> ErrorAction:
            return ErrorAction.RETRY

    tries = 0

    async def flaky(_ctx: Any) -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.1)
        if tries == 1:
            raise ValueError("first")

    async def main() -> None:
        await (
            Pipeline(name="demo")
            .with_stage("flaky", stage(flaky), "work")
            .run(context(500), interceptors=[*get_default_interceptors(), Again()])
        )

    with record() as trace:
        run_virtual(main)
    first, second = trace.named("stage flaky")
    assert (first.attributes["attempt"], second.attributes["attempt"]) == (1, 2)
    assert (first.outcome, second.outcome) == ("failed", "completed")
    assert "deadline_ns" in first.attributes
    assert "deadline_ns" not in second.attributes
    assert second.first("deadline.set")["deadline.configured"] == "500"


def test_a_short_cut_names_its_author_and_whether_it_carries_data(record: Any) -> None:
    class Answer(BaseInterceptor):
        name = "answer"
        priority = 30

        async def before(self, stage_name: str, ctx: Any) -> InterceptorResult:
            return InterceptorResult(stage_ran=False, result=None, error="circuit open")

        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            """Nothing to do."""

    async def main() -> None:
        await Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(context(), interceptors=[Answer()])

    with record() as trace:
        run_virtual(main)
    unit = trace.one("stage a")
    assert unit.outcome == "short_circuited"
    assert not unit.ran
    assert unit.start_ns == unit.end_ns
    report = next(report for report in unit.of("reported") if report["report.channel"] == "result")
    assert report["report.outcome"] == "completed"
    assert report["report.short_cut_by"] == "answer"
    assert report["report.has_data"] is False
    assert report["report.error"] == "circuit open"


def test_a_skipped_stage_has_no_length(record: Any) -> None:
    async def main() -> None:
        pipeline = (
            Pipeline(name="demo")
            .with_stage("a", sleeping(1, StageOutput.ok(skip_reason="not today")), "work")
            .with_stage("b", sleeping(1), "work", dependencies=("a",), conditional=True)
        )
        await pipeline.run(context())

    with record() as trace:
        run_virtual(main)
    unit = trace.one("stage b")
    assert unit.outcome == "skipped"
    assert not unit.ran
    assert unit.attributes["stage.dependencies"] == ["a"]


def test_a_child_pipeline_hangs_below_its_spawn(record: Any) -> None:
    async def spawning(ctx: Any) -> Any:
        spawner = SubpipelineSpawner()

        async def runner(child_ctx: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", sleeping(5), "work").run(child_ctx)

        return (await spawner.spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)).to_dict()

    async def main() -> None:
        with pytest.raises(Exception, match="timed out"):
            await Pipeline(name="parent").with_stage("spawns", stage(spawning), "work").run(context(1_000))
        await asyncio.sleep(10)

    with record() as trace:
        run_virtual(main)
    assert trace.one("subpipeline child").parent == "stage spawns"
    assert trace.one("pipeline child").parent == "subpipeline child"
    inner = trace.one("stage inner")
    assert inner.parent == "pipeline child"
    assert len({trace.one(name).trace_id for name in ("pipeline parent", "stage spawns", "pipeline child", "stage inner")}) == 1
    # The parent's deadline reaches the child's run, and nobody asks the stage in it.
    request = trace.one("stage spawns").first("cancel.requested")["request.id"]
    assert trace.one("pipeline child").first("cancel.delivered")["delivery.requests"] == [request]
    assert trace.one("pipeline child").outcome == "cancelled"
    assert inner.of("cancel.requested") == []
    assert inner.outcome == "completed"


def test_cleanup_callbacks_from_registration_to_end(record: Any) -> None:
    async def main() -> None:
        graph: Any = None

        async def good() -> None:
            await asyncio.sleep(0.1)

        async def bad() -> None:
            raise ValueError("no")

        async def registers(_ctx: Any) -> None:
            for callback in (good, bad):
                graph.register_cleanup(callback, name=callback.__name__)
            await asyncio.sleep(1)

        graph = Pipeline(name="demo").with_stage("r", stage(registers), "work").build()
        await graph.run(context())
        graph.register_cleanup(good, name="late")

    with record() as trace:
        run_virtual(main)
    registrar = trace.one("stage r")
    registered = registrar.of("cleanup.registered")
    assert [event["cleanup.name"] for event in registered] == ["good", "bad"]
    good, bad = trace.one("cleanup good"), trace.one("cleanup bad")
    assert good.parent == bad.parent == "pipeline demo"
    assert good.first("cleanup.started")["cleanup.id"] == registered[0]["cleanup.id"]
    assert good.of("cleanup.finished")
    assert bad.first("cleanup.failed")["cleanup.failure"] == "raised"
    assert bad.first("cleanup.started").seq < good.first("cleanup.started").seq
    assert good.first("cleanup.started")["cleanup.budget_ns"] == 5_000 * MS
    dropped = trace.one("task main").first("cleanup.dropped")
    assert dropped["cleanup.name"] == "late"


def test_a_cleanup_cut_by_its_budget(record: Any) -> None:
    async def main() -> None:
        graph: Any = None

        async def slow() -> None:
            await asyncio.sleep(100)

        async def registers(_ctx: Any) -> None:
            graph.register_cleanup(slow)

        graph = Pipeline(name="demo").with_stage("r", stage(registers), "work").build()
        await graph.run(context())

    with record() as trace:
        run_virtual(main)
    unit = trace.one("cleanup slow")
    assert unit.first("cleanup.failed")["cleanup.failure"] == "timed_out"
    assert unit.outcome == "timed_out"


def test_flags_are_noted_on_the_run_that_they_flag(record: Any) -> None:
    async def main() -> None:
        ctx = context()
        run = asyncio.create_task(
            Pipeline(name="demo").with_stage("a", sleeping(1), "work").with_stage("b", sleeping(1), "work", dependencies=("a",)).run(ctx)
        )
        await asyncio.sleep(0.5)
        ctx.mark_canceled("stop")
        with pytest.raises(Exception, match="stop"):
            await run

    with record() as trace:
        run_virtual(main)
    demo = trace.one("pipeline demo")
    flagged = demo.first("cancel.flagged")
    assert flagged["flag.mechanism"] == "mark_canceled"
    assert flagged["flag.by_span_id"] == trace.one("task main").span_id
    assert demo.outcome == "cancelled"
    assert trace.named("stage b") == []


def test_a_cancel_output_cancels_the_run(record: Any) -> None:
    async def main() -> None:
        pipeline = (
            Pipeline(name="demo")
            .with_stage("stops", sleeping(0.2, StageOutput.cancel("enough")), "work")
            .with_stage("other", sleeping(2), "work")
        )
        with pytest.raises(Exception, match="enough"):
            await pipeline.run(context())

    with record() as trace:
        run_virtual(main)
    assert trace.one("stage stops").outcome == "cancelled"
    assert trace.one("pipeline demo").outcome == "cancelled"
    assert trace.one("pipeline demo").first("reported")["report.results"] == ["stops"]
    assert trace.one("stage other").first("cancel.requested")["request.mechanism"] == "stageflow"


def test_the_deprecated_graph_is_recorded_too(record: Any) -> None:
    from stageflow.pipeline.dag import StageGraph, StageSpec

    async def runner(_ctx: Any) -> dict[str, int]:
        await asyncio.sleep(1)
        return {"x": 1}

    async def main() -> None:
        with pytest.warns(DeprecationWarning, match="StageGraph is deprecated"):
            graph = StageGraph([StageSpec(name="old", runner=runner)])
        await graph.run(context())

    with record() as trace:
        run_virtual(main)
    assert trace.one("stage old").outcome == "completed"
    assert trace.faults == []


def test_two_runs_on_one_graph_are_two_units(record: Any) -> None:
    async def main() -> None:
        graph = Pipeline(name="demo").with_stage("a", sleeping(1), "work").build()
        await asyncio.gather(graph.run(context()), graph.run(context()))

    with record() as trace:
        run_virtual(main)
    runs = trace.named("pipeline demo")
    assert len(runs) == 2
    assert [unit.attributes["attempt"] for unit in trace.named("stage a")] == [1, 1]
    assert {unit.trace_id for unit in trace.named("stage a")} == {run.trace_id for run in runs}


def test_a_stage_that_swallows_its_timeout(record: Any) -> None:
    async def stubborn(_ctx: Any) -> Any:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return StageOutput.ok(done=True)
        return None

    async def main() -> None:
        await Pipeline(name="demo").with_stage("s", stage(stubborn), "work").run(context(200))

    with record() as trace:
        run_virtual(main)
    unit = trace.one("stage s")
    assert unit.outcome == "completed"
    assert unit.first("cancel.swallowed")["swallowed.how"] == "returned"
    assert unit.attributes["deadline_state"] == "expired"
