"""The view `audit`: one row for each timeout and cancellation that happened, and none for what did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanproof.analyzers import load
from spanproof.analyzers.tinytrace_otlp import write
from tests.analyzers.traces import rows, table

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

BRIEF = (
    "select kind, name, run, mechanism, by_name, (requested_ns - (select min(start_ns) from units)) // 1000000, "
    "(delivered_ns - requested_ns) // 1000000, cleanup_ns // 1000000, consumed_by, swallowed_how, outcome from audit order by all"
)


def tables(tmp_path: Path, line: str) -> duckdb.DuckDBPyConnection:
    return load([write(tmp_path / "1.json", line)])


def test_a_timeout_and_what_came_of_it(tmp_path: Path) -> None:
    con = tables(tmp_path, "m::0-500 p.p:m:0-200=f s.a:p:0-150=t:d100!,!100>110/timer s.b:p:0-80:d100-80")
    assert table(con, BRIEF) == rows("timeout | stage a | pipeline p | timer | - | 100 | 10 | 40 | - | - | timed_out")
    assert table(con, "select timeout_ns // 1000000, deadline_ns = expired_ns, request_id is not null from audit") == rows(
        "100 | yes | yes"
    )


def test_a_cancellation_by_somebody_handed_on_and_swallowed(tmp_path: Path) -> None:
    con = tables(tmp_path, "m::0-500 a:m:0-400=c:!50>60#1@m~ b:a:0-80:!50>55^1#2@a c:m:0-90:!70>75/timer@m%80")
    assert table(con, BRIEF) == rows("""
        cancellation | task a | - | task_cancel | task m | 50 | 10 | 340 | - | returned | completed
        cancellation | task b | - | task_cancel | task a | 50 | 5 | 25 | - | - | cancelled
        timeout | task c | - | timer | task m | 70 | 5 | 5 | timeout | - | completed""")
    assert table(con, "select name, via from audit where via is not null") == rows("task b | 1")


def test_a_timer_that_ran_and_asked_nobody_is_told_too(tmp_path: Path) -> None:
    con = tables(tmp_path, "m::0-500 k.k:m:0-200:d100!")
    assert table(con, "select kind, name, request_id, expired_ns = deadline_ns from audit") == rows("timeout | timeout k | - | yes")


def test_what_did_not_happen_is_not_told(tmp_path: Path) -> None:
    # A deadline that was taken off, and a request to a task that was done.
    con = tables(tmp_path, "m::0-500 k.k:m:0-50:d100-50 a:m:0-40:!60*@m")
    assert table(con, "select count(*) from audit") == "0"


def test_callbacks_of_the_run_that_began_after_it(tmp_path: Path) -> None:
    con = tables(
        tmp_path,
        "m::0-500 p.p:m:0-100:!30@m s.a:p:0-20:reg=early@5,reg=late@6 c.early:p:10-15 c.late:p:40-60:raised",
    )
    assert table(con, "select name, callbacks, callbacks_failed from audit") == rows("pipeline p | 1 | 1")
