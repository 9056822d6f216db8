"""Whatever stands in a unit becomes JSON that reads back as the same value; nothing makes the encoder raise."""

from __future__ import annotations

import enum
import json
import math
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanproof.instrument import vocabulary as v
from spanproof.instrument.sinks.encode import TEXT_LIMIT, Encoder, json_text

from .support import RESOURCE, attributes, end, resource_of, rev, spans_of, unit

if TYPE_CHECKING:
    from spanproof.instrument.records import Attributes

texts = st.text(st.characters(codec=None, categories=None), max_size=50)  # lone surrogates, NUL and all
numbers = st.integers() | st.integers(-(2**63) - 2, -(2**63) + 2) | st.integers(2**63 - 2, 2**63 + 2)
values = texts | numbers | st.floats() | st.booleans() | st.lists(texts, max_size=4) | st.lists(numbers, max_size=4)


def expected(raw: object) -> object:
    """What a value looks like when it is read back."""
    if isinstance(raw, list):
        return [expected(item) for item in cast("list[object]", raw)]
    if isinstance(raw, str):
        return raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(raw, int) and not isinstance(raw, bool) and not -(2**63) <= raw < 2**63:
        return str(raw)
    if isinstance(raw, float) and not math.isfinite(raw):
        return repr(raw)
    return raw


@given(st.dictionaries(st.text(max_size=20).filter(lambda key: not key.startswith("spanproof.")), values, max_size=8), texts, texts)
def test_any_value_reads_back(attrs: Attributes, name: str, message: str) -> None:
    one = unit(5)
    one.attrs.update(attrs)
    one.add((name, 3, 4, attrs))
    one.origin.name, one.status, one.status_message = name, 2, message

    line = Encoder(RESOURCE).line([Encoder({}).span(one)])

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1
    (span,) = spans_of(line)
    found = attributes(span)
    wanted: dict[str, Any] = {key: expected(raw) for key, raw in attrs.items()}
    assert {key: found[key] for key in wanted} == wanted
    assert span["name"] == expected(name)
    assert span["status"] == ({"code": 2, "message": expected(message)} if message else {"code": 2})
    assert attributes(span["events"][0]) == {v.SEQ: 4, **wanted}


def test_fields_of_an_open_and_of_an_ended_unit() -> None:
    one, encoder = unit(0xAB), Encoder(RESOURCE)
    (opened,) = spans_of(encoder.line([encoder.span(one)]))
    one.parent_id = one.creator = 0xCD
    one.links = [(1, 2)]
    (ended,) = spans_of(encoder.line([encoder.span(end(one))]))

    assert opened["traceId"] == "00000000000000000000000000000007"
    assert opened["spanId"] == "00000000000000ab"
    assert opened["startTimeUnixNano"] == str(one.start_ns)
    assert not {"endTimeUnixNano", "parentSpanId", "events", "links", "status"} & set(opened)
    assert attributes(opened) == {v.REV: 1, v.UNIT: "task", v.START_SEQ: one.start_seq}
    assert ended["parentSpanId"] == attributes(ended)[v.CREATOR] == "00000000000000cd"
    assert ended["endTimeUnixNano"] == str(one.end_ns)
    assert ended["links"] == [{"traceId": f"{1:032x}", "spanId": f"{2:016x}"}]
    assert attributes(ended)[v.REV] == 2
    assert attributes(ended)[v.END_SEQ] == one.end_seq


def test_the_first_step_stands_where_it_happened_and_what_was_noted_is_not_doubled() -> None:
    one = end(unit(1))
    one.add(("before", 1, 8, {}))
    one.started_ns, one.started_seq = 2, 9
    one.add(("after", 3, 10, {v.SEQ: 10}))
    (span,) = spans_of(Encoder({}).line([Encoder({}).span(one, "unfinished")]))
    assert attributes(span)[v.OUTCOME] == "completed"
    assert [(event["name"], attributes(event)) for event in span["events"]] == [
        ("before", {v.SEQ: 8}),
        (v.STARTED, {v.SEQ: 9}),
        ("after", {v.SEQ: 10}),
    ]
    assert [event[0] for event in one.all_events()] == ["before", v.STARTED, "after"]


