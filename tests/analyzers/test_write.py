"""What is written is read back the same, as far as the format goes; what it cannot hold is counted."""

from __future__ import annotations

import base64
import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped,unused-ignore]
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanproof.analyzers.read.shapes import is_list, is_map
from spanproof.analyzers.write import FORMATS, Losses, convert
from spanproof.analyzers.write.source import Source
from tests.analyzers.foreign import OTLP, TRACE_ID
from tests.analyzers.reading import Reader, reader
from tests.analyzers.traces import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without making a failure smaller: an example takes long."""

ROWS = {
    "spans": "select s.* exclude (resource_id, file_id, line, record, start_time, end_time), r.attributes as r, coalesce(r.kinds, '') as k "
    "from spans s left join resources r using (resource_id)",
    "events": "select * exclude (record, time) from events",
    "links": "select * exclude (record) from links",
}


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[Reader]:
    with reader() as made:
        yield made


def content(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """All that the tables say, in an order of its own."""
    return {name: sorted(map(repr, con.execute(sql).fetchall())) for name, sql in ROWS.items()}


def written(con: duckdb.DuckDBPyConnection, to: str, folder: Path) -> tuple[bytes, Losses]:
    """What `--to` writes; of a folder its only file."""
    target = folder / f"out.{to}"
    lost = convert(con, to, target, force=True)
    return next(target.rglob("*.parquet")).read_bytes() if to == "parquet" else target.read_bytes(), lost


def told(lost: Losses) -> list[tuple[str, int]]:
    return [(row.what, row.number) for row in lost.rows()]


Strategy: TypeAlias = "st.SearchStrategy[Any]"


def _of_a_trace(span: dict[str, Any]) -> dict[str, Any]:
    return {"traceId": TRACE_ID} | span


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
PLAIN: Strategy = st.one_of(
    st.fixed_dictionaries({"stringValue": TEXTS}),
    st.fixed_dictionaries({"intValue": st.integers(-(2**63), 2**63 - 1).map(str)}),
    st.fixed_dictionaries({"doubleValue": st.floats(allow_nan=False, allow_infinity=False)}),
    st.fixed_dictionaries({"boolValue": st.booleans()}),
    st.just({}),
)
BYTES: Strategy = st.fixed_dictionaries({"bytesValue": st.sampled_from(["", "AAE=", "/w=="])})
NESTED: Strategy = st.fixed_dictionaries({"arrayValue": st.fixed_dictionaries({"values": st.lists(PLAIN, max_size=3)})})
PAIR: Strategy = st.fixed_dictionaries({"key": TEXTS, "value": PLAIN | BYTES | NESTED})
PAIRS: Strategy = st.lists(PAIR, max_size=4, unique_by=itemgetter("key"))
# Of one day: Parquet has a file for each, and these tests read one.
TIMES = st.integers(4 * 10**18, 4 * 10**18 + 10**12).map(str)
IDS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
EVENTS: Strategy = st.fixed_dictionaries({"name": TEXTS, "timeUnixNano": TIMES, "attributes": PAIRS})
LINKS: Strategy = st.fixed_dictionaries({"traceId": IDS.map(lambda low: "ab" * 8 + low), "spanId": IDS, "attributes": PAIRS})
SPANS: Strategy = st.fixed_dictionaries(
    {"spanId": IDS, "name": TEXTS, "kind": st.integers(0, 5), "startTimeUnixNano": TIMES, "attributes": PAIRS},
    optional={
        "traceId": IDS.map(lambda low: "cd" * 8 + low),
        "parentSpanId": IDS,
        "endTimeUnixNano": TIMES,
        "traceState": TEXTS,
        "flags": st.integers(0, 2**10),
        "status": st.fixed_dictionaries({"code": st.integers(0, 2), "message": TEXTS}),
        "droppedEventsCount": st.integers(0, 9),
        "events": st.lists(EVENTS, max_size=3),
        "links": st.lists(LINKS, max_size=2),
    },
).map(_of_a_trace)
SCOPES: Strategy = st.fixed_dictionaries({"name": TEXTS}, optional={"version": TEXTS, "attributes": PAIRS})
PARTS: Strategy = st.fixed_dictionaries(
    {
        "resource": st.fixed_dictionaries({"attributes": PAIRS}),
        "scopeSpans": st.lists(st.fixed_dictionaries({"scope": SCOPES, "spans": st.lists(SPANS, max_size=3)}), max_size=2),
    }
)
FILES: Strategy = st.fixed_dictionaries({"resourceSpans": st.lists(PARTS, min_size=1, max_size=3)})


@pytest.mark.parametrize("to", ["otlp", "parquet"])
@settings(max_examples=15, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(file=FILES)
def test_all_that_otlp_says_comes_back(to: str, file: dict[str, Any], one: Reader, other: Reader, tmp_path: Path) -> None:
    before = content(one.read(file).con)
    if not before["spans"]:
        return
    data, lost = written(one.con, to, tmp_path)
    read = other.read(data)
    assert read.problems == ""
    assert content(read.con) == before
    assert told(lost) == []


def test_what_the_tables_keep_as_attributes_goes_back_to_its_place(one: Reader, tmp_path: Path) -> None:
    one.read(OTLP)
    data, _ = written(one.con, "otlp", tmp_path)
    made = json.loads(data)["resourceSpans"][0]
    given = OTLP["resourceSpans"][0]
    assert made["resource"] == given["resource"]
    assert made["schemaUrl"] == given["schemaUrl"]
    assert made["scopeSpans"][0]["scope"] == given["scopeSpans"][0]["scope"]
    assert made["scopeSpans"][0]["schemaUrl"] == given["scopeSpans"][0]["schemaUrl"]
    assert made["scopeSpans"][0]["spans"][0]["events"][0]["droppedAttributesCount"] == 7
    assert made["scopeSpans"][0]["spans"][0]["links"][0]["traceState"] == "c=d"


def with_hex(value: Any) -> Any:
    """Protobuf's own JSON with ids as OTLP writes them."""
    if is_list(value):
        return [with_hex(item) for item in value]
    if not is_map(value):
        return value
    return {
        key: base64.b64decode(item).hex() if key in {"traceId", "spanId", "parentSpanId"} else with_hex(item) for key, item in value.items()
    }


