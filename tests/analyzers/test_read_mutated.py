"""Files of every JSON format with something wrong in them: nothing raises, and what is not touched is read all the same."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanproof.analyzers.read.shapes import is_list, is_map
from tests.analyzers.foreign import ALL, CHROME, CONSOLE, JAEGER, OTLP, TRACE_ID, ZIPKIN, ZIPKIN_V1
from tests.analyzers.reading import Reader, reader

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD: list[Any] = [
    *(None, True, 0, -1, 5, 2**31, 2**63, 2**70, 10**30, 0.5, float("nan"), float("inf"), -1e300),
    *(
        "",
        "x",
        "0",
        "-7",
        "NaN",
        "0x",
        "\0",
        "\ud800",
        "a" * 3_000,
        "Zürich\u2028",
        "٣",
        "9" * 5_000,
        "AAAAAAAAAAE=",
        "2023-11-14T22:13:20Z",
    ),
    *("9999-12-31T23:59:59Z", "2023-99-99T99:99:99Z", "error", "CHILD_OF", "SERVER"),
    *([], {}, [[]], [None], [1, "x", {}], {"": {}}, {"a": None}, {"a": [1]}, {"key": 1}, {"value": []}, [{"key": "k", "value": {"x": 1}}]),
    *([{"key": ["k"], "value": {"stringValue": "x"}}], {"stringValue": {}}, {"arrayValue": 1}, {"arrayValue": {"values": 1}}),
    *({"kvlistValue": {"values": [1]}}, {"boolValue": [], "intValue": {}}, {"spans": 1}, {"code": []}, [[[[[[[[[[1]]]]]]]]]]),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a value."""
    if path:
        yield path
    if is_map(value):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif is_list(value):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def mutated(value: Any, path: tuple[Any, ...], what: str, odd: Any) -> Any:
    """A copy in which the value at a place is another, is gone, is called otherwise, or is there twice."""
    whole = copy.deepcopy(value)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    if what == "other":
        holder[last] = odd
    elif what == "gone":
        del holder[last]
    elif is_list(holder):
        holder.insert(last, copy.deepcopy(holder[last]))
    else:
        holder[f"{last}x" if what == "called" else last.swapcase()] = holder.pop(last)
    return whole


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


@pytest.mark.parametrize("name", ALL)
def test_nothing_raises_whatever_stands_in_a_place(one: Reader, name: str) -> None:
    value = ALL[name]
    ways = list(places(value))

    @settings(max_examples=150)
    @given(
        st.lists(
            st.tuples(st.integers(0, len(ways) - 1), st.sampled_from(["other", "gone", "called", "twice"]), st.sampled_from(ODD)),
            max_size=4,
        ),
        st.sampled_from([None, 2]),
    )
    def check(faults: list[tuple[int, str, Any]], indent: int | None) -> None:
        changed = value
        for number, what, odd in faults:
            ways = list(places(changed))
            if ways:
                changed = mutated(changed, ways[number % len(ways)], what, odd)
        files.add(json.dumps(changed, indent=indent))

    with one.many() as files:
        check()


@pytest.mark.parametrize("name", ALL)
def test_nothing_raises_whatever_bytes_are_damaged(one: Reader, name: str) -> None:
    content = json.dumps(ALL[name], indent=1).encode()

    @settings(max_examples=60)
    @given(
        st.integers(0, len(content)),
        st.binary(max_size=3) | st.sampled_from([b"[", b"}", b'"', b",", b"\\", b"\n{", b"[" * 2_000]),
        st.booleans(),
    )
    def check(at: int, odd: bytes, cut: bool) -> None:
        files.add(content[:at] + odd + (b"" if cut else content[at:]))

    with one.many() as files:
        check()


SPANS: dict[str, tuple[Any, str]] = {
    "otlp-json": (OTLP["resourceSpans"][0]["scopeSpans"][0]["spans"][0], "spanId"),
    "jaeger-json": (JAEGER["data"][0]["spans"][0], "spanID"),
    "zipkin-v2": (ZIPKIN[0], "id"),
    "zipkin-v1": (ZIPKIN_V1[1], "id"),
    "otel-console": (CONSOLE, "context"),
    "chrome": (CHROME["traceEvents"][3], "name"),
}


def around(name: str, span: Any) -> Any:
    """A file with the span between two that are in order."""
    plain, member = SPANS[name]
    first, last = copy.deepcopy(plain), copy.deepcopy(plain)
    for good, number in ((first, "00000000000000c1"), (last, "00000000000000c2")):
        good[member] = {"trace_id": f"0x{TRACE_ID}", "span_id": f"0x{number}"} if name == "otel-console" else number
    three = [first, span, last]
    if name == "otlp-json":
        return {"resourceSpans": [{"scopeSpans": [{"spans": three}]}]}
    if name == "chrome":
        return {"traceEvents": three}
    return {"data": [JAEGER["data"][0] | {"spans": three}]} if name == "jaeger-json" else three


@pytest.mark.parametrize("name", ALL)
def test_one_bad_span_never_costs_its_neighbours(one: Reader, name: str) -> None:
    ways = list(places(SPANS[name][0]))

    @settings(max_examples=150)
    @given(st.integers(0, len(ways) - 1), st.sampled_from(["other", "gone", "called"]), st.sampled_from(ODD))
    def check(number: int, what: str, odd: Any) -> None:
        form, notes = files.add(around(name, mutated(SPANS[name][0], ways[number], what, odd)))
        assert form == name
        # Of three spans three come out, or two and a word about it.
        assert files.spans == 3 or (files.spans == 2 and "data_loss" in [problem.severity for problem in notes.rows()])

    with one.many() as files:
        check()


@pytest.mark.parametrize("name", ALL)
def test_a_span_that_is_something_else_costs_only_itself(one: Reader, name: str) -> None:
    column = "name" if name == "chrome" else "span_id"
    for odd in ODD:
        read = one.read(around(name, odd))
        assert {"c1", "c2"} <= set(read.rows(f"select {column} from spans").split("\n")), odd


def test_the_small_files_are_in_order(one: Reader) -> None:
    warned = "1 | notice | Jaeger warned about a span: clock skew | it was read as it stands"
    done = "the side that was called got an id of its own, below the other"
    shared = f"1 | info | both sides of a call share an id: span 00000000000000b1 | {done}"
    known = {"jaeger-json": warned, "zipkin-v1": shared}
    for name, value in ALL.items():
        for indent in (None, 2):
            read = one.read(json.dumps(value, indent=indent))
            assert (read.format, read.problems) == (name, known.get(name, ""))
