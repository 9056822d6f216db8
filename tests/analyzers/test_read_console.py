"""What the console exporter of OpenTelemetry's Python SDK prints."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

from tests.analyzers.foreign import CONSOLE, TRACE_ID
from tests.analyzers.reading import Reader, reader
from tests.analyzers.traces import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (
    "trace_id, span_id, parent_span_id, name, span_kind, start_ns, end_ns, status_code, status_message, trace_state, attributes::varchar"
)


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


def test_whatever_a_file_has_is_in_the_tables(one: Reader) -> None:
    read = one.read(json.dumps(CONSOLE, indent=4))
    assert (read.format, read.problems) == ("otel-console", "")
    attributes = '{n=5, yes=true, half=0.5, list=\'["x","y"]\', none=NULL}'
    assert read.rows(f"select {COLUMNS} from spans") == (
        f"{TRACE_ID} | a1 | - | root | server | 1700000000000001000 | 1700000000000009000 | 2 | no | a=b,c=d | {attributes}"
    )
    assert read.rows("select name, time_ns, attributes::varchar from events") == "retry | 1700000000000005000 | {n=1}"
    assert read.rows("select linked_trace_id, linked_span_id, attributes::varchar from links") == f"{'f' * 32} | ff | {{why=batch}}"
    assert read.rows("select attributes::varchar from resources") == (
        "{service.name=shop, otel.resource.schema_url='https://example.org/resource'}"
    )


def test_what_the_sdk_prints_comes_back(one: Reader) -> None:
    out = io.StringIO()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=out)))
    above = SpanContext(
        int(TRACE_ID, 16), 0xA1, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b"), ("c", "d")])
    )
    tracer = provider.get_tracer("lib")
    out.write("starting\nready {not json}\n")
    with tracer.start_as_current_span(
        "outer",
        context=trace.set_span_in_context(NonRecordingSpan(above)),
        kind=SpanKind.CONSUMER,
        attributes={"list": ["x"], "ok": True},
        links=[Link(above, {"why": "batch"})],
    ) as outer:
        outer.add_event("retry", {"n": 1})
        outer.set_status(StatusCode.ERROR, "no")
        with tracer.start_as_current_span("inner"):
            out.write("working\n")
    out.write("done\n")
    read = one.read(out.getvalue())
    inner, first = out.getvalue().split('"span_id": "0x')[1][:16], out.getvalue().split('"span_id": "0x')[2][:16]
    assert read.format == "otel-console"
    assert read.rows(
        "select name, span_kind, span_id, parent_span_id, status_code, trace_state, trace_id from spans order by name"
    ) == rows(
        f"""
        inner | internal | {inner.lstrip("0")} | {first.lstrip("0")} | 0 | a=b,c=d | {TRACE_ID}
        outer | consumer | {first.lstrip("0")} | a1 | 2 | a=b,c=d | {TRACE_ID}
        """
    )
    assert read.rows("select min(end_ns - start_ns) >= 0, count(start_ns) from spans") == "yes | 2"
    assert read.rows("select name, attributes::varchar, time_ns is not null from events") == "retry | {n=1} | yes"
    assert read.rows("select linked_span_id, attributes::varchar from links") == "a1 | {why=batch}"
    assert read.rows("select distinct service_name from resources") == "shop"
    assert {line.split(" | ")[2].split(":")[0] for line in read.problems.splitlines()} == {"a line is no JSON", "a document is no JSON"}


@pytest.mark.parametrize(
    "content", [[CONSOLE], json.dumps(CONSOLE) + "\n" + json.dumps({"resource_metrics": []}), json.dumps([CONSOLE], indent=1)]
)
def test_lines_and_lists_give_the_same_span(one: Reader, content: Any) -> None:
    assert one.read(content).rows(f"select {COLUMNS} from spans") == one.read(CONSOLE).rows(f"select {COLUMNS} from spans")


def test_resources_of_older_sdks_are_read(one: Reader) -> None:
    read = one.read(CONSOLE | {"resource": {"service.name": "old"}, "end_time": None, "kind": "SpanKind.X", "status": "OK"})
    assert (
        read.rows("select service_name, end_ns, span_kind, status_code from spans join resources using (resource_id)") == "old | - | - | 1"
    )
    assert read.problems == "1 | data_loss | the kind of a span is unknown: 'SpanKind.X' | it counts as not said"


def test_what_is_wrong_costs_only_itself(one: Reader) -> None:
    odd: dict[str, Any] = CONSOLE | {
        "start_time": "yesterday",
        "attributes": 5,
        "events": [5, {"name": "e"}],
        "links": [5, {}],
        "resource": 5,
        "parent_id": {},
    }
    fine = CONSOLE | {"context": {"trace_id": "0x1", "span_id": "0x2"}, "start_time": "9999-12-31T23:59:59.999999Z"}
    read = one.read([5, {"a": 1}, odd, odd | {"context": 5}, odd | {"parent_id": [1]}, fine])
    assert read.rows("select span_id, start_ns from spans order by record") == "a1 | -\n2 | -"
    assert read.rows("select name from events order by record, ordinal") == "e\nretry"
    assert [line.split(" | ")[1:3] for line in read.problems.splitlines()] == [
        ["data_loss", "a JSON value that is no span: 5"],
        ["data_loss", "a JSON value that is no span: an object with a"],
        ["data_loss", "a time is no time since 1970, or beyond the year 2262: 'yesterday'"],
        ["data_loss", "attributes are no object: 5"],
        ["data_loss", "attributes are no object: 5"],
        ["data_loss", "an event is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a link is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a link is malformed: 'context' is missing"],
        ["data_loss", "a span is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a span is malformed: the id is [1]"],
        ["data_loss", "a time is no time since 1970, or beyond the year 2262: '9999-12-31T23:59:59.999999Z'"],
    ]
