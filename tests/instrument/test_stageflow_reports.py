"""What each channel of stageflow says of a stage or a run, and what the body itself produced."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from stageflow import Pipeline, StageOutput
from stageflow.pipeline.interceptors import BaseInterceptor, CriticalInterceptorError, get_default_interceptors

from .running import run_virtual
from .stageflow_parts import Listening, channels
from .test_stageflow import context, sleeping, stage


@pytest.mark.parametrize(
    ("output", "status", "has_data", "outcome"),
    [
        (StageOutput.ok(x=1), "ok", True, "completed"),
        (StageOutput.ok(), "ok", False, "completed"),
        (None, "ok", False, "completed"),
        ({"x": 1}, "ok", True, "completed"),
        ([1], "list", True, "completed"),
        (StageOutput.skip("no"), "skip", True, "skipped"),
        (StageOutput.cancel("enough"), "cancel", True, "cancelled"),
        (StageOutput.fail("no"), "fail", False, "failed"),
        (StageOutput.fail("Stage timed out after 5ms"), "fail", False, "failed"),
        (StageOutput.retry("again"), "retry", False, "failed"),
    ],
)
def test_what_the_body_returned(record: Any, output: Any, status: str, has_data: bool, outcome: str) -> None:
    async def main() -> None:
        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("s", sleeping(0.1, output), "work").run(context())

    with record() as trace:
        run_virtual(main)
    unit = trace.one("stage s")
    produced = unit.first("output.produced")
    assert (produced["output.status"], produced["output.has_data"], unit.outcome) == (status, has_data, outcome)
    assert produced.time_ns == unit.end_ns
    assert trace.faults == []


def test_what_is_truthy_is_not_asked_of_the_user_s_objects(record: Any) -> None:
    class Touchy(dict[str, Any]):
        status = "ok"
        error = None

        @property
        def data(self) -> Any:
            return Unsure()

    class Unsure:
        def __bool__(self) -> bool:
            raise ValueError("the truth value is ambiguous")

    async def main() -> None:
        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("s", sleeping(0.1, Touchy()), "work").run(context())

    with record() as trace:
        run_virtual(main)
    assert trace.one("stage s").first("output.produced")["output.has_data"] is True
    assert trace.faults == []


def test_an_output_after_a_swallowed_cancellation_and_while_unwinding(record: Any) -> None:
    async def swallows(_ctx: Any) -> Any:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
        return StageOutput.ok(late=True)

    async def returns_at_once(_ctx: Any) -> Any:
        try:
            await asyncio.sleep(5)
        finally:
            return StageOutput.ok(late=True)  # noqa: B012

    async def main() -> None:
        for body in (swallows, returns_at_once):
            await Pipeline(name="demo").with_stage(body.__name__, stage(body), "work").run(context(200))

    with record() as trace:
        run_virtual(main)
    for name, how in (("swallows", "went_on"), ("returns_at_once", "returned")):
        unit = trace.one(f"stage {name}")
        assert unit.first("cancel.swallowed")["swallowed.how"] == how
        assert unit.first("output.produced")["output.has_data"] is True
        assert unit.first("cancel.delivered").seq < unit.first("output.produced").seq


def test_no_output_of_a_body_that_was_cut_or_raised(record: Any) -> None:
    async def raises(_ctx: Any) -> None:
        raise ValueError("no")

    async def main() -> None:
        for name, body in (("cut", sleeping(5)), ("raises", stage(raises))):
            with contextlib.suppress(Exception):
                await Pipeline(name="demo").with_stage(name, body, "work").run(context(200))

    with record() as trace:
        run_virtual(main)
    assert trace.one("stage cut").of("output.produced") == []
    assert channels(trace.one("stage cut")) == [("after", "timed_out"), ("result", "timed_out")]
    assert trace.one("stage raises").of("output.produced") == []
    assert channels(trace.one("stage raises")) == [("on_error", "failed"), ("after", "failed"), ("exception", "failed")]


def test_all_interceptors_are_told_the_same_object(record: Any) -> None:
    inner, outer = Listening(100), Listening(1)

    async def main() -> None:
        await (
            Pipeline(name="demo")
            .with_stage("s", sleeping(0.1), "work")
            .run(context(), interceptors=[inner, *get_default_interceptors(), outer])
        )

    with record() as trace:
        run_virtual(main)
    assert inner.told[0] is outer.told[0]
    assert channels(trace.one("stage s")) == [("after", "completed"), ("result", "completed")]


def test_an_after_that_raises_does_not_hide_what_was_told(record: Any) -> None:
    class Broken(Listening):
        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            raise ValueError("broken")

    class Critical(Listening):
        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            raise CriticalInterceptorError("stop", self.name)

    outer = Listening(1)

    async def main() -> None:
        for interceptor in (Broken(90), Critical(90)):
            with contextlib.suppress(Exception):
                await Pipeline(name="demo").with_stage("s", sleeping(0.1), "work").run(context(), interceptors=[interceptor, outer])

    with record() as trace:
        run_virtual(main)
    broken, critical = trace.named("stage s")
    assert channels(broken) == [("after", "completed"), ("result", "completed")]
    assert channels(critical) == [("after", "completed"), ("exception", "failed")]
    # The body did its work; what the caller saw is another witness.
    assert (critical.outcome, critical.attributes["reported_outcome"]) == ("completed", "failed")
    assert len(outer.told) == 1


def test_a_run_cancelled_from_outside_tells_interceptors_nothing(record: Any) -> None:
    listening = Listening(1)

    async def main() -> None:
        run = asyncio.create_task(Pipeline(name="demo").with_stage("s", sleeping(5), "work").run(context(), interceptors=[listening]))
        await asyncio.sleep(0.5)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    with record() as trace:
        run_virtual(main)
    assert listening.told == []
    unit = trace.one("stage s")
    assert unit.ran
    assert channels(unit) == [("exception", "cancelled")]


def test_interceptors_keep_their_order_and_their_answers(record: Any) -> None:
    """With a priority of any type that sorts, as without a recorder."""
    order: list[str] = []

    class Says(BaseInterceptor):
        def __init__(self, name: str, priority: Any) -> None:
            self.name = name
            self.priority = priority

        async def before(self, stage_name: str, ctx: Any) -> None:
            order.append(f"before {self.name}")

        async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
            order.append(f"after {self.name}")

    async def main() -> None:
        for first, second in ((1, float("inf")), ("a", "b"), ((1, 2), (3,))):
            pipeline = Pipeline(name="demo").with_stage("s", sleeping(0.1), "work")
            await pipeline.run(context(), interceptors=[Says("second", second), Says("first", first)])

    run_virtual(main)
    untold, order = order, []
    with record() as trace:
        run_virtual(main)
    assert order == untold
    assert order[:4] == ["before first", "before second", "after second", "after first"]
    assert [unit.outcome for unit in trace.named("stage s")] == ["completed"] * 3
    assert trace.faults == []


def test_what_the_caller_of_a_run_gets(record: Any) -> None:
    async def raises(_ctx: Any) -> None:
        raise ValueError("boom")

    async def main() -> None:
        for name, last in (("good", sleeping(0.1)), ("raised", stage(raises)), ("stops", sleeping(0.1, StageOutput.cancel("enough")))):
            with contextlib.suppress(Exception):
                pipeline = Pipeline(name=name).with_stage("a", sleeping(0.1), "work").with_stage("z", last, "work", dependencies=("a",))
                await pipeline.run(context())
        alone = asyncio.create_task(Pipeline(name="left").with_stage("a", sleeping(1), "work").run(context()))
        await asyncio.sleep(0.1)
        alone.cancel()
        await asyncio.gather(alone, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    told = {name: trace.one(f"pipeline {name}").first("reported") for name in ("good", "raised", "stops", "left")}
    assert {name: (report["report.outcome"], report["report.results"]) for name, report in told.items()} == {
        "good": ("completed", ["a", "z"]),
        # An error of the library carries no results, though a stage had completed.
        "raised": ("failed", []),
        "stops": ("cancelled", ["a", "z"]),
        "left": ("cancelled", []),
    }
    assert told["raised"]["report.error_type"] == "stageflow.pipeline.dag.UnifiedStageExecutionError"
    assert told["raised"]["report.error"] == "Stage 'z' failed: boom"
    assert told["raised"]["report.stage"] == "z"


def test_stages_that_never_ran_are_known_by_the_run(record: Any) -> None:
    async def main() -> None:
        pipeline = (
            Pipeline(name="demo")
            .with_stage("a", sleeping(5), "work")
            .with_stage("b", sleeping(1), "work", dependencies=("a",))
            .with_stage("c", sleeping(1), "work", dependencies=("a", "b"))
        )
        with contextlib.suppress(Exception):
            await pipeline.run(context(200))

    with record() as trace:
        run_virtual(main)
    demo = trace.one("pipeline demo")
    assert demo.attributes["pipeline.stages"] == ["a", "b", "c"]
    assert demo.attributes["pipeline.edges"] == ["a>b", "a>c", "b>c"]
    assert [unit.name for unit in trace.units if unit.kind == "stage"] == ["stage a"]
