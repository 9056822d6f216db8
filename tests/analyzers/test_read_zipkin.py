"""Zipkin's JSON, both formats, and the ids that the two sides of a call share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.analyzers.foreign import START_US, TRACE_ID, ZIPKIN, ZIPKIN_V1, endpoint
from tests.analyzers.reading import Reader, reader
from tests.analyzers.traces import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = "select span_id, parent_span_id, span_kind, service_name from spans join resources using (resource_id) order by record"


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


def span(number: int = 0xA1, service: str | None = "shop", **members: Any) -> dict[str, Any]:
    """A span with these members beside what every span has."""
    plain: dict[str, Any] = {"traceId": TRACE_ID, "id": f"{number:016x}", "name": "s", "timestamp": START_US, "duration": 5}
    return plain | ({"localEndpoint": {"serviceName": service}} if service else {}) | members


def test_whatever_a_file_has_is_in_the_tables(one: Reader) -> None:
    read = one.read(ZIPKIN)
    assert (read.format, read.problems) == ("zipkin-v2", "")
    columns = "trace_id, span_id, parent_span_id, name, span_kind, start_ns, end_ns, status_code, status_message"
    assert read.rows(f"select {columns} from spans order by record") == rows(
        f"""
        {TRACE_ID} | a1 | - | get /price | client | 1700000000000000000 | 1700000000000050000 | 2 | timed out
        {TRACE_ID} | a2 | a1 | local | - | 1700000000000010000 | 1700000000000015000 | 0 | -
        """
    )
    assert read.rows(
        "select unnest(map_keys(attributes)) as k, unnest(map_values(attributes)) from spans where span_id like '%a1'"
    ) == rows(
        """
        http.path | /price
        otel.scope.name | lib
        peer.service | prices
        network.peer.address | ::1
        network.peer.port | 9000
        network.local.address | 10.0.0.1
        network.local.port | 80
        zipkin.debug | true
        """
    )
    assert read.rows("select ordinal, name, time_ns, attributes::varchar from events order by ordinal") == rows(
        """
        0 | ws | 1700000000000002000 | {}
        1 | retry | 1700000000000003000 | {n=1, why=slow}
        2 | retry | 1700000000000004000 | {n=2}
        3 | retry | 1700000000000005000 | {n=3}
        """
    )
    assert read.rows("select attributes::varchar from resources order by 1") == "{service.name=prices}\n{service.name=shop}"


@pytest.mark.parametrize(
    "content",
    [
        [ZIPKIN],
        json.dumps(ZIPKIN, indent=2),
        "".join(json.dumps(item) + "\n" for item in ZIPKIN),
        json.dumps(ZIPKIN[:1]) + json.dumps(ZIPKIN[1:]),
    ],
)
def test_lists_lines_and_lists_of_traces_give_the_same_spans(one: Reader, content: Any) -> None:
    columns = "select * exclude (record, line) from spans order by span_id"
    expected = one.read(ZIPKIN).rows(columns)
    read = one.read(content)
    assert (read.format, read.rows(columns)) == ("zipkin-v2", expected)


def test_both_sides_of_a_call_are_there_though_they_share_an_id(one: Reader) -> None:
    spans = [
        span(0xA2, "prices", kind="SERVER", shared=True, parentId="00000000000000a1"),
        span(0xA1),
        span(0xA2, kind="CLIENT", parentId="00000000000000a1"),
        span(0xA3, "prices", parentId="00000000000000a2"),
        span(0xA4, "shop", parentId="00000000000000a2"),
        span(0xA5, None, parentId="00000000000000a2"),
    ]
    read = one.read(spans)
    lines = [line.split(" | ") for line in read.rows(TREE).splitlines()]
    made = next(line[0] for line in lines if line[2] == "server")
    assert made != "a2"
    assert sorted(lines) == sorted(
        [
            ["a1", "-", "-", "shop"],
            ["a2", "a1", "client", "shop"],
            [made, "a2", "server", "prices"],
            ["a3", made, "-", "prices"],
            ["a4", "a2", "-", "shop"],
            ["a5", made, "-", "-"],
        ]
    )
    done = "the side that was called got an id of its own, below the other"
    assert read.problems == f"1 | info | both sides of a call share an id: span 00000000000000a2 | {done}"
    by_id = TREE.replace("record", "span_id")
    forward = one.read(spans).rows(by_id)
    assert one.read(spans[::-1]).rows(by_id) == forward


def test_one_side_alone_keeps_its_id(one: Reader) -> None:
    read = one.read([span(0xA2, kind="SERVER", shared=True, parentId="00000000000000a1"), span(0xA3, parentId="00000000000000a2")])
    assert read.rows(TREE) == "a2 | a1 | server | shop\na3 | a2 | - | shop"
    assert read.problems == ""


def test_pieces_of_a_span_are_put_together(one: Reader) -> None:
    note = {"timestamp": START_US, "value": "x"}
    first = {"traceId": TRACE_ID, "id": "00000000000000a1", "timestamp": START_US, "annotations": [note], "tags": {"a": "1"}}
    read = one.read([first, span(kind="SERVER", annotations=[note, note | {"value": "y"}], tags={"b": "2"}, duration=9)])
    assert read.rows("select name, span_kind, end_ns - start_ns, attributes::varchar from spans") == "s | server | 9000 | {a=1, b=2}"
    assert read.rows("select name from events order by ordinal") == "x\ny"
    assert read.problems == "1 | info | a span comes in several pieces: span 00000000000000a1 | they were put together"


@pytest.mark.parametrize(
    ("tags", "code", "message", "rest"),
    [
        ({"error": ""}, 2, "-", "{}"),
        ({"error": "true"}, 2, "-", "{}"),
        ({"error": "boom"}, 2, "boom", "{}"),
        ({"error": "false"}, 0, "-", "{error=false}"),
        ({"otel.status_code": "ERROR", "error": "boom"}, 2, "boom", "{}"),
        ({"otel.status_code": "ERROR", "otel.status_description": "no", "error": "true"}, 2, "no", "{}"),
        ({"otel.status_code": "OK"}, 1, "-", "{}"),
        ({"otel.status_code": "OK", "error": "x"}, 1, "-", "{error=x}"),
        ({"n": 1}, 0, "-", "{n=1}"),
    ],
)
def test_an_error_is_told_by_a_tag(one: Reader, tags: dict[str, Any], code: int, message: str, rest: str) -> None:
    read = one.read([span(tags=tags)])
    assert read.rows("select status_code, status_message, attributes::varchar from spans") == f"{code} | {message} | {rest}"


def test_the_first_format_gives_a_span_for_each_side(one: Reader) -> None:
    read = one.read(ZIPKIN_V1)
    assert read.format == "zipkin-v1"
    lines = [line.split(" | ") for line in read.rows(TREE).splitlines()]
    made = lines[1][0]
    assert lines == [["b1", "-", "client", "shop"], [made, "b1", "server", "prices"], ["b2", made, "-", "prices"]]
    columns = "start_ns % 1000000, end_ns - start_ns, status_code, status_message, attributes['peer.service'], attributes['http.path']"
    assert read.rows(f"select {columns}, attributes['lc'] from spans order by record") == rows(
        """
        0 | 40000 | 0 | - | price-proxy | /price | -
        10000 | 20000 | 2 | boom | - | - | -
        12000 | 5000 | 0 | - | - | - | cache
        """
    )
    assert read.rows("select span_id, name, time_ns from events") == f"{made} | cache.miss | 1700000000000015000"


def v1(*annotations: tuple[int, str, str], **members: Any) -> dict[str, Any]:
    """A span of the first format: of each annotation the microsecond, its value and who wrote it."""
    notes = [{"timestamp": START_US + at, "value": value, "endpoint": endpoint(service)} for at, value, service in annotations]
    return {"traceId": TRACE_ID, "id": "00000000000000a1", "name": "s", "annotations": notes} | members


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([v1((0, "cs", "a"), (9, "cr", "a"))], "client | a | 0 | 9"),
        ([v1((3, "sr", "b"), (5, "ss", "b"))], "server | b | 3 | 2"),
        ([v1((3, "ms", "b"))], "producer | b | 3 | -"),
        ([v1((3, "mr", "b"), timestamp=START_US, duration=4)], "consumer | b | 0 | 4"),
        ([v1((0, "cs", "a"), (9, "cr", "a")), v1((3, "sr", "b"), (5, "ss", "b"))], "client | a | 0 | 9\nserver | b | 3 | 2"),
        ([v1((0, "cs", "a"), (5, "ss", "b"))], "client | a | 0 | -\nserver | b | - | -"),
        ([v1((9, "cr", "a"), (3, "cs", "a"))], "client | a | 3 | 6"),
    ],
)
def test_core_annotations_tell_kind_and_times(one: Reader, spans: list[Any], found: str) -> None:
    read = one.read(spans)
    columns = "span_kind, service_name, (start_ns // 1000) - 1700000000000000, (end_ns - start_ns) // 1000"
    assert read.format == "zipkin-v1"
    assert read.rows(f"select {columns} from spans join resources using (resource_id) order by record") == found


def test_what_is_wrong_costs_only_itself(one: Reader) -> None:
    odd = span(0xA2, kind="STRANGE", annotations=[5, {"value": "v"}], tags=5, localEndpoint=5, colour=1)
    first = v1((0, "cs", "a"), binaryAnnotations=[5, {"key": "k", "value": [1]}, {"key": "sa", "value": [1]}], id="00000000000000a4")
    read = one.read([5, {"x": 1}, {"traceId": TRACE_ID}, odd, span(0xA3, timestamp="x"), first])
    assert read.rows("select span_id, span_kind, start_ns from spans order by record") == rows(
        f"""
        a2 | - | {START_US}000
        a3 | - | -
        a4 | client | {START_US}000
        """
    )
    assert read.rows("select name, time_ns from events") == "v | -"
    assert [line.split(" | ")[1:3] for line in read.problems.splitlines()] == [
        ["data_loss", "a JSON value that is no span: 5"],
        ["data_loss", "a JSON value that is no span: an object with x"],
        ["data_loss", "a span is malformed: 'id' is missing"],
        ["data_loss", "the kind of a span is unknown: 'STRANGE'"],
        ["data_loss", "a span has a member that Zipkin does not have: colour"],
        ["data_loss", "attributes are no object: 5"],
        ["data_loss", "an endpoint is no object: 5"],
        ["data_loss", "an annotation is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a time is no time since 1970, or beyond the year 2262: 'x'"],
        ["data_loss", "a binary annotation is malformed: 5"],
    ]


@pytest.mark.parametrize(
    "text", ["", "plain", "{", '"a"', '"a":1', '{"a":1}', '{"a":{},"b":{}}', "a|{|0", "a|b", "{}", '{"a":{"b":' * 5_000]
)
def test_an_annotation_that_only_looks_like_an_event_stays_a_text(one: Reader, text: str) -> None:
    read = one.read([span(annotations=[{"timestamp": START_US, "value": text}])])
    assert read.rows("select name, attributes::varchar from events") == f"{text} | {{}}"


def test_many_pieces_are_no_quadratic_work(one: Reader) -> None:
    notes = [{"timestamp": START_US, "value": f"{number}"} for number in range(2_000)]
    read = one.read([span(annotations=notes)] * 50 + [span(kind="CLIENT", tags={f"k{number}": "x"}) for number in range(5_000)])
    assert read.rows("select count(*) from events") == "2000"
