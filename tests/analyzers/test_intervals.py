"""The views over stretches of time, against an oracle that counts millisecond by millisecond; and on traces that are wide."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest

from spanproof.analyzers import connect, create_schema, load
from spanproof.analyzers.tinytrace_otlp import write
from tests.analyzers.traces import T0, loaded, ns, recording, rows, table, unit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb

KINDS = ["stage", "task", "scope", None]


class Piece(NamedTuple):
    """A unit: `[start, until)` in ms."""

    number: int
    parent: int | None
    kind: str | None
    start: int
    until: int


def pieces(seed: int) -> list[Piece]:
    """Random units; many touch, have no length, or stick out of their parents."""
    chance = random.Random(seed)
    found: list[Piece] = []
    for number in range(1, chance.randrange(2, 10)):
        start = chance.randrange(12)
        parent = chance.choice([None, *range(1, number)])
        found.append(Piece(number, parent, chance.choice(KINDS), start, start + chance.choice([0, 1, 2, 3, 7])))
    return found


def stretches(cells: Iterable[int]) -> list[tuple[int, int]]:
    """Cells of one ms as stretches without a break."""
    found: list[tuple[int, int]] = []
    for cell in sorted(cells):
        if found and found[-1][1] == cell:
            found[-1] = (found[-1][0], cell + 1)
        else:
            found.append((cell, cell + 1))
    return found


def cells(piece: Piece) -> set[int]:
    """The milliseconds in which a unit was there."""
    return set(range(piece.start, piece.until))


def asked(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    """The rows of a query, in their order."""
    return con.execute(sql).fetchall()


@pytest.mark.parametrize("seed", range(40))
def test_the_views_count_as_the_oracle_does(tmp_path: Path, seed: int) -> None:
    made = pieces(seed)
    con = loaded(
        tmp_path,
        recording(30),
        *(unit(p.kind, p.number, p.start, p.until, parent=p.parent, name=f"u{p.number}") for p in made),
    )
    union = stretches(set[int]().union(*map(cells, made)))
    assert asked(con, "select ms(start_ns), ms(end_ns) from busy order by stretch") == union
    assert asked(con, "select stretch from busy order by 1") == [(number,) for number in range(1, len(union) + 1)]
    ours = [piece for piece in made if piece.kind]
    assert asked(con, "select ms(start_ns), ms(end_ns) from loop_busy order by stretch") == stretches(set[int]().union(*map(cells, ours)))

    gaps = [
        (piece.number, *stretch)
        for piece in made
        for stretch in stretches(cells(piece) - set[int]().union(*(cells(child) for child in made if child.parent == piece.number)))
    ]
    assert asked(con, "select name[2:]::INT, ms(start_ns), ms(end_ns) from gaps order by 1, 2") == gaps

    pairs = sorted(
        (a.number, b.number, len(cells(a) & cells(b)))
        for a in made
        for b in made
        if a.parent is not None and a.parent == b.parent and a.number < b.number and cells(a) & cells(b)
    )
    found = "select least(name[2:]::INT, other_name[2:]::INT), greatest(name[2:]::INT, other_name[2:]::INT), took_ns // 1000000"
    assert asked(con, f"{found} from overlapping order by 1, 2") == pairs
    assert asked(con, "select count(*) from overlapping where end_ns - start_ns <> took_ns or start_ns >= end_ns") == [(0,)]

    open_units: dict[tuple[str, int], int] = defaultdict(int)
    for piece in made:
        for cell in cells(piece):
            open_units[piece.kind or "foreign", cell] += 1
            open_units["all", cell] += 1
    levels = asked(con, "select kind, ms(start_ns), ms(end_ns), open_units from concurrency order by kind, start_ns")
    assert {(kind, cell): number for kind, start, end, number in levels for cell in range(int(str(start)), int(str(end)))} == open_units
    # As few rows as can be: the number changes from one to the next.
    assert all(a[0] != b[0] or a[2] != b[1] or a[3] != b[3] for a, b in pairwise(levels))


def test_an_open_unit_reaches_to_the_end_of_knowledge_and_a_clock_that_went_back_takes_no_time(tmp_path: Path) -> None:
    con = load([write(tmp_path / "t.json", "a::0- b:a:10-20 c:a:15- k.k:a:18-19 %until=40")])
    con.execute(f"create macro ms(at_ns) as (at_ns - {asked(con, 'select min(start_ns) from units')[0][0]}) // 1000000")
    assert table(con, "select name, ms(start_ns), ms(end_ns) from gaps where name <> 'program tiny' order by 1, 2") == rows("""
        task a | 0 | 10
        task b | 10 | 20
        task c | 15 | 40
        timeout k | 18 | 19""")
    assert table(con, "select name, other_name, took_ns // 1000000 from overlapping order by 1, 2") == rows("""
        task b | task c | 5
        task b | timeout k | 1
        task c | timeout k | 1""")

    back = loaded(tmp_path, recording(30), unit("task", 1, 10, 5), unit("task", 2, 7, 9))
    assert table(back, "select ms(start_ns), ms(end_ns), units from busy") == "7 | 9 | 1"
    assert table(back, "select span_id from gaps") == "2"


def test_traces_and_loops_are_counted_apart(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        recording(30),
        unit("task", 1, 0, 10),
        unit("task", 2, 5, 12, trace="c" * 32),
        unit("task", 3, 20, 25, trace="c" * 32, loop=2),
    )
    assert table(con, "select trace_id[1], stretch, ms(start_ns), ms(end_ns), units from busy order by 1, 2") == rows("""
        a | 1 | 0 | 10 | 1
        c | 1 | 5 | 12 | 1
        c | 2 | 20 | 25 | 1""")
    assert table(con, "select loop_id, stretch, ms(start_ns), ms(end_ns), units from loop_busy order by 1, 2") == rows("""
        1 | 1 | 0 | 12 | 2
        2 | 1 | 20 | 25 | 1""")
    assert table(con, "select max(open_units) from concurrency") == "1"


def test_ten_thousand_siblings_side_by_side_take_no_time_but_as_pairs() -> None:
    con = connect()
    create_schema(con)
    con.execute(
        "insert into units by name select 't' as trace_id, i::VARCHAR as span_id, case when i > 0 then '0' end as parent_span_id, "
        f"'task' as unit, 'task ' || i as name, 1 as resource_id, 1 as loop_id, {T0} + i as start_ns, {ns(50)} - i as until_ns "
        "from range(10001) t(i)"
    )
    began = time.perf_counter()
    assert asked(con, "select count(*), max(open_units) from concurrency where kind = 'all'") == [(20001, 10001)]
    assert asked(con, "select took_ns from gaps where span_id = '0' order by start_ns") == [(1,), (1,)]
    assert asked(con, "select units from busy") == [(10001,)]
    assert time.perf_counter() - began < 5
