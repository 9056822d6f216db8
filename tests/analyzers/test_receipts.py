"""Receipts: from a request, down every way that it took, to the last cleanup; and who did not hear of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import connect, create_schema, load
from spanproof.analyzers.tinytrace_otlp import write
from tests.analyzers.traces import rows, table

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

STEPS = "select receipt_id, hop, what, name, since_ns // 1000000, by_name, detail from receipts order by receipt_id, seq, hop, name"


def tables(tmp_path: Path, *lines: str) -> duckdb.DuckDBPyConnection:
    """The lines of the tiny language, loaded together."""
    return load([write(tmp_path / f"{n}.json", f"{line} %n={n} %rec=r{n}") for n, line in enumerate(lines, 1)])


def test_a_receipt_from_the_request_to_the_last_cleanup(tmp_path: Path) -> None:
    con = tables(
        tmp_path,
        "m::0-200 p.p:m:0-100:!30#1@m s.a:p:0-60:!30>31^1#2@p,reg=close@5 b:a:0-50:!30>32^2#3@a c.close:p:70-90:raised",
    )
    assert table(con, STEPS) == rows("""
        1 | 0 | requested | pipeline p | 0 | task m | task_cancel
        1 | 0 | delivered | pipeline p | 0 | - | -
        1 | 1 | requested | stage a | 0 | pipeline p | task_cancel
        1 | 2 | requested | task b | 0 | stage a | task_cancel
        1 | 1 | delivered | stage a | 1 | - | -
        1 | 2 | delivered | task b | 2 | - | -
        1 | 2 | ended | task b | 20 | - | cancelled
        1 | 1 | ended | stage a | 30 | - | cancelled
        1 | 0 | cleanup started | pipeline p | 40 | - | close
        1 | 0 | cleanup failed | pipeline p | 60 | - | close
        1 | 0 | ended | pipeline p | 70 | - | cancelled""")
    assert table(con, "select request_id, from_request_id, hop, how from receipt_requests order by 1") == rows("""
        1 | - | 0 | first
        2 | 1 | 1 | via
        3 | 2 | 2 | via""")


def test_who_was_there_and_did_not_hear_of_it(tmp_path: Path) -> None:
    # Heard: a. Gone before: gone, but what it left is still there. Asked by somebody else: own. Came later: late.
    con = tables(
        tmp_path,
        "m::0-500 p.p:m:0-100:!50#1@m s.a:p:0-60:!55#2@p s.deaf:p:0-300 s.gone:p:0-20 left:gone:10-400 "
        "own:p:0-90:!40#9/timer late:p:70-80 below:deaf:0-300",
    )
    unheard = "select name, by_name, since_ns // 1000000, detail, (until_ns - time_ns) // 1000000 from receipts"
    assert table(con, f"{unheard} where what = 'unheard' and receipt_id = 1 order by name") == rows("""
        stage deaf | pipeline p | 0 | completed | 250
        task left | pipeline p | 0 | completed | 350""")
    assert table(con, "select receipt_id, count(*) from receipts group by 1 order by 1") == "1 | 8\n9 | 3"


def test_requests_made_by_hand_while_unwinding_belong_to_the_receipt(tmp_path: Path) -> None:
    con = tables(
        tmp_path,
        "m::0-500 a:m:0-100:!30#1@m b:a:0-90:!40#2@a c:m:0-300:!50#3@m d:m:0-400:!60#4~went_on@m e:d:0-450:!70#5@d",
    )
    assert table(con, "select receipt_id, request_id, from_request_id, how from receipt_requests order by 2") == rows("""
        1 | 1 | - | first
        1 | 2 | 1 | by hand
        3 | 3 | - | first
        4 | 4 | - | first
        5 | 5 | - | first""")


def test_a_request_that_was_consumed_taken_back_or_came_too_late(tmp_path: Path) -> None:
    con = tables(tmp_path, "k.k::0-60=t:!30%35#1/timer a::0-90=c:!30>-40#2 b::0-20:!30>*#3 c::0-90=c:!30~returned#4 d:k:0-50")
    assert table(con, "select receipt_id, what, detail from receipts where what <> 'requested' order by 1, seq, what") == rows("""
        1 | unheard | completed
        1 | delivered | -
        1 | consumed | timeout
        1 | ended | timed_out
        2 | withdrawn | -
        2 | ended | completed
        4 | delivered | -
        4 | swallowed | returned
        4 | ended | completed""")


def test_an_open_unit_and_a_request_that_was_not_read(tmp_path: Path) -> None:
    con = tables(tmp_path, "m::0-100 a:m:0-:!30>^77#2 %until=90 %torn")
    assert table(con, STEPS) == rows("""
        2 | 0 | requested | task a | 0 | - | task_cancel
        2 | 0 | open | task a | 60 | - | -""")


def test_the_numbers_of_two_processes_are_apart_and_a_receipt_may_cross_traces(tmp_path: Path) -> None:
    con = tables(tmp_path, "a::0-50:!30#1 b::0-60:!31^1#2", "a::0-50:!40#1")
    counts = "select resource_id, receipt_id, count(distinct trace_id), count(*) from receipts group by all order by all"
    assert table(con, counts) == rows("""
        1 | 1 | 2 | 6
        2 | 1 | 1 | 3""")


def test_requests_that_go_round_in_a_circle_or_come_from_themselves(tmp_path: Path) -> None:
    con = tables(tmp_path, "a::0-50:!30^1#1 b::0-60:!31^3#2 c::0-60:!32^2#3")
    # What comes from something later, or from itself, comes from nothing.
    assert table(con, "select receipt_id, request_id, hop from receipt_requests order by 2") == "1 | 1 | 0\n2 | 2 | 0\n2 | 3 | 1"


def test_a_receipt_of_a_program_that_ran(tmp_path: Path) -> None:
    import spanproof

    async def child() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(0.001)

    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(child())

    async def main() -> None:
        task = asyncio.create_task(parent())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with spanproof.session(out=tmp_path):
        asyncio.run(main())
    con = load([tmp_path])
    assert table(con, "select count(distinct receipt_id) from receipts") == "1"
    told = table(
        con,
        "select what, split_part(split_part(name, ' ', 2), '.', -1), count(*), any_value(by_name) is not null "
        "from receipts group by 1, 2 order by 2, 1",
    )
    assert told == rows("""
        delivered | child | 2 | no
        ended | child | 2 | no
        requested | child | 2 | yes
        delivered | parent | 1 | no
        ended | parent | 1 | no
        requested | parent | 1 | yes""")
    asked = con.execute("select file, line from receipts where what = 'requested' and hop = 0").fetchall()
    assert asked
    assert str(asked[0][0]).endswith("test_receipts.py")


def test_a_chain_of_ten_thousand_and_ten_thousand_at_once() -> None:
    con = connect()
    create_schema(con)
    con.execute(
        "insert into units by name select t as trace_id, i::VARCHAR as span_id, 'task ' || i as name, 'task' as unit, 1 as resource_id, "
        "case when i > 0 then case t when 'deep' then i - 1 else 0 end end::VARCHAR as parent_span_id, "
        "0 as start_ns, 0 as start_seq, 90000 - i as until_ns, 90000 - i as until_seq, false as is_open, 'cancelled' as outcome, "
        "40000 as first_request_seq from range(10000) n(i), (values ('deep'), ('wide')) shapes(t); "
        "insert into tree by name select trace_id, span_id, parent_span_id from units; "
        "insert into cancellations by name select trace_id, span_id, request_id, request_id + 30000 as time_ns, request_id + 30000 as seq, "
        "case when span_id <> '0' then case trace_id when 'deep' then request_id - 1 else 10000 end end as via, true as live "
        "from (select *, span_id::INT + case trace_id when 'deep' then 0 else 10000 end as request_id from units); "
        "insert into requests by name select trace_id, span_id, request_id, time_ns, seq, via, live from cancellations"
    )
    began = time.perf_counter()
    assert table(con, "select trace_id, receipt_id, count(*), max(hop) from receipts group by 1, 2 order by 1") == rows("""
        deep | 0 | 20000 | 9999
        wide | 10000 | 20000 | 1""")
    assert time.perf_counter() - began < 20
