"""Answers in a stage's place, stored results that stand in for it, and second attempts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from stageflow import Pipeline, StageOutput
from stageflow.pipeline.guard_retry import GuardRetryPolicy, GuardRetryStrategy
from stageflow.pipeline.idempotency import IdempotencyInterceptor, InMemoryIdempotencyStore
from stageflow.pipeline.interceptors import BaseInterceptor, InterceptorResult, get_default_interceptors
from stageflow.pipeline.retry import BackoffStrategy, JitterStrategy, RetryInterceptor
from stageflow.stages.context import PipelineContext

from .running import run_virtual
from .stageflow_parts import Listening, channels
from .test_stageflow import MS, context, sleeping, stage


def test_the_circuit_breaker_answers_in_the_stage_s_place(record: Any) -> None:
    """Its threshold of five counts a stage that raises twice: once for its error, once for its failed result."""

    async def raises(_ctx: Any) -> None:
        raise ValueError("down")

    async def main() -> None:
        interceptors = get_default_interceptors()
        pipeline = Pipeline(name="demo").with_stage("s", stage(raises), "work")
        for _ in range(3):
            with contextlib.suppress(Exception):
                await pipeline.run(context(), interceptors=interceptors)
        await pipeline.run(context(), interceptors=interceptors)

    with record() as trace:
        run_virtual(main)
    units = trace.named("stage s")
    assert [unit.outcome for unit in units] == ["failed", "failed", "failed", "short_circuited"]
    assert not units[3].ran
    told = units[3].of("reported")[-1]
    assert (told["report.short_cut_by"], told["report.has_data"], told["report.outcome"]) == ("circuit_breaker", False, "completed")
    assert told["report.error"] == "Circuit breaker open for s"
    assert trace.named("pipeline demo")[3].outcome == "completed"


def replays(record: Any, data: dict[str, Any], runs: int) -> Any:
    """The trace of runs of two stages, of which the first gives these data, with one idempotency key for all."""
    store = InMemoryIdempotencyStore()

    async def main() -> None:
        pipeline = (
            Pipeline(name="demo").with_stage("a", sleeping(0.1, data), "work").with_stage("b", sleeping(0.1), "work", dependencies=("a",))
        )
        for _ in range(runs):
            interceptors: list[BaseInterceptor] = [IdempotencyInterceptor(store=store), Listening(50)]
            await pipeline.run(PipelineContext(data={"idempotency_key": "k"}), interceptors=interceptors)

    with record() as trace:
        run_virtual(main)
    return trace


def test_a_replayed_result_and_whose_it_is(record: Any) -> None:
    """The library's key is the run's, not the stage's: the second stage of a run is given the first one's result."""
    trace = replays(record, {"x": 1}, 1)
    assert trace.one("stage a").outcome == "completed"
    unit = trace.one("stage b")
    assert (unit.outcome, unit.ran) == ("short_circuited", False)
    told = unit.of("reported")[-1]
    assert (told["report.short_cut_by"], told["report.has_data"], told["report.stage"]) == ("idempotency", True, "a")
    assert "report.error" not in told.attributes
    assert [event.name for event in trace.one("pipeline demo").events if event.name.startswith("checkpoint")] == [
        "checkpoint.missed",
        "checkpoint.missed",
        "checkpoint.saved",
        "checkpoint.loaded",
        "checkpoint.saved",
    ]
    loaded = trace.one("pipeline demo").first("checkpoint.loaded")
    assert (loaded["checkpoint.key"], loaded["checkpoint.store"]) == ("k", "InMemoryIdempotencyStore")


def test_a_replay_of_a_replay_has_lost_its_data(record: Any) -> None:
    """A replayed result is stored again inside another one, and the library looks only one deep: the second replay is empty."""
    lost = replays(record, {"x": 1}, 2).named("stage a")[1].of("reported")[-1]
    assert (lost["report.short_cut_by"], lost["report.stage"], lost["report.has_data"]) == ("idempotency", "a", False)


def test_the_replay_of_a_result_without_data_is_whole(record: Any) -> None:
    trace = replays(record, {}, 2)
    last = [unit.of("reported")[-1] for unit in (*trace.named("stage b"), trace.named("stage a")[1])]
    assert [(told["report.stage"], told["report.has_data"]) for told in last] == [("a", True)] * 3


def test_without_a_key_no_store_is_asked(record: Any) -> None:
    async def main() -> None:
        await Pipeline(name="demo").with_stage("a", sleeping(0.1), "work").run(context())

    with record() as trace:
        run_virtual(main)
    assert [event.name for unit in trace.units for event in unit.events if "checkpoint" in event.name] == []


def test_a_store_that_is_asked_by_hand_names_the_line(record: Any) -> None:
    async def asks(_ctx: Any) -> None:
        assert await InMemoryIdempotencyStore().get("mine") is None

    async def main() -> None:
        await Pipeline(name="demo").with_stage("a", stage(asks), "work").run(context())

    with record() as trace:
        run_virtual(main)
    missed = trace.one("stage a").first("checkpoint.missed")
    assert (missed["checkpoint.key"], missed["code.file.path"]) == ("mine", "test_stageflow_shortcuts.py")


def test_an_answer_with_and_without_data(record: Any) -> None:
    class Answers(Listening):
        name = "cache"

        def __init__(self, answer: InterceptorResult) -> None:
            super().__init__(30)
            self.answer = answer

        async def before(self, stage_name: str, ctx: Any) -> Any:
            return self.answer

    class Renamed(Answers):
        """Its name is an attribute of the instance."""

        def __init__(self, answer: InterceptorResult) -> None:
            super().__init__(answer)
            self.name = "mine"

    answers = [
        Answers(InterceptorResult(stage_ran=False, result={"x": 1})),
        Answers(InterceptorResult(stage_ran=False, result={})),
        Renamed(InterceptorResult(stage_ran=False, result=None, error="no")),
        Answers(InterceptorResult(stage_ran=True, result={"ignored": 1})),
    ]

    async def main() -> None:
        for interceptor in answers:
            await Pipeline(name="demo").with_stage("s", sleeping(0.1), "work").run(context(), interceptors=[interceptor])

    with record() as trace:
        run_virtual(main)
    last = [unit.of("reported")[-1] for unit in trace.named("stage s")]
    assert [(told.get("report.short_cut_by"), told["report.has_data"], told.get("report.error")) for told in last] == [
        ("cache", True, None),
        ("cache", False, None),
        ("mine", False, "no"),
        (None, False, None),
    ]
    assert [unit.ran for unit in trace.named("stage s")] == [False, False, False, True]


def test_a_retry_interceptor_gets_one_second_attempt_without_a_deadline(record: Any) -> None:
    """Whatever `max_attempts` says: the library runs a stage again once, outside of its timeout."""

    async def down(_ctx: Any) -> None:
        await asyncio.sleep(0.1)
        raise ConnectionError("down")

    retry = RetryInterceptor(
        max_attempts=5, base_delay_ms=1_000, backoff_strategy=BackoffStrategy.CONSTANT, jitter_strategy=JitterStrategy.NONE
    )

    async def main() -> None:
        with contextlib.suppress(Exception):
            await (
                Pipeline(name="demo")
                .with_stage("s", stage(down), "work")
                .run(context(700), interceptors=[*get_default_interceptors(), retry])
            )

    with record() as trace:
        run_virtual(main)
    first, second = trace.named("stage s")
    assert (first.attributes["attempt"], second.attributes["attempt"]) == (1, 2)
    assert first.attributes["timeout_ns"] == 700 * MS
    assert "timeout_ns" not in second.attributes
    assert second.first("deadline.set")["deadline.configured"] == "700"
    assert second.start_ns == (first.end_ns or 0) + 1_000 * MS
    assert channels(first) == [("on_error", "failed")]
    assert channels(second) == [("after", "failed"), ("exception", "failed")]
    assert (first.outcome, second.outcome) == ("failed", "failed")


def test_a_timeout_is_not_retried(record: Any) -> None:
    """The library turns it into a result before an interceptor is asked what to do."""

    async def main() -> None:
        with contextlib.suppress(Exception):
            await (
                Pipeline(name="demo")
                .with_stage("s", sleeping(5), "work")
                .run(context(200), interceptors=[*get_default_interceptors(), RetryInterceptor(base_delay_ms=1)])
            )

    with record() as trace:
        run_virtual(main)
    assert channels(trace.one("stage s")) == [("after", "timed_out"), ("result", "timed_out")]


def test_a_retry_output_is_a_success_for_the_run(record: Any) -> None:
    """Nobody runs the stage again, interceptors are told that it completed, and those who depend on it run."""

    async def main() -> None:
        pipeline = (
            Pipeline(name="demo")
            .with_stage("a", sleeping(0.1, StageOutput.retry("again")), "work")
            .with_stage("b", sleeping(0.1), "work", dependencies=("a",))
        )
        await pipeline.run(context(), interceptors=[*get_default_interceptors(), RetryInterceptor(base_delay_ms=1)])

    with record() as trace:
        run_virtual(main)
    unit = trace.one("stage a")
    assert unit.outcome == "failed"
    assert channels(unit) == [("after", "completed"), ("result", "failed")]
    assert unit.of("reported")[-1]["report.status"] == "retry"
    assert (trace.one("stage b").outcome, trace.one("pipeline demo").outcome) == ("completed", "completed")


def test_an_orphan_s_second_attempt_has_a_number_of_its_own(record: Any) -> None:
    async def down(_ctx: Any) -> None:
        await asyncio.sleep(1)
        raise ConnectionError("down")

    async def main() -> None:
        pipeline = Pipeline(name="demo").with_stage("s", stage(down), "work")
        with contextlib.suppress(TimeoutError):
            interceptors = [*get_default_interceptors(), RetryInterceptor(base_delay_ms=1)]
            await asyncio.wait_for(pipeline.run(context(), interceptors=interceptors), 0.5)
        await asyncio.sleep(5)

    with record() as trace:
        run_virtual(main)
    assert [unit.attributes["attempt"] for unit in trace.named("stage s")] == [1, 2]


def test_a_guard_that_has_its_stage_run_again(record: Any) -> None:
    tries: list[int] = []

    async def guards(_ctx: Any) -> Any:
        tries.append(1)
        return StageOutput.fail("bad", data={"try": len(tries)}) if len(tries) < 3 else StageOutput.ok()

    async def main() -> None:
        graph = (
            Pipeline(name="demo")
            .with_stage("make", sleeping(0.1), "transform")
            .with_stage("guard", stage(guards), "guard", dependencies=("make",))
            .with_stage("use", sleeping(0.1), "work", dependencies=("guard",))
            .build(guard_retry_strategy=GuardRetryStrategy(policies={"guard": GuardRetryPolicy(retry_stage="make", max_attempts=5)}))
        )
        await graph.run(context())

    with record() as trace:
        run_virtual(main)
    assert [unit.attributes["attempt"] for unit in trace.named("stage make")] == [1, 2, 3]
    assert [(unit.attributes["attempt"], unit.outcome) for unit in trace.named("stage guard")] == [
        (1, "failed"),
        (2, "failed"),
        (3, "completed"),
    ]
    assert trace.one("stage use").attributes["attempt"] == 1
    events = [report for report in trace.one("pipeline demo").of("reported") if report["report.channel"] == "event"]
    words = ["attempt", "scheduled", "attempt", "scheduled", "recovered"]
    assert [(event["report.status"], event["report.stage"]) for event in events] == [(f"guard_retry.{word}", "guard") for word in words]
