"""The tree, row by row against an oracle in plain Python, on random small forests; and on shapes that are deep, wide or circular."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import connect, create_schema, finish
from tests.analyzers.traces import T0, TRACE, delivered, loaded, ns, recording, requested, rows, sid, table, unit

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


@dataclass
class Node:
    """A unit as the oracle sees it. Orders are (ns, seq)."""

    number: int
    parent: int | None
    kind: str
    abort: tuple[int, int] | None = None
    deadline: int | None = None
    requests: list[tuple[int, int, bool]] = field(default_factory=list[tuple[int, int, bool]])
    deliveries: list[tuple[int, int, bool]] = field(default_factory=list[tuple[int, int, bool]])


def forest(seed: int) -> tuple[list[Node], list[dict[str, Any]]]:
    """Random units in which much is equal: ties are where mistakes hide. Some parents are missing, some form circles."""
    chance = random.Random(seed)
    nodes: list[Node] = []
    spans: list[dict[str, Any]] = []
    size = chance.randrange(2, 14)
    for number in range(1, size + 1):
        parent = chance.choice([None, *range(1, number), *range(1, number), size, 99])
        node = Node(number, parent, chance.choice(["pipeline", "stage", "task"]))
        outcome = chance.choice(["completed", "cancelled", "timed_out", "failed"])
        end, end_seq = chance.choice([None, 10, 20, 20, 30]), chance.randrange(1000)
        if outcome in {"cancelled", "timed_out"} and end is not None:
            node.abort = (ns(end), end_seq)
        more: dict[str, Any] = {}
        if chance.random() < 0.5:
            node.deadline = ns(chance.choice([15, 25, 25, 35]))
            more["deadline_ns"] = node.deadline
        events: list[dict[str, Any]] = []
        for _ in range(chance.randrange(3)):
            at, seq, yes = chance.choice([5, 6]), chance.randrange(1000), chance.random() < 0.7
            if chance.random() < 0.5:
                node.requests.append((ns(at), seq, yes))
                events.append(requested(1, at, live=yes, seq=seq))
            else:
                node.deliveries.append((ns(at), seq, yes))
                events.append(delivered(at, *([1] if yes else []), seq=seq))
        span = unit(node.kind, number, 0, end, *events, parent=parent, outcome=outcome, **more)
        for pair in span["attributes"]:
            if pair["key"] == "spanproof.end_seq":
                pair["value"] = {"intValue": str(end_seq)}
        nodes.append(node)
        spans.append(span)
    chance.shuffle(spans)
    return nodes, spans


def expected(nodes: list[Node]) -> list[tuple[Any, ...]]:
    """Rows of `tree`, span ids as numbers."""
    by_number = {node.number: node for node in nodes}
    out: list[tuple[Any, ...]] = []
    for node in nodes:
        above: list[Node] = []
        at = by_number.get(node.parent or 0)
        while at is not None and len(above) <= len(nodes):
            above.append(at)
            at = by_number.get(at.parent or 0)
        if len(above) > len(nodes):
            continue  # on a circle, or below one
        run = next((one.number for one in [node, *above] if one.kind == "pipeline"), None)
        aborts = sorted((*one.abort, one.number) for one in above if one.abort)
        requests = sorted((at, seq, one.number) for one in above for at, seq, live in one.requests if live)
        deliveries = sorted((at, seq, one.number) for one in above for at, seq, own in one.deliveries if own)
        deadlines = [one.deadline for one in above if one.deadline is not None]
        none = (None, None, None)
        out.append(
            (
                node.number,
                len(above),
                [node, *above][-1].number,
                run,
                above[0].kind if above else None,
                *(aborts[0] if aborts else none),
                *(aborts[-1] if aborts else none),
                *(requests[0] if requests else none),
                *(deliveries[0] if deliveries else none),
                min(deadlines, default=None),
                max(deadlines, default=None),
            )
        )
    return sorted(out, key=lambda row: row[0])


ACTUAL = """
    with n as (select *, ('0x' || span_id)::INTEGER as number from tree)
    select number, depth, ('0x' || root_id)::INTEGER, ('0x' || run_id)::INTEGER, parent_unit,
        anc_abort_end_ns, anc_abort_end_seq, ('0x' || anc_abort_span_id)::INTEGER,
        anc_abort_last_ns, anc_abort_last_seq, ('0x' || anc_abort_last_span_id)::INTEGER,
        anc_request_ns, anc_request_seq, ('0x' || anc_request_span_id)::INTEGER,
        anc_delivery_ns, anc_delivery_seq, ('0x' || anc_delivery_span_id)::INTEGER,
        anc_deadline_ns, anc_deadline_max_ns
    from n order by number