@settings(max_examples=15, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(file=FILES)
def test_protobuf_says_what_json_says(file: dict[str, Any], one: Reader, tmp_path: Path) -> None:
    one.read(file)
    lines = [json.loads(line) for line in written(one.con, "otlp", tmp_path)[0].splitlines()]
    data, lost = written(one.con, "otlp-proto", tmp_path)
    messages: list[Any] = []
    while data:
        length = int.from_bytes(data[:4], "big")
        message = TracesData.FromString(data[4 : 4 + length])
        messages.append(with_hex(MessageToDict(message, use_integers_for_enums=True)))
        data = data[4 + length :]
    assert told(lost) == []
    assert without_nothing(messages) == without_nothing(lines)


def without_nothing(value: Any) -> Any:
    """Without members that say nothing, which protobuf's JSON leaves out in other places than OTLP's."""
    if is_list(value):
        return [without_nothing(item) for item in value]
    if not is_map(value):
        return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else value
    if "doubleValue" in value:
        return {"doubleValue": float(value["doubleValue"])}
    if value and value.keys() <= {"key", "value"}:
        return {"key": value.get("key", ""), "value": without_nothing(value.get("value", {}))}
    return {key: made for key, item in value.items() if (made := without_nothing(item)) not in ({}, [], "") or key.endswith("Value")}


def test_what_protobuf_has_no_bits_for_is_said(one: Reader, tmp_path: Path) -> None:
    big = {"key": "big", "value": {"intValue": str(2**70)}}
    span = {"traceId": "not hex", "spanId": "00000000000000a1", "name": "x", "startTimeUnixNano": "1", "attributes": [big]}
    one.read({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    data, lost = written(one.con, "otlp-proto", tmp_path)
    made = TracesData.FromString(data[4:]).resource_spans[0].scope_spans[0].spans[0]
    assert made.attributes[0].value.string_value == str(2**70)
    assert len(made.trace_id) == 16
    assert told(lost) == [("ids that are not of OpenTelemetry's form", 1), ("whole numbers beyond 64 bits", 1)]


JAEGER_SPAN = {
    "traceID": TRACE_ID,
    "spanID": "00000000000000a1",
    "operationName": "root",
    "references": [{"refType": "FOLLOWS_FROM", "traceID": "00000000000000fe", "spanID": "00000000000000ff"}],
    "startTime": 1_700_000_000_000_000,
    "duration": 0,
    "tags": [
        {"key": "otel.scope.name", "type": "string", "value": "lib"},
        {"key": "otel.scope.version", "type": "string", "value": "1.2"},
        {"key": "http.status", "type": "int64", "value": 200},
        {"key": "tags", "type": "string", "value": '["x",true]'},
        {"key": "span.kind", "type": "string", "value": "server"},
        {"key": "otel.status_code", "type": "string", "value": "ERROR"},
        {"key": "error", "type": "bool", "value": True},
        {"key": "otel.status_description", "type": "string", "value": "no"},
        {"key": "w3c.tracestate", "type": "string", "value": "a=b"},
    ],
    "processID": "p1",
    "warnings": None,
}
"""The first span of `OTLP`, as Jaeger's own code converts it; without its logs."""


def test_jaeger_is_what_jaeger_makes(one: Reader, tmp_path: Path) -> None:
    one.read(OTLP)
    one.con.execute("update links set linked_trace_id = lpad('fe', 32, '0')")
    data, lost = written(one.con, "jaeger", tmp_path)
    (trace,) = json.loads(data)["data"]
    root = trace["spans"][0]
    logs = root.pop("logs")
    assert root == JAEGER_SPAN
    assert logs[0]["fields"][0] == {"key": "event", "type": "string", "value": "retry"}
    assert trace["processes"]["p1"]["serviceName"] == "shop"
    assert told(lost) == [
        ("attributes of links", 4),
        ("attributes of scopes", 6),
        ("counts of what the writer dropped", 3),
        ("lists and maps", 1),
        ("times with nanoseconds", 5),
        ("trace flags", 1),
    ]


@pytest.mark.parametrize("to", ["jaeger", "zipkin"])
@settings(max_examples=15, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(file=FILES)
def test_what_is_written_is_read(to: str, file: dict[str, Any], one: Reader, other: Reader, tmp_path: Path) -> None:
    one.read(file)
    before = len(content(one.con)["spans"])
    data, _ = written(one.con, to, tmp_path)
    if before:
        read = other.read(data)
        assert read.format == {"jaeger": "jaeger-json", "zipkin": "zipkin-v2"}[to]
        assert "data_loss" not in read.problems


def test_writing_again_loses_nothing_more(one: Reader, other: Reader, tmp_path: Path) -> None:
    one.read(OTLP)
    for to in ("jaeger", "zipkin"):
        first, _ = written(one.con, to, tmp_path)
        before = content(other.read(first).con)
        second, lost = written(other.con, to, tmp_path)
        assert content(other.read(second).con) == before, to
        assert [what for what, _ in told(lost) if what.startswith("times")] == []


def test_zipkin_has_the_service_the_error_and_the_events(one: Reader, tmp_path: Path) -> None:
    one.read(OTLP)
    data, lost = written(one.con, "zipkin", tmp_path)
    root, child = json.loads(data)
    assert root["localEndpoint"] == {"serviceName": "shop"}
    assert (root["kind"], child["kind"], child["parentId"]) == ("SERVER", "CLIENT", "00000000000000a1")
    assert root["tags"]["error"] == "no"
    assert root["annotations"][0]["value"].startswith('retry|{"n":"1"')
    assert dict(told(lost))["links"] == 1


def test_slices_on_one_thread_lie_inside_each_other_or_apart(one: Reader, tmp_path: Path) -> None:
    times = {
        "a": ("", 1_000, 9_000),
        "b": ("a", 2_000, 5_000),
        "c": ("a", 3_000, 6_000),
        "d": ("b", 2_000, 4_001),
        "e": ("a", 6_500, 8_000),
    }
    spans = [
        {"traceId": TRACE_ID, "spanId": f"{name:0>16}", "parentSpanId": f"{up:0>16}" if up else "", "name": name}
        | {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        for name, (up, start, end) in times.items()
    ]
    one.read({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    data, _ = written(one.con, "chrome", tmp_path)
    events = [event for event in json.loads(data)["traceEvents"] if event["ph"] == "X"]
    lanes = {event["name"]: event["tid"] for event in events}
    assert lanes["a"] == lanes["b"] == lanes["d"] == lanes["e"] != lanes["c"]
    assert b'"dur":2.001' in data


def test_a_span_without_an_end_is_begun_and_not_ended(one: Reader, tmp_path: Path) -> None:
    span = {"traceId": TRACE_ID, "spanId": "00000000000000a1", "name": "x", "startTimeUnixNano": "5000"}
    one.read({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    data, _ = written(one.con, "chrome", tmp_path)
    assert [event["ph"] for event in json.loads(data)["traceEvents"]] == ["M", "B"]
    _, lost = written(one.con, "jaeger", tmp_path)
    assert ("ends that were not recorded", 1) in told(lost)


@pytest.mark.parametrize("to", FORMATS)
def test_nothing_half_stays(to: str, one: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one.read(OTLP)
    target = tmp_path / "out"
    convert(one.con, "otlp", target)
    before = target.read_bytes()

    def interrupted(_source: Source, _written: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Source, "told", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(one.con, to, target, force=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert target.read_bytes() == before


def test_jaeger_s_types_come_back(one: Reader, other: Reader, tmp_path: Path) -> None:
    tags = [
        {"key": k, "type": k, "value": v} for k, v in (("int64", 5), ("float64", 0.5), ("bool", True), ("binary", "AAE="), ("string", "5"))
    ]
    span = {"traceID": TRACE_ID, "spanID": "00000000000000a1", "operationName": "x", "startTime": 5, "duration": 1, "tags": tags}
    one.read({"data": [{"spans": [span], "processes": {}}]})
    assert table(one.con, "select kinds from spans") == "idbys"
    data, lost = written(one.con, "jaeger", tmp_path)
    assert json.loads(data)["data"][0]["spans"][0]["tags"] == tags
    before = content(one.con)["events"]
    assert content(other.read(data).con)["events"] == before
    assert told(lost) == [("resources without a service", 1)]
