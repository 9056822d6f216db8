"""Jaeger's own JSON, as its pages save it and its API answers it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.analyzers.foreign import JAEGER, START_US, TRACE_ID, tag
from tests.analyzers.reading import Reader, reader
from tests.analyzers.traces import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE: dict[str, Any] = JAEGER["data"][0]
SPANS: list[dict[str, Any]] = TRACE["spans"]


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


def trace(*spans: Any, **members: Any) -> dict[str, Any]:
    """An answer with one trace."""
    return {"data": [{"traceID": TRACE_ID, "spans": list(spans), "processes": TRACE["processes"]} | members]}


def span(number: int = 0xA1, **members: Any) -> dict[str, Any]:
    """A span with these members beside what every span has."""
    plain = {"traceID": TRACE_ID, "spanID": f"{number:016x}", "operationName": "s", "startTime": START_US, "duration": 5, "processID": "p1"}
    return plain | members


def reference(number: int, kind: str = "CHILD_OF", **members: Any) -> dict[str, Any]:
    return {"refType": kind, "traceID": TRACE_ID, "spanID": f"{number:016x}"} | members


def test_whatever_a_file_has_is_in_the_tables(one: Reader) -> None:
    read = one.read(JAEGER)
    assert read.format == "jaeger-json"
    assert read.problems == "1 | notice | Jaeger warned about a span: clock skew | it was read as it stands"
    columns = (
        "resource_id, trace_id, span_id, parent_span_id, name, span_kind, start_ns, end_ns, status_code, status_message, trace_state, flags"
    )
    assert read.rows(f"select {columns} from spans order by record") == rows(
        f"""
        1 | {TRACE_ID} | a1 | - | root | server | 1700000000000000000 | 1700000000000050000 | 2 | no | a=b | 1
        2 | {TRACE_ID} | a2 | a1 | child | - | 1700000000000001000 | 1700000000000003000 | 0 | - | - | -
        """
    )
    assert read.rows(
        "select unnest(map_keys(attributes)) as k, unnest(map_values(attributes)) from spans where span_id like '%a1'"
    ) == rows(
        """
        otel.scope.name | lib
        otel.scope.version | 1.2
        big | 9223372036854775222
        n | 5
        half | 0.5
        yes | true
        blob | AAAwOQ==
        list | ["x",true]
        """
    )
    assert read.rows("select ordinal, name, time_ns, attributes::varchar from events order by ordinal") == rows(
        """
        0 | retry | 1700000000000007000 | {n=1}
        1 |  | 1700000000000008000 | {message=plain}
        """
    )
    assert read.rows("select span_id, ordinal, linked_trace_id, linked_span_id, attributes::varchar from links order by ordinal") == rows(
        f"""
        a2 | 0 | {"f" * 32} | ff | {{}}
        a2 | 1 | {TRACE_ID} | a3 | {{opentracing.ref_type=child_of}}
        """
    )
    assert read.rows("select service_name, pid, attributes::varchar from resources order by 1") == rows(
        """
        shop | 7 | {host.name=h, process.pid=7, service.name=shop}
        stock | - | {service.name=stock}
        """
    )


@pytest.mark.parametrize(
    "content",
    [
        TRACE,
        [TRACE],
        {"data": TRACE},
        {"traces": [TRACE]},
        json.dumps(JAEGER, indent=2),
        json.dumps(TRACE) + "\n" + json.dumps({"data": []}) + "\n",
        "".join(json.dumps(item | {"process": TRACE["processes"][item["processID"]]}) + "\n" for item in SPANS),
    ],
)
def test_answers_traces_and_single_spans_give_the_same_spans(one: Reader, content: Any) -> None:
    columns = "select * exclude (record, line) from spans order by span_id"
    expected = one.read(JAEGER).rows(columns)
    read = one.read(content)
    assert (read.format, read.rows(columns)) == ("jaeger-json", expected)
    assert read.rows("select service_name from resources order by 1") == "shop\nstock"


def test_a_trace_id_without_its_high_half_is_filled_up(one: Reader) -> None:
    read = one.read(trace(span(traceID="151e8ea44a5cf41c"), span(0xA2, traceID="1")))
    assert read.rows("select trace_id from spans order by record") == f"{'151e8ea44a5cf41c'.zfill(32)}\n{'1'.zfill(32)}"
    assert read.problems == ""


def test_a_status_is_told_by_tags(one: Reader) -> None:
    tags = [
        [tag("error", True, "bool")],
        [tag("error", "true")],
        [tag("error", False, "bool")],
        [tag("otel.status_code", "OK")],
        [tag("otel.status_code", "ERROR"), tag("error", True, "bool")],
        [tag("otel.status_code", "strange")],
        [tag("error", "disk full")],
    ]
    read = one.read(trace(*(span(number, tags=some) for number, some in enumerate(tags, 1))))
    assert read.rows("select status_code, attributes::varchar from spans order by record") == rows(
        """
        2 | {}
        2 | {}
        0 | {error=false}
        1 | {}
        2 | {}
        0 | {otel.status_code=strange}
        0 | {error=disk full}
        """
    )


def test_a_tag_that_is_not_of_its_type_is_said_and_taken(one: Reader) -> None:
    odd = [tag("a", "x", "bool"), tag("b", 1, "uint8"), tag("c", [1], "string"), tag("d", None), {"value": 1}, 5, tag("d", "twice")]
    read = one.read(trace(span(tags=odd)))
    assert read.rows("select attributes::varchar from spans") == "{a=x, b=1, c='[1]', d=twice}"
    assert read.problems == rows(
        """
        1 | notice | a tag is not of its type: a of type 'bool' | its value was taken as it is
        1 | notice | a tag is not of its type: b of type 'uint8' | its value was taken as it is
        1 | notice | a tag is not of its type: c of type 'string' | its value was taken as it is
        1 | data_loss | a tag is malformed: 'key' is missing | it was left out
        1 | data_loss | a tag is malformed: a part of it is not of the kind that belongs there | it was left out
        1 | notice | a tag occurs twice: d | the last one was kept
        """
    )


def test_copies_inside_references_are_no_spans_unless_they_are_all_there_is(one: Reader) -> None:
    top = span(0xA1, operationName="top")
    middle = span(0xA2, operationName="middle", references=[reference(0xA1, span=top)])
    read = one.read(trace(span(0xA3, references=[reference(0xA2, span=middle)]), middle))
    assert read.rows("select name, parent_span_id from spans order by record") == "s | a2\nmiddle | a1\ntop | -"
    assert read.problems == ("1 | notice | a span is only there as a copy inside a reference: '00000000000000a1' | the copy was read")


def test_a_long_chain_of_copies_is_read(one: Reader) -> None:
    chain = json.dumps(span(0xA2, references=[reference(0xA1, span="NEXT")]))
    before, after = chain.split('"NEXT"')
    deep = before * 20_000 + "{}" + after * 20_000
    read = one.read(json.dumps(trace(span(0xA1), "DEEP", span(0xA3))).replace('"DEEP"', deep))
    assert read.rows("select span_id, parent_span_id from spans order by record") == "a1 | -\na2 | a1\na3 | -"
    assert "1 | data_loss | values nested deeper than 200 | they were left out, the rest was read" in read.problems


def test_the_parent_is_the_first_child_of_in_the_same_trace(one: Reader) -> None:
    other = reference(0xA9) | {"traceID": "f" * 32}
    read = one.read(trace(span(), span(0xA2, references=[other, reference(0xA1, "FOLLOWS_FROM"), reference(0xA1), reference(0xA3)])))
    assert read.rows("select parent_span_id from spans order by record") == "-\na1"
    assert read.rows("select linked_span_id from links order by ordinal") == "a9\na1\na3"
    assert one.read(trace(span(parentSpanID="00000000000000a7"))).rows("select parent_span_id from spans") == "a7"


def test_what_a_span_follows_from_is_its_parent_if_it_began_before(one: Reader) -> None:
    earlier = span(0xA2, startTime=START_US + 1, references=[reference(0xA1, "FOLLOWS_FROM")])
    later = span(0xA1, references=[reference(0xA2, "FOLLOWS_FROM")])
    read = one.read(trace(later, earlier))
    assert read.rows("select span_id, parent_span_id from spans order by record") == "a1 | -\na2 | a1"
    assert read.rows("select span_id, linked_span_id from links") == "a1 | a2"
    assert "a span refers to no parent, and follows from a span of its trace: 00000000000000a1" in read.problems


def test_an_unfinished_unit_has_no_end(one: Reader) -> None:
    ours = [
        tag("spanproof.outcome", "unfinished"),
        tag("otel.scope.name", "spanproof"),
        tag("otel.scope.version", "1"),
        tag("spanproof.rev", 3, "int64"),
    ]
    logs = [{"timestamp": START_US, "fields": [tag("event", "started"), tag("spanproof.seq", 9, "int64")]}]
    read = one.read(trace(span(duration=0, tags=ours, logs=logs)))
    assert read.rows("select end_ns, rev, attributes::varchar from spans") == "- | 3 | {spanproof.outcome=unfinished, spanproof.rev=3}"
    assert read.rows("select name, seq from events") == "started | 9"


def test_what_is_wrong_costs_only_itself(one: Reader) -> None:
    spans: list[Any] = [5, span(spanID=""), span(duration="x", processID="p9"), span(0xA2, startTime=-1, logs=[5, {}], references=[5])]
    read = one.read({"data": [trace(*spans)["data"][0], 7, {"odd": 1}], "errors": [{"msg": "no such trace"}]})
    assert read.rows("select span_id, start_ns, end_ns from spans order by record") == f"a1 | {START_US}000 | -\na2 | - | -"
    assert [line.split(" | ")[1:3] for line in read.problems.splitlines()] == [
        ["data_loss", 'Jaeger answered with an error: {"msg":"no such trace"}'],
        ["data_loss", "a span is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a span is malformed: the id is ''"],
        ["notice", "a span without its process"],
        ["data_loss", "a duration is none: 'x'"],
        ["data_loss", "a reference is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a time is no time since 1970, or beyond the year 2262: -1"],
        ["data_loss", "a log is malformed: a part of it is not of the kind that belongs there"],
        ["data_loss", "a JSON value that is no trace of Jaeger's: 7"],
        ["data_loss", "a JSON value that is no trace of Jaeger's: an object with odd"],
    ]


def test_a_file_that_is_cut_keeps_what_is_whole(one: Reader) -> None:
    lines = "".join(json.dumps(trace(span(number))) + "\n" for number in range(1, 4))
    read = one.read(lines[:-40])
    assert read.rows("select count(*) from spans") == "2"
    assert (
        read.problems
        == "3 | info | half a last line: the writer was stopped while it wrote | it was left out; every line before it was read"
    )
    broken = lines.replace('"duration"', '"duration', 1)
    assert one.read(broken).rows("select count(*) from spans") == "2"


def test_only_the_unit_of_times_differs(one: Reader) -> None:
    fraction = copy.deepcopy(span(startTime=START_US + 0.5, duration=0.25))
    assert one.read(trace(fraction)).rows("select start_ns, end_ns from spans") == "1700000000000000500 | 1700000000000000750"
    assert one.read(trace(span(startTime=str(START_US), duration="7"))).rows("select end_ns - start_ns from spans") == "7000"