"""


@pytest.mark.parametrize("seed", range(25))
def test_the_tree_is_what_a_naive_walk_finds(tmp_path: Path, seed: int) -> None:
    nodes, spans = forest(seed)
    con = loaded(tmp_path, *spans, recording(99))
    wanted = expected(nodes)
    actual = con.execute(ACTUAL).fetchall()
    # Of two that did the same at the same moment either may be named.
    assert [_without_names(row) for row in actual] == [_without_names(row) for row in wanted]
    circular = len(nodes) - len(wanted)
    assert table(con, "select split_part(what, ' ', 1)::INTEGER from problems where what like '% circle%'") == (
        str(circular) if circular else ""
    )
    orphans = sum(node.parent == 99 for node in nodes)
    assert table(con, "select split_part(what, ' ', 1)::INTEGER from problems where what like '%was not read%'") == (
        str(orphans) if orphans else ""
    )
    assert table(con, "select count(*) from units") == str(len(nodes))
    assert (
        table(con, "select count(*) from units u join tree t using (trace_id, span_id) where (u.depth, u.root_id) <> (t.depth, t.root_id)")
        == "0"
    )


def _without_names(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(cell for place, cell in enumerate(row) if place not in {7, 10, 13, 16})


def test_the_ancestor_is_named(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("pipeline", 1, 0, 50, requested(1, 20), delivered(21, 1), outcome="cancelled", deadline_ns=ns(90)),
        unit("stage", 2, 10, 30, requested(1, 18), delivered(19), parent=1, outcome="timed_out", deadline_ns=ns(30)),
        unit("task", 3, 40, 45, requested(2, 41), delivered(42, 2), parent=2, outcome="cancelled", deadline_ns=ns(1)),
        unit("task", 4, 12, 45, parent=3),
        recording(60),
    )
    assert table(
        con,
        """
        select span_id, parent_unit, ms(anc_abort_end_ns), anc_abort_end_seq, anc_abort_span_id, ms(anc_abort_last_ns),
            anc_abort_last_span_id, ms(anc_request_ns), anc_request_span_id, ms(anc_delivery_ns), anc_delivery_seq, anc_delivery_span_id,
            ms(anc_deadline_ns), anc_deadline_span_id, ms(anc_deadline_max_ns)
        from tree order by span_id
        """,
    ) == rows(
        """
        1 | - | - | - | - | - | - | - | - | - | - | - | - | - | -
        2 | pipeline | 50 | 509 | 1 | 50 | 1 | 20 | 1 | 21 | 215 | 1 | 90 | 1 | 90
        3 | stage | 30 | 309 | 2 | 50 | 1 | 18 | 2 | 21 | 215 | 1 | 30 | 2 | 90
        4 | task | 30 | 309 | 2 | 50 | 1 | 18 | 2 | 21 | 215 | 1 | 1 | 3 | 90
        """
    )


def test_ancestry_lists_every_unit_above(tmp_path: Path) -> None:
    con = loaded(tmp_path, unit("pipeline", 1, 0, 50), unit("stage", 2, 10, 30, parent=1), unit("task", 3, 40, 45, parent=2), recording(60))
    assert table(con, "select span_id, ancestor_span_id, distance from ancestry order by all") == "2 | 1 | 1\n3 | 1 | 2\n3 | 2 | 1"


def test_circles_and_missing_parents_are_told_apart(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("task", 1, 0, 1, parent=1),
        unit("task", 2, 0, 1, parent=3),
        unit("task", 3, 0, 1, parent=2),
        unit("task", 4, 0, 1, parent=3),
        unit("task", 5, 0, 1, parent=77),
        unit("task", 6, 0, 1, parent=1, trace="9" * 32),
        recording(60),
    )
    assert table(con, "select span_id, depth from tree order by all") == "5 | 0\n6 | 0"
    assert (
        table(con, "select span_id, depth, root_id from units order by all")
        == "1 | - | -\n2 | - | -\n3 | - | -\n4 | - | -\n5 | 0 | 5\n6 | 0 | 6"
    )
    one = f"{sid(1)} of trace {TRACE}"
    assert table(con, "select done, severity, what from problems order by what") == rows(
        f"""
        they count as roots | notice | 2 spans whose parent was not read; for example span {sid(5)} of trace {TRACE}
        they have no place in `tree` | data_loss | 4 spans whose parents form a circle, or are themselves; for example span {one}
        """
    )


def shaped(size: int, parent: str, *, cancelled: bool) -> duckdb.DuckDBPyConnection:
    """One trace by SQL, as a benchmark makes it: `i` is the number of a unit, `parent` an expression for that of its parent."""
    con = connect()
    create_schema(con)
    con.execute("insert into resources by name select 1 as resource_id, 1 as format, 'r' as recording_id")
    outcome = "cancelled" if cancelled else "completed"
    con.execute(
        f"""
        insert into spans by name
        select 1 as resource_id, 't' as trace_id, printf('%016x', i) as span_id, printf('%016x', {parent}) as parent_span_id,
            's' as name, {T0} + i as start_ns, {T0} + 2 * {size} - i as end_ns,
            map {{'spanproof.unit': 'task', 'spanproof.outcome': '{outcome}', 'spanproof.end_seq': i::VARCHAR}} as attributes
        from (select i::BIGINT as i from range({size}) as t(i))
        """
    )
    if cancelled:
        con.execute(
            """
            insert into events by name
            select trace_id, span_id, 0 as ordinal, 1 as seq, unnest(['cancel.requested', 'cancel.delivered']) as name, start_ns as time_ns,
                map {'spanproof.request.id': '1', 'spanproof.delivery.requests': '[1]'} as attributes
            from spans
            """
        )
    finish(con)
    return con


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize(("parent", "depth"), [("case when i > 0 then i - 1 end", 9_999), ("case when i > 0 then 0 end", 1)])
def test_deep_and_wide_traces_are_no_trouble(parent: str, depth: int, cancelled: bool) -> None:
    con = shaped(10_000, parent, cancelled=cancelled)
    assert table(con, "select count(*), max(depth), count(distinct root_id) from tree") == f"10000 | {depth} | 1"
    # The ancestor that ends first is the parent: each ends before what it is inside of.
    first = "9999 | 9999" if cancelled else "0 | 0"
    assert table(con, "select count(anc_abort_span_id), count(*) filter (anc_abort_span_id = parent_span_id) from tree") == first
    assert table(con, "select count(*) from cancellations where delivered_seq = 1") == ("10000" if cancelled else "0")
