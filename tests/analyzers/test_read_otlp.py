"""OTLP JSON as the specification has it, and in the spellings and envelopes of others."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers.read.shapes import is_list, is_map
from tests.analyzers.foreign import OTLP, TRACE_ID
from tests.analyzers.reading import Reader, reader
from tests.analyzers.traces import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS: list[Any] = OTLP["resourceSpans"]
ALL = "select * exclude (record, line) from spans order by span_id"
MORE = (
    "select span_id, ordinal, name, time_ns, attributes from events",
    "select span_id, ordinal, linked_trace_id, linked_span_id, attributes from links",
    "select service_name, attributes from resources",
)


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


def everything(one: Reader, content: Any) -> tuple[str, ...]:
    """What the tables hold, apart from where it stood."""
    read = one.read(content)
    assert read.format == "otlp-json"
    return tuple(read.rows(sql) for sql in (ALL, *MORE))


def span(**members: Any) -> dict[str, Any]:
    """A request with one span, which has these members beside its ids and name."""
    given = {"traceId": TRACE_ID, "spanId": "00000000000000a1", "name": "s"} | members
    return {"resourceSpans": [{"scopeSpans": [{"spans": [given]}]}]}


def renamed(value: Any, rename: dict[str, str]) -> Any:
    """A copy with other names of members."""
    if is_map(value):
        return {rename.get(key, key): renamed(item, rename) for key, item in value.items()}
    return [renamed(item, rename) for item in value] if is_list(value) else value


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_whatever_a_file_has_is_in_the_tables(one: Reader) -> None:
    read = one.read(OTLP)
    assert read.problems == ""
    assert read.rows("select * exclude (record, file_id, start_time, end_time, attributes, kinds) from spans order by record") == rows(
        f"""
        1 | 1 | {TRACE_ID} | a1 | - | root | server | 1700000000000000001 | 1700000000000000009 | 2 | no | a=b | 257 | 0 | 4 | 5 | 6
        1 | 1 | {TRACE_ID} | a2 | a1 | child | client | 1700000000000000002 | 1700000000000000003 | 0 | - | - | - | 0 | - | - | -
        """
    )
    assert read.rows(
        "select unnest(map_keys(attributes)) as k, unnest(map_values(attributes)) from spans where span_id like '%a1'"
    ) == rows(
        """
        otel.scope.name | lib
        otel.scope.version | 1.2
        otel.scope.tier | 3
        otel.scope.dropped_attributes_count | 1
        otel.scope.schema_url | https://example.org/scope
        http.status | 200
        tags | ["x",true]
        """
    )
    assert read.rows("select name, time_ns, attributes::varchar from events") == (
        "retry | 1700000000000000005 | {n=1, otel.dropped_attributes_count=7}"
    )
    assert read.rows("select linked_span_id, attributes::varchar from links") == (
        "ff | {why=batch, otel.link.trace_state='c=d', otel.link.flags=256, otel.dropped_attributes_count=8}"
    )
    assert read.rows("select unnest(map_keys(attributes)) as k, unnest(map_values(attributes)) from resources") == rows(
        """
        service.name | shop
        otel.entity_refs | [{"type":"service","idKeys":["service.name"]}]
        otel.dropped_attributes_count | 2
        otel.resource.schema_url | https://example.org/resource
        """
    )


ENVELOPES = {
    "a list": [OTLP],
    "a list of two": [OTLP, {}],
    "Jaeger's v3 API": {"result": OTLP},
    "a gateway's stream": json.dumps({"result": OTLP}) + json.dumps({"result": {"resourceSpans": []}}),
    "a gateway's stream in lines": json.dumps({"result": OTLP}) + "\n" + json.dumps({"result": {}}) + "\n",
    "Tempo": {"batches": PARTS},
    "Tempo's v2 API": {"trace": OTLP},
    "Tempo's v2 API with more": {"trace": OTLP, "metrics": {}, "status": "complete"},
    "one of the parts": PARTS[0],
    "a list of parts": PARTS,
    "data": {"data": OTLP},
    "lists in lists": [[OTLP]],
    "other signals beside": {"resourceMetrics": [], "resourceSpans": PARTS},
    "printed over lines": json.dumps(OTLP, indent=4),
    "documents printed over lines": json.dumps(OTLP, indent=4) + "\n" + json.dumps({"resourceSpans": []}, indent=4),
    "a list printed over lines": "[\n" + json.dumps(OTLP) + ",\n" + json.dumps({"resourceSpans": []}) + "\n]",
    "text before it": "starting\nready\n" + json.dumps(OTLP, indent=2) + "\nstopped\n",
    "trailing commas": json.dumps(OTLP, indent=2).replace("\n          }\n", "\n          },\n").replace("}\n    }", "},\n    }"),
    "trailing commas in a line": json.dumps(OTLP).replace("}}]", "}},]"),
    "record separators": "\x1e" + json.dumps(OTLP, indent=1) + "\n\x1e" + json.dumps({"resourceSpans": []}, indent=1),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_every_envelope_gives_the_same_tables(one: Reader, name: str) -> None:
    assert everything(one, ENVELOPES[name]) == everything(one, OTLP)


SPELLINGS: dict[str, dict[str, str]] = {
    "snake_case": {name: snake(name) for name in json.dumps(OTLP).replace('"', " ").split() if name.isalnum() and snake(name) != name},
    "before 0.15": {"scopeSpans": "instrumentationLibrarySpans", "scope": "instrumentationLibrary"},
    "ID": {"traceId": "traceID", "spanId": "spanID", "parentSpanId": "parentSpanID"},
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_gives_the_same_tables(one: Reader, name: str) -> None:
    changed = renamed(OTLP, SPELLINGS[name])
    assert changed != OTLP
    # entityRefs is kept as it stands, so that its own members keep their spelling.
    back = {new: old for old, new in SPELLINGS[name].items()} if name == "snake_case" else {}
    assert everything(one, changed) == tuple(text.replace("idKeys", "id_keys") if back else text for text in everything(one, OTLP))
    assert one.read(changed).problems == ""


def test_members_that_are_null_say_nothing(one: Reader) -> None:
    padded = copy.deepcopy(OTLP)
    kinds = ("string_value", "bool_value", "int_value", "double_value", "array_value", "kvlist_value", "bytes_value")

    def pad(value: Any) -> None:
        if is_map(value):
            if set(value) & {"stringValue", "intValue", "boolValue", "arrayValue"}:
                for kind in list(value):
                    value[snake(kind)] = value.pop(kind)
                value.update({kind: None for kind in kinds if kind not in value})
            for item in list(value.values()):
                pad(item)
        elif is_list(value):
            for item in value:
                pad(item)

    pad(padded)
    for given in (padded["resourceSpans"][0]["scopeSpans"][0]["spans"][1],):
        given.update(dict.fromkeys(("attributes", "events", "links", "status", "traceState", "flags", "droppedLinksCount")))
    assert everything(one, padded) == everything(one, OTLP)
    assert one.read(padded).problems == ""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("trace", "span_id", "said"),
    [
        (TRACE_ID.upper(), "00000000000000A1", ""),
        (f"0x{TRACE_ID}", "0x00000000000000a1", "ids begin with 0x"),
        (b64(bytes.fromhex(TRACE_ID)), b64(bytes.fromhex("00000000000000a1")), "ids are in base64"),
        (b64(bytes.fromhex(TRACE_ID)).rstrip("="), b64(bytes.fromhex("00000000000000a1")).rstrip("="), "ids are in base64"),
        (b64(TRACE_ID.encode()), b64(b"00000000000000a1"), "ids are in base64"),
        (b64(TRACE_ID.upper().encode()), b64(b"00000000000000A1"), "ids are in base64"),
        (TRACE_ID, 0xA1, "ids are numbers"),
        (TRACE_ID, "a1", "ids are shorter than 32 or 16 hex digits"),
        ("5b8efff7-9803-8103-d269-b633813fc60c", "00000000000000a1", "ids are written as UUIDs"),
    ],
)
def test_ids_in_every_writing_become_lower_hex(one: Reader, trace: Any, span_id: Any, said: str) -> None:
    read = one.read(span(traceId=trace, spanId=span_id, parentSpanId=span_id, links=[{"traceId": trace, "spanId": span_id}]))
    assert read.rows(
        "select trace_id, span_id, parent_span_id, linked_trace_id from spans join links using (record, trace_id, span_id)"
    ) == (f"{TRACE_ID} | a1 | a1 | {TRACE_ID}")
    assert [line.split(" | ")[2] for line in read.problems.splitlines()] == ([said] if said else [])


def test_a_trace_id_of_64_bits_is_filled_up(one: Reader) -> None:
    short = "00000000000000b1"
    assert one.read(span(traceId=short)).rows("select trace_id from spans") == short.zfill(32)
    assert one.read(span(traceId=b64(short.encode()))).rows("select trace_id from spans") == short.zfill(32)


@pytest.mark.parametrize("none", ["", None, "0" * 16, 0, "AAAAAAAAAAA=", "0x0000000000000000"])
def test_a_parent_of_nothing_is_none(one: Reader, none: Any) -> None:
    assert one.read(span(parentSpanId=none)).rows("select parent_span_id from spans") == "-"


@pytest.mark.parametrize("kind", [2, "2", "SPAN_KIND_SERVER", "span_kind_server", "SERVER", "Server", "SpanKind.SERVER"])
def test_a_kind_is_a_number_or_a_name(one: Reader, kind: Any) -> None:
    read = one.read(span(kind=kind))
    assert (read.rows("select span_kind from spans"), read.problems) == ("server", "")


@pytest.mark.parametrize(
    "status", [{"code": 2}, {"code": "2"}, {"code": "STATUS_CODE_ERROR"}, {"code": "Error"}, {"statusCode": 1, "code": 2}, 2, "ERROR"]
)
def test_a_status_is_a_number_or_a_name(one: Reader, status: Any) -> None:
    assert one.read(span(status=status)).rows("select status_code from spans") == "2"


def test_what_is_unknown_is_said_and_costs_only_itself(one: Reader) -> None:
    odd = span(kind=17, status={"code": {}}, colour="red", links=[{"traceId": TRACE_ID, "spanId": "a1", "tint": 1}], parentSpanId=None)
    read = one.read(odd)
    assert read.rows("select name, span_kind, status_code from spans") == "s | - | 0"
    assert read.rows("select count(*) from links") == "1"
    assert read.problems == rows(
        """
        1 | data_loss | a span has a member that OTLP does not have: colour | it was left out
        1 | data_loss | the kind of a span is unknown: 17 | it counts as not said
        1 | data_loss | the code of a status is unknown: {} | it counts as not said
        1 | data_loss | a link has a member that OTLP does not have: tint | it was left out
        1 | info | ids are shorter than 32 or 16 hex digits | zeros were put before them
        """
    )


@pytest.mark.parametrize(
    ("time", "ns"),
    [
        ("1700000000000000001", "1700000000000000001"),
        (1700000000000000001, "1700000000000000001"),
        (1.7e18, "1700000000000000000"),
        ("1.7e18", "1700000000000000000"),
        ("2023-11-14T22:13:20.000000001Z", "1700000000000000001"),
        ("2023-11-14T23:13:20+01:00", "1700000000000000000"),
        (None, "-"),
        ("", "-"),
        (0, "-"),
    ],
)
def test_a_time_is_a_number_or_a_text(one: Reader, time: Any, ns: str) -> None:
    read = one.read(span(startTimeUnixNano=time))
    assert (read.rows("select start_ns from spans"), read.problems) == (ns, "")


@pytest.mark.parametrize("time", [-1, 2**63, "soon", [], True, "9999-12-31T23:59:59Z", "2023-02-30T00:00:00Z", "NaN"])
def test_what_is_no_time_is_said(one: Reader, time: Any) -> None:
    read = one.read(span(startTimeUnixNano=time))
    assert read.rows("select start_ns from spans") == ("1" if time is True else "-")
    assert ("a time is no time since 1970, or beyond the year 2262" in read.problems) is (time is not True)


def test_values_in_every_shape_are_read(one: Reader) -> None:
    nested = {"kvlist_value": {"values": [{"key": "k", "value": {"int_value": "1"}}]}}
    pairs: list[tuple[str, Any]] = [
        ("none", {}),
        ("text", {"string_value": "x"}),
        ("number", {"intValue": 2**70}),
        ("nan", {"doubleValue": "NaN"}),
        ("all", {"stringValue": "", "intValue": "0", "boolValue": True, "doubleValue": 0}),
        ("zeros", {"stringValue": "", "intValue": "0"}),
        ("plain", "x"),
        ("map", nested),
        ("surrogate", {"arrayValue": {"values": [{"stringValue": "\ud800"}]}}),
    ]
    read = one.read(span(attributes=[{"key": key, "value": value} for key, value in pairs]))
    assert read.rows("select unnest(map_keys(attributes)) as k, unnest(map_values(attributes)) from spans") == rows(
        f"""
        none | -
        text | x
        number | {2**70}
        nan | NaN
        all | true
        zeros |\x20
        plain | x
        map | {{"k":1}}
        surrogate | ["\\ud800"]
        """
    )
    assert read.problems == rows(
        """
        1 | notice | a line is no strict JSON | it was read as far as that is possible
        1 | notice | a value with several members: all | the first that says something was taken
        1 | notice | a value with several members: zeros | the first that says something was taken
        1 | notice | a value without its kind: plain | it was taken as it is
        """
    )
    read = one.read(span(attributes={"a": 1, "b": [True]}))
    assert read.rows("select attributes::varchar from spans") == "{a=1, b='[true]'}"
    assert read.problems == "1 | notice | attributes are a JSON object | its members were taken"


def test_an_element_that_is_something_else_costs_only_itself(one: Reader) -> None:
    good = span()["resourceSpans"][0]
    scopes = [17, {"scope": 5, "spans": good["scopeSpans"][0]["spans"]}, None]
    read = one.read({"resourceSpans": [17, good, {"resource": "x", "scopeSpans": scopes}, {"scopeSpans": 5}, {"scopeSpans": {"spans": 9}}]})
    assert read.rows("select count(*) from spans") == "2"
    assert read.problems.count("data_loss") == 7


def test_an_error_of_a_server_and_a_line_that_goes_on_are_said(one: Reader) -> None:
    read = one.read(json.dumps(span()) + " trailing\n" + json.dumps({"error": {"code": 5}}) + "\n" + json.dumps(span(name="t")) + "\n")
    assert read.rows("select name from spans order by record") == "s\nt"
    assert [line.split(" | ")[:3] for line in read.problems.splitlines()] == [
        ["1", "data_loss", "a line goes on after its JSON: Expecting value: line 1 column 144 (char 143)"],
        ["2", "data_loss", "a server answered with an error instead of spans: {'code': 5}"],
    ]


def test_a_value_nested_too_deeply_costs_only_itself(one: Reader) -> None:
    deep = "[" * 100_000 + '"]"' + "]" * 100_000
    for content in (json.dumps(span(name="NAME", deep="DEEP")), json.dumps(span(name="NAME", deep="DEEP"), indent=1)):
        read = one.read(content.replace('"DEEP"', deep))
        assert read.rows("select name from spans") == "NAME"
        assert "values nested deeper than 200 | they were left out, the rest was read" in read.problems


def test_an_end_that_jaeger_made_up_counts_as_missing(one: Reader) -> None:
    unfinished = [{"key": "spanproof.outcome", "value": {"stringValue": "unfinished"}}]
    read = one.read(span(startTimeUnixNano="5000", endTimeUnixNano="5001", attributes=unfinished))
    assert read.rows("select start_ns, end_ns from spans") == "5000 | -"
    assert read.problems == "1 | info | an unfinished unit has an end as long as nothing | the end counts as missing"


def test_our_own_spans_do_not_repeat_their_scope(one: Reader) -> None:
    ours = copy.deepcopy(OTLP)
    ours["resourceSpans"][0]["resource"]["attributes"].append({"key": "spanproof.format", "value": {"intValue": "1"}})
    assert "otel.scope" not in one.read(ours).rows("select attributes::varchar from spans")


def test_null_in_one_spelling_hides_nothing_in_another(one: Reader) -> None:
    read = one.read(span(traceId=None, trace_id=TRACE_ID, parentSpanId=None, parent_span_id="00000000000000a7", colour=None))
    assert (read.rows("select trace_id, parent_span_id from spans"), read.problems) == (f"{TRACE_ID} | a7", "")


def test_a_name_that_no_utf8_has_is_said_all_the_same(one: Reader) -> None:
    read = one.read(span(**{"\ud800": 1}))
    assert "a span has a member that OTLP does not have: ? | it was left out" in read.problems