def test_what_the_reader_finds_is_what_the_unit_tells() -> None:
    one = end(unit(1))
    one.creator = 0xEF
    one.attrs["app"] = 1
    (span,) = spans_of(Encoder({}).line([Encoder({}).span(one)]))
    assert attributes(span) == {v.REV: 1, **one.attributes()}


def test_a_line_has_the_whole_resource_and_its_part() -> None:
    encoder = Encoder({**RESOURCE, v.RES_EXPECT: ["x" * 100_000]})
    first = encoder.line([])
    encoder.part = 3
    encoder.resource(RESOURCE)
    assert resource_of(first) == {**RESOURCE, v.RES_EXPECT: ["x" * 100_000], v.RES_PART: 0}
    assert resource_of(encoder.line([])) == {**RESOURCE, v.RES_PART: 3}


def test_a_long_text_is_cut() -> None:
    assert json.loads(json_text("x" * 10 * TEXT_LIMIT)) == "x" * (TEXT_LIMIT - 1) + "…"
    assert json.loads(json_text("x" * TEXT_LIMIT)) == "x" * TEXT_LIMIT


class Colour(str, enum.Enum):  # noqa: UP042 - what a user's program may have
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Hostile(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("the program's code ran")

    __repr__ = __format__ = __str__  # type: ignore[assignment]


class Opaque:
    def __repr__(self) -> str:
        raise RuntimeError("the program's code ran")


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (Colour.RED, "red"),
        (Hostile("h"), "h"),
        (Opaque(), "<Opaque>"),
        (None, "<NoneType>"),
        (b"x", "<bytes>"),
        ({"a": 1}, "<dict>"),
        ([1, None, ["x"]], [1, "<NoneType>", ["x"]]),
        (10**5_000, hex(10**5_000)),
        (Number.ONE, 1),
    ],
    ids=["enum", "text-subclass", "object", "none", "bytes", "dict", "nested", "huge", "int-subclass"],
)
def test_foreign_values_run_no_code_of_the_program(raw: Any, read: object) -> None:
    one = unit(1)
    one.attrs["x"] = raw
    one.attrs["list"] = [raw]
    (span,) = spans_of(Encoder({}).line([Encoder({}).span(one)]))
    assert attributes(span)["x"] == read
    assert attributes(span)["list"] == [read]


def test_caches_stay_bounded_and_right() -> None:
    encoder, one, span = Encoder({}), unit(1), ""
    for number in range(20_000):
        one.attrs["id"] = f"text {number}"
        span = encoder.span(one)
    assert attributes(json.loads(span))["id"] == "text 19999"
    assert rev(json.loads(span)) == 20_000
    assert len(encoder._texts) <= 8_192


def test_a_unit_that_changes_meanwhile_is_encoded_all_the_same() -> None:
    one, encoder, stop = unit(1), Encoder({}), threading.Event()
    awaited: Attributes = {}
    one.add((v.AWAITS, 1, 1, awaited))

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for holder in (one.attrs, awaited):
                if len(holder) > 300:
                    holder.clear()
                holder[f"k{number}"] = number
            if len(one.events) < 50:
                one.add((v.HEARTBEAT, number, number, {}))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            json.loads(encoder.span(one))
    finally:
        stop.set()
        thread.join()


def test_a_unit_that_grows_under_the_encoder_loses_nothing() -> None:
    class Growing(dict[str, Any]):
        """Says that it changed, whenever it is looked through."""

        def items(self) -> Any:
            raise RuntimeError("dictionary changed size during iteration")

    one = unit(1)
    one.attrs = Growing(a=1)
    one.add(("grows", 1, 2, Growing(b=2)))
    (span,) = spans_of(Encoder({}).line([Encoder({}).span(one)]))
    assert attributes(span)["a"] == 1
    assert attributes(span["events"][0]) == {v.SEQ: 2, "b": 2}
