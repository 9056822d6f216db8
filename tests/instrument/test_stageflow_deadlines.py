"""stageflow's own timeouts: what was configured, where, and what was armed of it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any

import pytest
from stageflow import Pipeline
from stageflow.pipeline.interceptors import BaseInterceptor, LoggingInterceptor, TimeoutInterceptor, get_default_interceptors
from stageflow.stages.context import PipelineContext

from .running import run_virtual
from .test_stageflow import MS, PerStage, context, sleeping, stage


def one_stage(record: Any, data: dict[str, Any], interceptors: list[BaseInterceptor] | None = None, seconds: float = 0.5) -> Any:
    """The unit of one stage that takes half a second, run with this data."""

    async def main() -> None:
        with contextlib.suppress(Exception):
            await (
                Pipeline(name="demo").with_stage("s", sleeping(seconds), "work").run(PipelineContext(data=data), interceptors=interceptors)
            )

    with record() as trace:
        run_virtual(main)
    assert trace.faults == []
    return trace.one("stage s")


@pytest.mark.parametrize(
    ("value", "shown", "armed_ns"),
    [
        (800, "800", 800 * MS),
        (800.5, "800.5", 800_500_000),
        (True, "True", 1 * MS),
        (0, "0", None),
        (-5, "-5", None),
        (False, "False", None),
        (math.nan, "nan", None),
        (math.inf, "inf", None),
    ],
)
def test_what_is_configured_and_what_is_armed(record: Any, value: Any, shown: str, armed_ns: int | None) -> None:
    unit = one_stage(record, {"_timeout_ms": value})
    event = unit.first("deadline.set")
    assert (event["deadline.configured"], event["deadline.source"], event["deadline.mechanism"]) == (shown, "context", "stageflow")
    assert event.get("deadline.timeout_ns") == armed_ns
    assert ("deadline_ns" in unit.attributes) == (armed_ns is not None)
    assert unit.ran
    assert unit.outcome == ("timed_out" if value is True else "completed")


@pytest.mark.parametrize(("value", "shown"), [(None, "None"), ("100", "'100'"), ([5], "<list>"), ("x" * 40, "<str>")])
def test_what_is_no_number_fails_the_stage_before_it_runs(record: Any, value: Any, shown: str) -> None:
    unit = one_stage(record, {"_timeout_ms": value})
    assert unit.first("deadline.set")["deadline.configured"] == shown
    assert "deadline.at_ns" not in unit.first("deadline.set").attributes
    assert not unit.ran
    assert unit.outcome == "failed"
    told = {report["report.channel"]: report for report in unit.of("reported")}
    assert list(told) == ["on_error", "after", "result"]
    assert told["on_error"]["report.error_type"] == "TypeError"
    assert {report["report.outcome"] for report in told.values()} == {"failed"}


def test_the_default_and_its_two_places(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Patient(TimeoutInterceptor):
        DEFAULT_TIMEOUT_MS = 700

    plain = one_stage(record, {}).first("deadline.set")
    assert (plain["deadline.configured"], plain["deadline.source"], plain["deadline.timeout_ns"]) == ("30000", "default", 30_000 * MS)
    own = one_stage(record, {}, [Patient(), LoggingInterceptor()]).first("deadline.set")
    assert (own["deadline.configured"], own["deadline.source"], own["deadline.timeout_ns"]) == ("700", "stage", 700 * MS)
    monkeypatch.setattr(TimeoutInterceptor, "DEFAULT_TIMEOUT_MS", 1_500)
    moved = one_stage(record, {}).first("deadline.set")
    assert (moved["deadline.configured"], moved["deadline.source"], moved["deadline.timeout_ns"]) == ("1500", "default", 1_500 * MS)


def test_a_timeout_of_one_stage_alone(record: Any) -> None:
    event = one_stage(record, {"_timeout_ms": 800}, [*get_default_interceptors(), PerStage({"s": 200})]).first("deadline.set")
    assert (event["deadline.configured"], event["deadline.source"], event["deadline.timeout_ns"]) == ("200", "stage", 200 * MS)


def test_without_its_interceptor_a_configured_timeout_is_not_armed(record: Any) -> None:
    """The library's 30 seconds are, whatever the context says: configured 100 ms, armed 30 s."""
    unit = one_stage(record, {"_timeout_ms": 100}, [LoggingInterceptor()])
    event = unit.first("deadline.set")
    assert (event["deadline.configured"], event["deadline.source"], event["deadline.timeout_ns"]) == ("100", "context", 30_000 * MS)
    assert unit.outcome == "completed"


def test_of_two_timeout_interceptors_the_last_counts(record: Any) -> None:
    class Late(TimeoutInterceptor):
        name = "late"
        priority = 60

        async def before(self, stage_name: str, ctx: Any) -> None:
            ctx.data[f"_timeout.{stage_name}"] = 250

    unit = one_stage(record, {"_timeout_ms": 900}, [*get_default_interceptors(), Late()])
    assert unit.first("deadline.set")["deadline.timeout_ns"] == 250 * MS
    assert unit.outcome == "timed_out"


def test_a_stage_that_ends_in_time_disarms(record: Any) -> None:
    unit = one_stage(record, {"_timeout_ms": 800})
    assert unit.first("deadline.disarmed")["deadline.state"] == "exited"
    assert unit.attributes["deadline_state"] == "disarmed"
    expired = one_stage(record, {"_timeout_ms": 100})
    assert expired.first("deadline.disarmed")["deadline.state"] == "expired"
    assert expired.attributes["deadline_state"] == "expired"
    assert expired.first("deadline.expired").time_ns == expired.attributes["deadline_ns"]


def test_a_scope_in_a_stage_is_another_deadline(record: Any) -> None:
    async def inner(_ctx: Any) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.sleep(5)

    async def main() -> None:
        await Pipeline(name="demo").with_stage("s", stage(inner), "work").run(context(800))

    with record() as trace:
        run_virtual(main)
    assert trace.one("timeout inner").parent == "stage s"
    assert trace.one("timeout inner").outcome == "timed_out"
    assert len(trace.one("stage s").of("deadline.set")) == 1
    assert trace.one("stage s").attributes["deadline_state"] == "disarmed"
