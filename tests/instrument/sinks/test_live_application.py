"""What is the application's own with its TracerProvider: sampler, processors, limits, contexts, and what stays out of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider

from spanproof import instrument
from spanproof.instrument import attach
from spanproof.instrument import vocabulary as v
from spanproof.instrument.sinks import MemorySink
from tests.instrument.running import run_virtual

from .application import App, context_of, current

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping


# --- Sampler, processors, limits ------------------------------------------------------------------------------------------------


def test_a_unit_that_the_sampler_leaves_out_stays_in_the_recording() -> None:
    app = App(sampler=ParentBased(TraceIdRatioBased(0.0)))

    async def main() -> None:
        with app.tracer.start_as_current_span("request"):
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            assert carrier["traceparent"].endswith("-00") or carrier["traceparent"].endswith("-02")
            await asyncio.create_task(asyncio.sleep(0))

    with app.recorded():
        asyncio.run(main())
    assert app.spans() == ()
    for name in ("task main", "task sleep", "program test"):
        assert app.unit(name).attrs[v.SAMPLED] is False
    assert app.unit("task sleep").trace_id == app.unit("task main").trace_id
    assert app.unit("task sleep").attrs[v.PARENT_UNIT] == app.unit("task main").hex


def test_whole_traces_are_sampled_or_left_out() -> None:
    app = App(sampler=ParentBased(TraceIdRatioBased(0.5)))

    async def main() -> None:
        await asyncio.create_task(asyncio.sleep(0))

    with app.recorded():
        for _ in range(50):
            asyncio.run(main())
    sampled = {unit.trace_id for unit in app.units() if unit.kind == "task" and v.SAMPLED not in unit.attrs}
    left_out = {unit.trace_id for unit in app.units() if unit.kind == "task" and unit.attrs.get(v.SAMPLED) is False}
    assert len(sampled) + len(left_out) == 50
    assert sampled
    assert left_out
    assert sampled & left_out == set()
    assert {context_of(span).trace_id for span in app.spans() if span.name != "program test"} == sampled


def test_the_sampler_sees_the_kind_and_the_name() -> None:
    class OnlyStages(Sampler):
        def should_sample(self, *given: Any, **_named: Any) -> SamplingResult:
            from opentelemetry.sdk.trace.sampling import Decision

            _context, _trace_id, name, _kind, attributes, *_ = given
            wanted = attributes.get(v.UNIT) == "task" and attributes.get(v.CODE_FUNCTION) == "sleep" and name == "task sleep"
            return SamplingResult(Decision.RECORD_AND_SAMPLE if wanted else Decision.DROP)

        def get_description(self) -> str:
            return "only sleep"

    app = App(sampler=OnlyStages())

    async def main() -> None:
        await asyncio.create_task(asyncio.sleep(0))

    with app.recorded():
        asyncio.run(main())
    assert [span.name for span in app.spans()] == ["task sleep"]
    assert v.SAMPLED not in app.unit("task sleep").attrs


def test_what_a_processor_changes_stays_changed_and_out_of_the_recording() -> None:
    class Redacts(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            span.set_attribute(v.CODE_FILE, "redacted")
            span.set_attribute("tenant", "t1")
            span.update_name(f"app/{span.name}")

    app = App(processor=Redacts())
    with app.recorded():
        asyncio.run(asyncio.sleep(0))
    span = app.span("app/task sleep")
    attributes = dict(span.attributes or {})
    assert (attributes[v.CODE_FILE], attributes["tenant"], attributes[v.OUTCOME]) == ("redacted", "t1", "completed")
    unit = app.unit("task sleep")
    assert unit.attributes()[v.CODE_FILE] != "redacted"
    assert "tenant" not in unit.attributes()
    assert unit.span_id == context_of(span).span_id


def test_the_applications_limits_are_its_own() -> None:
    app = App(limits=SpanLimits(max_span_attributes=5, max_events=1))

    async def main() -> None:
        instrument.heartbeat()
        instrument.heartbeat()

    with app.recorded():
        asyncio.run(main())
    assert len(app.span("task main").events) == 1
    assert len(app.unit("task main").all_events()) > 2


def test_a_processor_that_raises_costs_the_export_and_nothing_else() -> None:
    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            if span.name == "task child":
                raise RuntimeError("broken")

    app = App(processor=Broken())

    async def child() -> str:
        return "done"

    async def main() -> str:
        return await asyncio.create_task(child())

    with app.recorded() as session:
        assert asyncio.run(main()) == "done"
    assert "export=lost: RuntimeError" in app.seams
    faults = [attrs[v.FAULT_PROBE] for name, _, _, attrs in session.recorder.recording.all_events() if name == v.PROBE_FAULT]
    assert faults == ["export"]
    assert app.unit("task child").outcome == "completed"
    assert app.unit("task child").parent_id == app.unit("task main").span_id


# --- Contexts ------------------------------------------------------------------------------------------------------------------


def test_what_the_program_leaves_in_its_context_stays() -> None:
    app = App()

    async def main() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(0)
            context.attach(baggage.set_baggage("user", "7"))  # never detached
            assert current() == "timeout main"
        assert current() == "task main"
        assert baggage.get_baggage("user") == "7"
        await asyncio.create_task(asyncio.sleep(0))

    with app.recorded():
        asyncio.run(main())
    assert app.parents() == {"task main": None, "timeout main": "task main", "task sleep": "task main"}


def test_a_scope_that_a_generator_leaks_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    async def numbers() -> AsyncGenerator[int]:
        async with asyncio.timeout(60):
            yield 1
            yield 2

    async def main() -> None:
        leaked = numbers()
        await anext(leaked)
        await asyncio.create_task(leaked.aclose())
        await asyncio.create_task(asyncio.sleep(0))

    with app.recorded():
        asyncio.run(main())
    assert [record for record in caplog.records if "detach" in record.getMessage()] == []
    assert app.seams.count("export=held") == 1


def test_a_runners_context_is_as_it_was() -> None:
    app = App()

    async def main() -> str:
        return current()

    with app.recorded(), asyncio.Runner() as runner:
        assert [runner.run(main()) for _ in range(2)] == ["task main", "task main"]
        assert runner.get_loop().run_until_complete(asyncio.sleep(0, current())) == "none"
    roots = [span.parent for span in app.spans()]
    assert roots == [None] * len(roots)


@pytest.mark.python(">=3.12")  # eager tasks came with Python 3.12
def test_eager_tasks() -> None:
    app = App()

    async def child() -> str:
        seen = current()
        await asyncio.sleep(0)
        return f"{seen}, {current()}"

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        assert await asyncio.create_task(child()) == "task child, task child"
        assert current() == "task main"

    with app.recorded():
        asyncio.run(main())
    assert app.parents()["task child"] == "task main"


def test_threads_go_on_in_the_units_trace() -> None:
    app = App()

    def work() -> None:
        with app.tracer.start_as_current_span("in the thread"):
            pass

    async def main() -> None:
        await asyncio.to_thread(work)

    with app.recorded():
        asyncio.run(main())
    assert app.parents()["in the thread"] == "task main"


def test_a_session_that_ends_inside_a_unit_leaves_itscontext_of() -> None:
    app = App()

    async def main() -> str:
        async with asyncio.timeout(1):
            session.__exit__(None, None, None)
            await asyncio.sleep(0)
            return current()

    session = attach.session(sink=MemorySink(), provider=app.provider, name="test")
    session.__enter__()
    assert asyncio.run(main()) == "none"
    assert {span.name: (span.attributes or {}).get(v.OUTCOME) for span in app.spans()} == {
        "timeout main": "unfinished",
        "task main": "unfinished",
        "program test": "completed",
    }
    assert all(span.end_time is not None for span in app.spans())


def test_a_session_that_begins_inside_a_loop_makes_spans_of_what_comes() -> None:
    app = App()

    async def main() -> str:
        with app.recorded():
            await asyncio.create_task(asyncio.sleep(0))
            async with asyncio.timeout(1):
                await asyncio.sleep(0)
                return current()

    assert asyncio.run(main()) == "timeout main"
    assert app.parents() == {"task main": None, "task sleep": "task main", "timeout main": "task main"}


# --- What stays out --------------------------------------------------------------------------------------------------------------


def test_nothing_of_a_virtual_loop_goes_through_the_provider() -> None:
    app = App()

    async def main() -> str:
        async with asyncio.timeout(1):
            await asyncio.create_task(asyncio.sleep(3600))
        return current()

    async def under() -> str:
        try:
            return await main()
        except TimeoutError:
            return current()

    with app.recorded():
        assert run_virtual(under) == "none"
    assert {span.name for span in app.spans()} == {"program test"}
    assert app.unit("task sleep").outcome == "cancelled"


def test_what_an_exporter_does_makes_no_spans() -> None:
    app = App()

    async def exporting() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        with suppress_instrumentation():
            await asyncio.create_task(exporting())

    with app.recorded():
        asyncio.run(main())
    assert app.parents() == {"task main": None}
    assert app.unit("task exporting").parent_id == app.unit("task main").span_id


def test_a_provider_without_an_sdk_changes_nothing() -> None:
    sink = MemorySink()

    async def main() -> None:
        assert trace.get_current_span() is trace.INVALID_SPAN
        await asyncio.create_task(asyncio.sleep(0))

    with attach.session(sink=sink, provider=NoOpTracerProvider(), name="test"):
        asyncio.run(main())
    units = {unit.name: unit for unit in sink.units}
    assert units["task sleep"].parent_id == units["task main"].span_id != 0
    assert v.SAMPLED not in units["task sleep"].attrs


def test_without_a_provider_no_context_is_attached() -> None:
    before = context.get_current()
    seen: list[Mapping[str, object]] = []

    async def main() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(0)
            seen.append(context.get_current())

    with attach.session(sink=MemorySink(), name="test") as session:
        asyncio.run(main())
    assert seen == [before]
    assert "export=absent: not installed" in session.recorder.seams.described()
