"""Chrome's trace event format: what begins and ends, what is in what, what points to what; and files that are cut or odd."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanproof.analyzers import check, load
from spanproof.analyzers.read.formats.chrome_slices import ENDLESS, Slice, nest
from spanproof.analyzers.read.notes import Notes
from tests.analyzers.foreign import CHROME
from tests.analyzers.reading import Read, Reader, reader
from tests.analyzers.traces import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TREE = (
    "select s.name, s.start_ns, s.end_ns, p.name from spans s "
    "left join spans p on p.span_id = s.parent_span_id and p.trace_id = s.trace_id order by s.start_ns, s.record"
)
EVENTS = "select s.name, e.name, e.time_ns from events e join spans s using (span_id) order by e.time_ns, e.ordinal"
LINKS = "select s.name, t.name from links l join spans s using (span_id) join spans t on t.span_id = linked_span_id order by all"


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


def event(ph: str, ts: Any = None, name: str | None = None, **members: Any) -> dict[str, Any]:
    """An event of the thread 1 of the process 7."""
    given = {"ph": ph, "ts": ts, "name": name, "pid": 7, "tid": 1} | members
    return {key: value for key, value in given.items() if value is not None}


def x(name: str, ts: float, dur: float, **members: Any) -> dict[str, Any]:
    return event("X", ts, name, dur=dur, **members)


def read(one: Reader, *events: dict[str, Any]) -> Read:
    return one.read({"traceEvents": list(events)})


def test_everything_that_the_format_has(one: Reader) -> None:
    found = one.read(CHROME)
    assert (found.format, found.problems) == ("chrome", "")
    assert found.rows(TREE) == rows(
        """
        root | 100250 | 150750 | -
        pair | 110000 | 120000 | root
        far | 130000 | 132000 | -
        request | 140000 | 900000 | -
        answer | 142000 | 143000 | request
        old | 150000 | 152000 | -
        """
    )
    assert found.rows(EVENTS) == rows(
        """
        pair | tick | 115000
        request | sent | 141000
        old | old | 151000
        """
    )
    assert found.rows(LINKS) == "far | pair"
    assert found.rows("select attributes from spans where name = 'root'") == (
        "{'n': '5', 'yes': 'true', 'list': '[\"x\"]', 'chrome.category': 'net,io', 'thread.id': '1', 'thread.name': 'main'}"
    )
    assert found.rows("select attributes from spans where name = 'pair'") == (
        "{'a': '1', 'chrome.tts': '3', 'b': None, 'thread.id': '1', 'thread.name': 'main'}"
    )
    assert found.rows("select pid, service_name, attributes from resources order by 1") == rows(
        """
        7 | shop | {'process.pid': '7', 'service.name': 'shop', 'chrome.process_labels.labels': 'worker', 'chrome.displayTimeUnit': 'ns'}
        8 | - | {'process.pid': '8', 'chrome.displayTimeUnit': 'ns'}
        """
    )
    assert found.rows("select count(distinct trace_id) from spans") == "2"


def test_the_same_file_has_the_same_ids_and_another_file_has_others(one: Reader) -> None:
    ids = "select trace_id, span_id from spans order by record"
    first, again = one.read(CHROME).rows(ids), one.read(CHROME).rows(ids)
    other = one.read(CHROME | {"displayTimeUnit": "ms"}).rows(ids)
    assert first == again
    assert not {cell for line in first.split("\n") for cell in line.split(" | ")} & {
        cell for line in other.split("\n") for cell in line.split(" | ")
    }


def test_nesting_is_by_time_and_not_by_the_order_of_the_file(one: Reader) -> None:
    found = read(
        one, x("in both", 3, 1), x("in root", 2, 5), x("root", 1, 9), x("elsewhere", 3, 1, tid=2), x("after", 10, 1), x("end", 9.5, 0.5)
    )
    assert found.rows(TREE) == rows(
        """
        root | 1000 | 10000 | -
        in root | 2000 | 7000 | root
        in both | 3000 | 4000 | in root
        elsewhere | 3000 | 4000 | -
        end | 9500 | 10000 | root
        after | 10000 | 11000 | -
        """
    )
    assert found.problems == ""


def test_slices_that_overlap_are_said(one: Reader) -> None:
    found = read(one, x("root", 0, 20), x("first", 1, 5), x("second", 4, 5), x("in second", 7, 1))
    assert found.rows(TREE) == rows(
        """
        root | 0 | 20000 | -
        first | 1000 | 6000 | root
        second | 4000 | 9000 | root
        in second | 7000 | 8000 | second
        """
    )
    assert found.problems == (
        "1 | notice | slices of a thread that overlap without being nested | the later one became a child of what is around both"
    )


def test_pairs(one: Reader) -> None:
    found = read(
        one,
        *(event("B", 1, "a"), event("B", 2, "b"), event("E", 3), event("E", 4, "a"), event("E", 5), event("B", 6, "left open")),
        *(x("inside", 7, 1), event("B", 8, "c"), event("B", 9, "d"), event("E", 10, "c"), event("E", 11, "z")),
    )
    assert found.rows(TREE) == rows(
        """
        a | 1000 | 4000 | -
        b | 2000 | 3000 | a
        left open | 6000 | - | -
        inside | 7000 | 8000 | left open
        c | 8000 | 10000 | left open
        d | 9000 | - | left open
        """
    )
    assert found.problems == rows(
        """
        1 | data_loss | an end without a beginning | it was left out
        1 | data_loss | an end without a beginning: z | it was left out
        1 | notice | slices of a thread that overlap without being nested | the later one became a child of what is around both
        """
    )


def test_asynchronous_operations(one: Reader) -> None:
    def of(ph: str, ts: float, name: str, **members: Any) -> dict[str, Any]:
        return event(ph, ts, name, cat="net", **members)

    found = read(
        one,
        *(of("b", 1, "a", id="1"), of("b", 2, "a", id="2"), of("e", 3, "a", id="1", tid=9), of("e", 5, "a", id="2")),
        *(of("b", 1, "own", id2={"local": "1"}), of("b", 2, "own", id2={"local": "1"}, pid=8), of("e", 6, "own", id2={"local": "1"})),
        *(of("b", 7, "all", id2={"global": "1"}), of("e", 8, "all", id2={"global": "1"}, pid=8), of("n", 9, "alone", id="3")),
        *(of("S", 10, "old", id=4), of("S", 11, "other", id=4), of("F", 12, "old", id=4), of("e", 13, "a", id="1")),
    )
    assert found.rows(TREE) == rows(
        """
        a | 1000 | 3000 | -
        own | 1000 | 6000 | -
        a | 2000 | 5000 | -
        own | 2000 | - | -
        all | 7000 | 8000 | -
        alone | 9000 | 9000 | -
        old | 10000 | 12000 | -
        other | 11000 | - | -
        """
    )
    assert found.problems == rows(
        """
        1 | data_loss | an end without a beginning: a | it was left out
        1 | info | an instant event outside of every slice | it became a span without length
        """
    )


def test_flows(one: Reader) -> None:
    def flow(ph: str, ts: float, **members: Any) -> dict[str, Any]:
        return event(ph, ts, members.pop("name", "f"), cat="c", id=members.pop("id", 1), **members)

    found = read(
        one,
        *(x("from", 1, 2), x("through", 1, 9, tid=2), x("to", 8, 2, tid=3), x("next", 12, 1, tid=3)),
        *(flow("s", 2), flow("t", 4, tid=2), flow("f", 9, tid=3, bp="e"), flow("f", 11, tid=3)),
        *(flow("s", 2, id=2), flow("f", 3, id=3, tid=2, bp="e"), flow("s", 50, id=4)),
        x("bound from", 20, 1, bind_id="9", flow_out=True),
        x("bound to", 30, 1, bind_id="9", flow_in=True),
    )
    assert found.rows(LINKS) == rows(
        """
        bound to | bound from
        next | through
        through | from
        to | through
        """
    )
    assert found.problems == rows(
        """
        1 | notice | a flow outside of every slice | it became no link
        1 | notice | a flow that ends nowhere | it became no link
        1 | notice | a flow without a beginning | it became no link
        """
    )


@pytest.mark.parametrize(
    ("ts", "dur", "start", "end"),
    [
        (0, 0, "0", "0"),
        (0.001, 0.002, "1", "3"),
        (81995533209.122, 1.839, "81995533209122", "81995533210961"),
        ("12.5", "1", "12500", "13500"),
        (-3, 5, "-3000", "2000"),
    ],
)
def test_times_are_microseconds_with_fractions(one: Reader, ts: Any, dur: Any, start: str, end: str) -> None:
    found = read(one, x("a", ts, dur))
    assert (found.rows("select start_ns, end_ns from spans"), found.problems) == (f"{start} | {end}", "")


def test_nanoseconds_of_times_since_1970_survive(one: Reader) -> None:
    text = '[{"ph":"X","name":"a","args":{"ts":1.5},"ts":1700000000123456.789,"dur":0.211},\n{"ph":"B","ts":1700000000123457.001}]'
    found = one.read(text)
    assert (
        found.rows("select start_ns, end_ns from spans order by start_ns")
        == "1700000000123456789 | 1700000000123457000\n1700000000123457001 | -"
    )


@pytest.mark.parametrize("bad", [None, "soon", [], 1e300, True, float("nan"), float("inf"), 10**30])
def test_what_is_no_time_is_said(one: Reader, bad: Any) -> None:
    start = one.read({"traceEvents": [{"ph": "X", "name": "a", "ts": bad, "dur": 1}, x("b", 1, 1)]})
    assert start.rows("select name from spans") == "b"
    assert start.problems.split(":")[0] == "1 | data_loss | an event without a time"
    length = one.read({"traceEvents": [{"ph": "X", "name": "a", "ts": 1, "dur": bad, "pid": 7, "tid": 1}, x("b", 1, 1)]})
    assert length.rows(TREE) == "a | 1000 | - | b\nb | 1000 | 2000 | -"
    assert length.problems.split(":")[0] == "1 | data_loss | a complete event without a duration"


def test_what_has_no_place_is_counted(one: Reader) -> None:
    found = read(
        one, x("a", 1, 1), event("C", 1, "c", args={"n": 1}), event("C", 2, "c"), event("Q", 1), event("M", name="thread_sort_index")
    )
    assert found.problems == rows(
        """
        - | data_loss | events that are nothing in a span: 2 counters | they were left out
        - | data_loss | events that are nothing in a span: 1 events of the unknown phase 'Q' | they were left out
        - | data_loss | events that are nothing in a span: 1 metadata 'thread_sort_index' | they were left out
        """
    )


LINES = [json.dumps(x(f"s{number}", number, 0.5)) for number in range(9)]
LAYOUTS = {
    "object": '{"traceEvents":[' + ",".join(LINES) + "]}",
    "object, with more": '{"a":{"traceEvents":[1]},"traceEvents":[' + ",".join(LINES) + '],"stackFrames":{}}',
    "array": "[" + ",\n".join(LINES) + "]",
    "array without its end": "[\n" + ",\n".join(LINES),
    "array that ends in a comma": "[\n" + ",\n".join(LINES) + ",\n",
    "array with a comma too many": "[" + ",".join(LINES) + ",]",
    "lines": "\n".join(LINES),
    "pretty": json.dumps({"traceEvents": [json.loads(line) for line in LINES]}, indent=2),
    "byte order mark": "\ufeff[" + ",".join(LINES) + "]",
    "two documents": "[" + ",".join(LINES[:4]) + ']\n{"traceEvents":[' + ",".join(LINES[4:]) + "]}",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(one: Reader, layout: str) -> None:
    found = one.read(LAYOUTS[layout])
    assert (found.format, found.rows("select string_agg(name, ' ' order by name) from spans")) == (
        "chrome",
        " ".join(f"s{number}" for number in range(9)),
    )
    assert found.problems == ""


def test_lines_are_those_of_the_events(one: Reader) -> None:
    found = one.read(LAYOUTS["array"])
    assert found.rows("select string_agg(line, ' ' order by line) from spans") == "1 2 3 4 5 6 7 8 9"


@pytest.mark.parametrize("layout", ["object", "array", "lines", "pretty"])
def test_cut_anywhere_it_gives_each_event_that_is_whole(one: Reader, layout: str) -> None:
    content = LAYOUTS[layout]
    for size in range(60, len(content) - 3, 31):
        found = one.read(content[:size])
        whole = content[:size].count("0.5}") if layout != "pretty" else content[:size].count("    }")
        assert found.rows("select count(*) from spans") == str(whole)
        assert "data_loss" not in found.problems


HALF = "half a last event: the writer was stopped while it wrote | it was left out; every event before it was read"


def test_an_event_that_is_no_json_costs_itself(one: Reader) -> None:
    found = one.read('{"traceEvents":[' + LINES[0] + ',\n{"ph":"X", oops},\n' + LINES[1] + ",7," + LINES[2] + ',{"ph":"X')
    assert found.rows("select string_agg(name, ' ' order by name) from spans") == "s0 s1 s2"
    why = "Expecting property name enclosed in double quotes"
    assert found.problems == rows(
        f"""
        2 | data_loss | an event is no JSON: {why} | it was left out, the next one was looked for
        3 | data_loss | a JSON value that is no event: 7 | it was left out
        3 | info | {HALF}
        """
    )


def test_a_text_without_an_end_costs_the_event_in_which_it_is(one: Reader) -> None:
    found = one.read("[" + LINES[0] + ',\n{"ph":"X","name":"a},\n' + ",\n".join(LINES[1:]) + "]")
    names = set(found.rows("select name from spans").split("\n"))
    assert {"s0", "s2", "s3", "s8"} <= names
    assert "data_loss" in found.problems


@pytest.mark.parametrize(
    "bomb",
    [
        '{"traceEvents":[' + '{"args":' * 200_000,
        '[{"ph":"X",' + "[" * 200_000,
        '[{"ph":"X"},' + '{"a":"' * 50_000,
        '[{"ph":"X"},' + "{" * 100_000,
        '[{"ph":"X"},' + "]" * 50_000,
        '[{"ph":"X"},' + "1,x," * 5_000,
        '{"ph":"X",' + '"a":' * 50_000,
    ],
    ids=range(7),
)
def test_bombs_are_no_crash_and_no_quadratic_work(one: Reader, bomb: str) -> None:
    found = one.read(bomb)
    assert found.format == "chrome"
    assert found.problems


def test_a_staircase_is_no_quadratic_work() -> None:
    slices = [Slice(number, ("", ""), "", number, number + 10**6, number + 10**6, {}, 1) for number in range(100_000)]
    nest(slices, [], Notes(), lambda point, around: None)
    assert all(one.parent is None for one in slices)


def test_ends_far_from_their_beginnings_are_no_quadratic_work(one: Reader) -> None:
    some = 20_000
    found = read(
        one,
        *(event("B", 1, "a") for _ in range(some)),
        *(event("B", 2, "b") for _ in range(some)),
        *(event("E", 3, "a") for _ in range(some)),
        *(event("E", 4, "c") for _ in range(some)),
    )
    assert found.rows("select name, count(end_ns) from spans group by all order by all") == f"a | {some}\nb | 0"


def test_the_text_of_a_large_file_is_not_in_memory() -> None:
    line = json.dumps(event("C", 1, "s", args={"a": "x" * 50_000})).encode()
    with reader() as one:
        content = b"[" + b",\n".join([line] * 600) + b"]"
        tracemalloc.start()
        one.read(content)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(content) > 25 << 20
    assert peak < 15 << 20


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6) | st.none()), max_size=12))
def test_a_parent_is_the_shortest_slice_around(given_slices: list[tuple[int, int | None]]) -> None:
    def ends(start: int, length: int | None) -> int:
        return ENDLESS if length is None else start + length

    slices = [Slice(number, ("", ""), "", start, None, ends(start, length), {}, 1) for number, (start, length) in enumerate(given_slices)]
    notes = Notes()
    nest(list(slices), [], notes, lambda point, around: None)
    for one in slices:
        if one.parent:
            assert one.parent.start <= one.start
            assert one.parent.until >= one.until
        if not notes.found:
            around = [
                other
                for other in slices
                if other is not one
                and other.until > one.start
                and other.start <= one.start
                and other.until >= one.until
                and ((other.start, other.until) != (one.start, one.until) or other.order < one.order)
            ]
            best = max(around, key=lambda other: (other.start, -other.until, other.order), default=None)
            assert one.parent is best


def test_a_trace_of_chrome_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"traceEvents": [event("B", 1, "left open"), x("in it", 2, 5), event("i", 3, "tick")]}))
    sql = "select u.name, u.end_ns, count(e.name) from units u left join events e using (span_id) group by all order by all"
    found = load([path]).execute(sql)
    assert found.fetchall() == [("in it", 7000, 1), ("left open", None, 0)]
    assert check([path]).exit_code(allow={"empty", "unknown"}) == 0
