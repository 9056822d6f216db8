"""The tiny language: what a line means in the tables, and what is said of words that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace import TinyTraceError, ns, parse
from spanproof.analyzers.tinytrace_facts import EPOCH
from spanproof.analyzers.tinytrace_otlp import expand, span_ids, write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_example_of_the_design(tmp_path: Path) -> None:
    con = load([write(tmp_path / "t.json", "a::0-50:!30 b:a:5-400")])
    rows = con.execute(
        "select name, unit, parent_span_id, start_ns, end_ns, outcome, first_request_ns from units where unit <> 'program' order by name"
    )
    ms = 1_000_000
    assert rows.fetchall() == [
        ("task a", "task", None, EPOCH, EPOCH + 50 * ms, "cancelled", EPOCH + 30 * ms),
        ("task b", "task", span_ids("a::0-50 b:a:5-400")["a"], EPOCH + 5 * ms, EPOCH + 400 * ms, "completed", None),
    ]
    assert con.execute("select count(*) from problems").fetchone() == (0,)


def test_everything_at_once_reads_without_a_problem(tmp_path: Path) -> None:
    line = (
        "m::0-600:main,flag=p@30,block=300+250! p.p:m:0-500=x:!90>95#7@m "
        "s.a:p:0-60=t:d50!55,!55/timer^7,reg=close@5,reg=undo@6,unreg=undo@7,drop=lost@8,file=x.py,line=3 "
        "s.b#2:p:10-10=k:r=result/completed@10+data+by=x+error=boom+stage=b,deps=a "
        "c.close:p:60-70=f:raised,budget=5,fail=ValueError u.u:p:80-90 k.k:m:0-40=t:d40!/wait_for,d45-41,!40/timer%40 "
        "t:m:0-100:w=k2@5-10/gather,w=k2@11-,callback,creator=,group=m,b90 k2:m:0-100=c:!20-25,!30~went_on,!40*,never "
        "f.get:m:0- x::0-:detached,creator=m,loop=2 "
        "%session %virtual %until=900 %closing=700 %closed=800 %loop2closed=850 %dropped=3 %python=3.12.0 "
        "%lib=stageflow-core==1.3.0 %scenario=s %lost=watchdog"
    )
    con = load([write(tmp_path / "t.json", line)])
    assert con.execute("select what from problems where severity in ('error', 'notice')").fetchall() == []
    assert con.execute("select count(*) from units").fetchone() == (12,)
    assert con.execute("select closed_ns from loops order by loop_id").fetchall() == [(EPOCH + 800_000_000,), (EPOCH + 850_000_000,)]
    assert con.execute("select name, dropped, failure from cleanups order by name").fetchall() == [
        ("close", False, "raised"),
        ("lost", True, None),
        ("undo", False, None),
    ]


def test_of_one_instant_ends_come_before_starts_and_inner_ends_before_outer(tmp_path: Path) -> None:
    con = load([write(tmp_path / "t.json", "a::0-50 b:a:0-50 c:b:50-50 d::50-60")])
    seqs = dict(con.execute("select name, (start_seq, end_seq) from units where unit = 'task'").fetchall())
    assert seqs["task b"][1] < seqs["task a"][1] < seqs["task c"][0] < seqs["task d"][0] < seqs["task c"][1]


def test_numbers_keep_lines_apart() -> None:
    assert expand("a::0-1 %n=1") != expand("a::0-1 %n=2")
    assert expand("a::0-1") == expand("a::0-1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a", "'a' is no unit. Expected [kind.]name:[parent]:start-[end][=outcome][:facts]"),
        ("a::0-1 a::0-1", "a is there twice"),
        ("b:a:0-1", "its parent 'a' is none of b"),
        ("a:a:0-1", "a is above itself"),
        ("a:b:0-1 b:a:0-1 c:a:0-1", "a is above itself"),
        ("a::0-1:hm", "'hm' of a is no fact that is known"),
        ("a::0-1:!1?", "'?' in '!1?' is unknown"),
        ("a::0-1:!1@b", "'b' is no unit of the line. Units: a."),
        ("a::0.0000001-1", "'0.0000001' is finer than a nanosecond"),
        ("a::0..1-1", "'0..1' is no time"),
    ],
)
def test_what_cannot_be_read(line: str, message: str) -> None:
    with pytest.raises(TinyTraceError) as caught:
        expand(line)
    assert message in str(caught.value)


def test_times_are_exact() -> None:
    assert ns("110.000001") == 110_000_001
    assert parse("a::0.1-0.3").units["a"].end == 300_000
