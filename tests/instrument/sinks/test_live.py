"""An application's own TracerProvider: our units and its spans form one trace, and its sampler and processors act as usual."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, propagate, trace
from opentelemetry.trace import StatusCode
from stageflow import Pipeline

from spanproof import instrument
from spanproof.instrument import attach
from spanproof.instrument import vocabulary as v
from spanproof.instrument.sinks import MemorySink
from tests.instrument.test_stageflow import context as pipeline_context

from . import support
from .application import App, context_of, current

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


UPSTREAM = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


# --- One trace -------------------------------------------------------------------------------------------------------------


def test_spans_of_the_application_and_units_are_each_others_parents() -> None:
    app = App()

    async def child() -> None:
        with app.tracer.start_as_current_span("query"):
            async with asyncio.timeout(1):
                with app.tracer.start_as_current_span("row"):
                    await asyncio.sleep(0)

    async def main() -> None:
        with app.tracer.start_as_current_span("request"):
            await asyncio.create_task(child())
            await asyncio.sleep(0)
            assert current() == "request"
        assert current() == "task main"

    with app.recorded():
        asyncio.run(main())
    assert app.parents() == {
        "task main": None,
        "request": "task main",
        "task child": "request",
        "query": "task child",
        "timeout child": "query",
        "row": "timeout child",
    }
    assert len({context_of(span).trace_id for span in app.spans() if span.name != "program test"}) == 1


def test_the_file_has_the_ids_of_the_live_spans_and_keeps_our_parent(tmp_path: Path) -> None:
    app = App()

    async def main() -> None:
        with app.tracer.start_as_current_span("request"):
            await asyncio.create_task(asyncio.sleep(0))

    with attach.session(tmp_path, provider=app.provider, name="test") as session:
        asyncio.run(main())
    assert session.path is not None
    merged = support.merged(session.path)
    written = {span["name"]: span for span in merged.values()}
    for name in ("program test", "task main", "task sleep"):
        live = context_of(app.span(name))
        assert (written[name]["traceId"], written[name]["spanId"]) == (f"{live.trace_id:032x}", f"{live.span_id:016x}")
    task = written["task sleep"]
    assert task["parentSpanId"] == f"{context_of(app.span('request')).span_id:016x}"
    assert support.attributes(task)[v.PARENT_UNIT] == written["task main"]["spanId"]
    assert support.attributes(task)[v.CREATOR] == written["task main"]["spanId"]
    assert v.PARENT_UNIT not in support.attributes(written["task main"])
    assert written["recording"]["traceId"] == written["program test"]["traceId"]
    assert len(merged) == len(written)


def test_a_span_carries_what_the_unit_knows() -> None:
    app = App()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("no good")

    async def main() -> None:
        with pytest.raises(ValueError, match="no good"):
            await asyncio.create_task(fails())

    with app.recorded():
        asyncio.run(main())
    span, unit = app.span("task fails"), app.unit("task fails")
    assert dict(span.attributes or {}) == unit.attributes()
    assert [(event.name, event.timestamp, event.attributes) for event in span.events] == [
        (name, time_ns, attrs) for name, time_ns, _, attrs in unit.all_events()
    ]
    assert (span.start_time, span.end_time) == (unit.start_ns, unit.end_ns)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no good")
    assert app.span("task main").status.status_code is StatusCode.UNSET


def test_w3c_context_comes_in_and_goes_out() -> None:
    app = App()
    out: dict[str, str] = {}

    async def handler() -> None:
        propagate.inject(out)

    async def main() -> None:
        token = context.attach(propagate.extract({"traceparent": UPSTREAM}))
        await asyncio.create_task(handler())
        context.detach(token)
        assert current() == "task main"

    with app.recorded():
        asyncio.run(main())
    live = context_of(app.span("task handler"))
    assert app.parents()["task handler"] == "upstream"
    assert f"{live.trace_id:032x}" == UPSTREAM.split("-")[1]
    assert out["traceparent"].split("-")[1:3] == [f"{live.trace_id:032x}", f"{live.span_id:016x}"]
    assert app.unit("task handler").parent_id == int(UPSTREAM.split("-")[2], 16)
    assert app.unit("task handler").attrs[v.PARENT_UNIT] == app.unit("task main").hex


def test_an_incoming_context_is_the_parent_of_the_root() -> None:
    app = App()
    token = context.attach(propagate.extract({"traceparent": UPSTREAM}))
    with attach.session(sink=MemorySink(), provider=app.provider, name="test"):
        asyncio.run(asyncio.sleep(0))
        assert trace.get_current_span().get_span_context().is_remote
    context.detach(token)
    assert app.parents() == {"task sleep": "upstream"}
    assert app.span("program test").parent is None


# --- Pipelines ---------------------------------------------------------------------------------------------------------------


def test_stages_are_current_while_their_bodies_run() -> None:
    app = App()
    injected: dict[str, str] = {}

    async def body(_ctx: Any) -> dict[str, Any]:
        with app.tracer.start_as_current_span("query"):
            await asyncio.create_task(asyncio.sleep(0))
        propagate.inject(injected)
        await asyncio.sleep(0)
        return {"seen": current()}

    async def main() -> None:
        with app.tracer.start_as_current_span("request"):
            results = await _pipeline(body, "a", "b").run(pipeline_context())
        assert [results[name].data["seen"] for name in ("a", "b")] == ["stage a", "stage b"]

    with app.recorded():
        asyncio.run(main())
    parents = {name: {_name(app, span) for span in app.spans() if span.name == name} for name in {span.name for span in app.spans()}}
    assert parents["pipeline demo"] == {"request"}
    assert parents["stage a"] == parents["stage b"] == {"pipeline demo"}
    assert parents["query"] == {"stage a", "stage b"}
    assert parents["task sleep"] == {"query"}
    assert parents["request"] == {"task main"}
    assert injected["traceparent"].split("-")[2] in {app.unit("stage a").hex, app.unit("stage b").hex}
    pipeline = app.unit("pipeline demo")
    assert pipeline.run == pipeline.span_id
    assert app.unit("stage a").run == pipeline.span_id
    # It begins a trace of its own without the application's span above it; that span decides now, and the origin stays known.
    assert pipeline.trace_id == app.unit("task main").trace_id
    assert pipeline.attrs[v.ORIGIN_SPAN] == app.unit("task main").hex


def _name(app: App, span: ReadableSpan) -> str | None:
    names = {context_of(each).span_id: each.name for each in app.spans()}
    return None if span.parent is None else names[span.parent.span_id]


def _pipeline(body: Any, *names: str) -> Pipeline:
    from tests.instrument.test_stageflow import stage

    made = Pipeline(name="demo")
    for name in names:
        made = made.with_stage(name, stage(body), "work")
    return made


def test_where_no_span_of_the_application_is_above_a_pipeline_begins_a_trace_and_is_linked() -> None:
    app = App()

    async def body(_ctx: Any) -> dict[str, Any]:
        return {}

    async def main() -> None:
        await _pipeline(body, "a").run(pipeline_context())

    with app.recorded():
        asyncio.run(main())
    pipeline, task = app.span("pipeline demo"), app.span("task main")
    assert pipeline.parent is None
    assert context_of(pipeline).trace_id != context_of(task).trace_id
    assert [(link.context.trace_id, link.context.span_id) for link in pipeline.links] == [
        (context_of(task).trace_id, context_of(task).span_id)
    ]
    assert context_of(app.span("stage a")).trace_id == context_of(pipeline).trace_id


def test_a_detached_task_leaves_the_trace() -> None:
    app = App()

    async def main() -> None:
        with app.tracer.start_as_current_span("request"), instrument.detached():
            task = asyncio.create_task(asyncio.sleep(0))
        await task

    with app.recorded():
        asyncio.run(main())
    assert app.parents()["task sleep"] is None
    assert app.unit("task sleep").attrs[v.ORIGIN_SPAN] == app.unit("task main").hex


def test_a_callback_of_the_loop_is_no_part_of_the_unit_whose_context_it_inherits() -> None:
    app = App()

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        async def later() -> None:
            done.set()

        tasks: list[asyncio.Task[None]] = []
        loop.call_soon(lambda: tasks.append(loop.create_task(later())))
        await done.wait()

    with app.recorded():
        asyncio.run(main())
    assert app.parents() == {"task main": None, "task later": None}
    assert context_of(app.span("task later")).trace_id != context_of(app.span("task main")).trace_id
