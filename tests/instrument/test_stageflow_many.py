"""Runs of stageflow at once, in two threads, fifty deep, and the graph's own shutdown among them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any
from uuid import uuid4

import pytest
from stageflow import Pipeline
from stageflow.pipeline.subpipeline import MaxDepthExceededError, SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from .running import run_virtual
from .test_stageflow import MS, context, sleeping, stage


@pytest.mark.parametrize("shared", [True, False])
def test_runs_at_once_on_one_graph(record: Any, shared: bool) -> None:
    async def main() -> None:
        graph = Pipeline(name="demo").with_stage("a", sleeping(1), "work").with_stage("b", sleeping(1), "work", dependencies=("a",)).build()
        common = context()
        await asyncio.gather(*(graph.run(common if shared else context()) for _ in range(5)))

    with record() as trace:
        run_virtual(main)
    runs = trace.named("pipeline demo")
    assert len(runs) == 5
    for name in ("stage a", "stage b"):
        assert sorted(unit.trace_id for unit in trace.named(name)) == sorted(run.trace_id for run in runs)
        assert [unit.attributes["attempt"] for unit in trace.named(name)] == [1] * 5
    # A shared context shares its data: the first to end takes the others' timeout out of it, too late for those that are armed.
    assert {unit.attributes["timeout_ns"] for unit in trace.named("stage a")} == {30_000 * MS}
    assert trace.faults == []


def test_runs_at_once_with_one_that_fails(record: Any) -> None:
    async def sometimes(ctx: Any) -> None:
        await asyncio.sleep(0.5)
        if ctx.snapshot.metadata:
            raise ValueError("boom")
        await asyncio.sleep(2)

    async def main() -> None:
        graph = Pipeline(name="demo").with_stage("a", stage(sometimes), "work").with_stage("b", sleeping(2), "work").build()
        await asyncio.gather(graph.run(context(metadata={"fail": True})), graph.run(context()), return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    failing, fine = trace.named("pipeline demo")
    assert (failing.outcome, fine.outcome) == ("failed", "completed")
    cut, kept = trace.named("stage b")
    assert cut.trace_id == failing.trace_id
    assert cut.first("cancel.requested")["request.by_span_id"] == failing.span_id
    assert (cut.outcome, kept.outcome) == ("cancelled", "completed")


def test_runs_in_the_loops_of_two_threads(record: Any) -> None:
    graph = Pipeline(name="demo").with_stage("a", sleeping(0.3), "work").build()
    results: list[Any] = []

    def in_a_thread(timeout_ms: int) -> None:
        async def main() -> None:
            with contextlib.suppress(Exception):
                results.append(await graph.run(context(timeout_ms)))

        run_virtual(main)

    with record() as trace:
        threads = [threading.Thread(target=in_a_thread, args=(timeout,)) for timeout in (100, 1_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    runs, stages = trace.named("pipeline demo"), trace.named("stage a")
    assert len({run.attributes["loop"] for run in runs}) == 2
    assert {unit.trace_id: unit.attributes["loop"] for unit in stages} == {run.trace_id: run.attributes["loop"] for run in runs}
    assert sorted(str(unit.outcome) for unit in stages) == ["completed", "timed_out"]
    assert trace.faults == []


# --- Deep ------------------------------------------------------------------------------------------------------------------

DEPTH = 50


def nested(depth: int, deepest: float, spawner: SubpipelineSpawner | None) -> Pipeline:
    """A pipeline whose stage runs a pipeline, and so on."""

    async def body(ctx: Any) -> None:
        if depth == 1:
            await asyncio.sleep(deepest)
            return
        inner = nested(depth - 1, deepest, spawner)
        if spawner is None:
            await inner.run(context())
            return

        async def runner(child: PipelineContext) -> Any:
            return await inner.run(child)

        parent = PipelineContext(pipeline_run_id=ctx.pipeline_run_id)
        result = await spawner.spawn(inner.name, parent, uuid4(), ctx.stage_name, runner)
        assert result.success

    return Pipeline(name=f"p{depth}").with_stage(f"s{depth}", stage(body), "work")


@pytest.mark.parametrize("spawned", [True, False])
@pytest.mark.parametrize("end", ["completed", "cancelled", "timed_out"])
def test_fifty_pipelines_deep(record: Any, spawned: bool, end: str) -> None:
    async def main() -> None:
        top = nested(DEPTH, 5, SubpipelineSpawner(max_depth=DEPTH + 1) if spawned else None)
        run = asyncio.create_task(top.run(context(500 if end == "timed_out" else None)))
        await asyncio.sleep(1)
        if end == "cancelled":
            run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await asyncio.sleep(10)

    with record() as trace:
        run_virtual(main)
    by_name = {unit.name: unit for unit in trace.units}
    assert len([unit for unit in trace.units if unit.kind == "pipeline"]) == DEPTH
    assert len([unit for unit in trace.units if unit.kind == "stage"]) == DEPTH
    assert len([unit for unit in trace.units if unit.kind == "subpipeline"]) == (DEPTH - 1 if spawned else 0)
    unit: Any = by_name["stage s1"]
    way: list[str] = []
    while unit is not None:
        way.append(unit.kind)
        unit = by_name.get(unit.parent)
    steps = ["stage", "pipeline", *(["subpipeline"] if spawned else [])]
    assert way == (steps * DEPTH)[: len(way)]
    assert len(way) == DEPTH * 2 + (DEPTH - 1 if spawned else 0)
    assert len({each.trace_id for each in trace.units if each.kind in ("stage", "pipeline", "subpipeline")}) == 1
    top, deepest = by_name[f"pipeline p{DEPTH}"], by_name["stage s1"]
    assert top.outcome == {"completed": "completed", "cancelled": "cancelled", "timed_out": "failed"}[end]
    # A run waits for its stages by asyncio.wait: neither a cancellation nor a timeout of the top reaches beyond the first run below.
    assert (deepest.outcome, deepest.of("cancel.requested")) == ("completed", [])
    below = by_name[f"pipeline p{DEPTH - 1}"]
    if end == "timed_out":
        request = by_name[f"stage s{DEPTH}"].first("cancel.requested")["request.id"]
        assert below.first("cancel.delivered")["delivery.requests"] == [request]
    elif end == "cancelled":
        assert by_name[f"stage s{DEPTH}"].of("cancel.requested") == []
    assert trace.faults == []


def test_the_spawner_s_own_limit_is_told_as_an_error(record: Any) -> None:
    caught: list[Any] = []

    async def main() -> None:
        spawner = SubpipelineSpawner(max_depth=0)

        async def runner(_child: PipelineContext) -> Any:
            return {}

        async def spawns(ctx: Any) -> None:
            try:
                await spawner.spawn("child", context(), uuid4(), ctx.stage_name, runner)
            except MaxDepthExceededError as error:
                caught.append(error)

        await Pipeline(name="parent").with_stage("spawns", stage(spawns), "work").run(context())

    with record() as trace:
        run_virtual(main)
    assert len(caught) == 1
    unit = trace.one("subpipeline child")
    assert (unit.outcome, unit.attributes["error.type"]) == ("failed", "stageflow.pipeline.subpipeline.MaxDepthExceededError")


def test_a_shutdown_goes_on_into_child_runs_of_the_same_task(record: Any) -> None:
    async def fails(_ctx: Any) -> None:
        await asyncio.sleep(0.3)
        raise ValueError("boom")

    async def spawns(ctx: Any) -> None:
        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", sleeping(5), "work").run(child)

        await SubpipelineSpawner().spawn("child", PipelineContext(pipeline_run_id=uuid4()), uuid4(), ctx.stage_name, runner)

    async def helps(_ctx: Any) -> None:
        await asyncio.gather(asyncio.create_task(asyncio.sleep(5), name="helper"))

    async def main() -> None:
        with contextlib.suppress(Exception):
            await (
                Pipeline(name="parent")
                .with_stage("fails", stage(fails), "work")
                .with_stage("spawns", stage(spawns), "work")
                .with_stage("helps", stage(helps), "work")
                .run(context())
            )
        await asyncio.sleep(10)

    with record() as trace:
        run_virtual(main)
    parent = trace.one("pipeline parent")
    spawns_request = trace.one("stage spawns").first("cancel.requested")
    assert (spawns_request["request.mechanism"], spawns_request["request.by_span_id"]) == ("stageflow", parent.span_id)
    assert spawns_request["code.file.path"] == "dag.py"
    child = trace.one("pipeline child").first("cancel.requested")
    assert child["request.id"] == spawns_request["request.id"]
    # One request propagated along an await is a second one, with the first as its origin.
    helper, helps_request = trace.one("task sleep").first("cancel.requested"), trace.one("stage helps").first("cancel.requested")
    assert (helper["request.mechanism"], helper["request.via"]) == ("stageflow", helps_request["request.id"])
    assert trace.one("stage inner").of("cancel.requested") == []
