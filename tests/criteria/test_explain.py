"""Explanations: the same data for JSON and for people, held by snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.explain import _who, about, explain, text
from spanproof.analyzers.words import duration, plural, quantity, unit_name

if TYPE_CHECKING:
    from tests.criteria.conftest import JudgeLines, Snapshot

STORIES = {
    "C02": "p.p::0-100  s.a:p:0-50:reg=close@10,file=flow.py,line=3",
    "C03": "p.p::0-300  s.a:p:0-50:reg=close@10  c.close:p:50-150=t:timed_out,budget=100",
    "D01": "p.p::0-900=f:block=600+500,file=flow.py,line=9  s.a:p:0-600=t:d100!600,!600/timer",
    "D02": "p.p::0-60=f  s.a:p:0-50=f:d30000,r=result/timed_out@50+error=slow,fail=TimeoutError  k.k:a:0-50=t:d50!,!50/timer%50",
    "L01": "m::0-100:main  b:m:0-50  a:b:0-105:!100/runner  %closing=100 %closed=110",
    "O01": "p.p::0-100  s.a:p:0-50  s.b:p:49-100:deps=a",
    "O02": "p.p::0-60=f:r=caller/failed@60  s.a:p:0-50=c:r=result/failed@50",
    "P01": "m::0-500:main  a:m:0-300:!50>200@m",
    "P02": "m::0-500:main,file=app.py,line=12  p.p:m:0-100=x:!90@m  s.a:p:0-400:file=flow.py,line=3",
    "P03": "a::0-100  b:a:10-  %until=400 %closed=400",
    "P04": "p.p::0-100=f  s.a:p:0-50=t:d50!,!50/timer,file=flow.py,line=3  s.b:p:0-:file=flow.py,line=9  %until=1000 %torn",
    "P05": "m::0-500:main,flag=p@50  p.p:m:0-400=x  s.a:p:0-149:  s.b:p:200-300",
    "P08": "m::0-500:main,w=a@0-400  a:m:0-400=c:!50@m~went_on,b200",
    "R01": "m::0-500:main  p.p:m:0-100=c:!50@m~returned  s.a:p:0-52:!50/stageflow@p",
    "R05": "a::0-60  f.get:a:0-  %until=100",
    "R07": "p.p::0-60  s.a:p:50-50=s:r=result/completed@50+error=open+by=breaker",
}


@pytest.mark.parametrize(
    ("span_id", "told"),
    [
        ("0000000000000003", "3"),
        ("0000000000000000", "0"),
        ("389d15aba7e697e3", "389d15aba7e697e3"),
        ("0cae94c338d2a308", "0cae94c338d2a308"),
    ],
)
def test_a_random_id_is_told_in_full(span_id: str, told: str) -> None:
    assert f"(span {told})" in _who(span_id, "stage b", [], 0)


def test_every_criterion_has_a_story() -> None:
    assert set(STORIES) == set(catalogue())


@pytest.mark.parametrize("criterion", sorted(STORIES))
def test_stories(judge_lines: JudgeLines, snapshot: Snapshot, criterion: str) -> None:
    result = judge_lines(STORIES[criterion])[criterion]
    shown = "\n\n".join(text(explain(finding, result.header)) for finding in result.violations)
    assert all(len(line) <= 110 for line in shown.splitlines())
    snapshot(f"story-{criterion}", shown + "\n")


def test_a_consequence_names_its_cause_and_a_known_one_its_state(judge_lines: JudgeLines) -> None:
    report = judge_lines("p.p::0-60  s.a:p:0-55=c:d50!,!50/timer~returned,!51/taskgroup%52  s.b:p:0-50")
    cause, consequence = report["P08"].violations[0], report["R01"].violations[0]
    assert f"From:   finding {cause.fingerprint}" in text(explain(consequence, report["R01"].header))
    consequence.state = "baselined"
    assert text(explain(consequence, report["R01"].header)).startswith("R01 silent-timeout: error, baselined")
    shown = text(explain(cause, report["P08"].header), width=60)
    assert "Also:   R01 follows from it" in shown
    assert "in A the request ended lawfully, by taskgroup" in shown


def test_about_a_criterion(snapshot: Snapshot) -> None:
    snapshot("about-P02", about(catalogue()["P02"].header) + "\n")


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0 ms"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (12_500, "12.5 µs"),
        (999_600, "1 ms"),
        (1_230_000, "1.23 ms"),
        (100_000_000, "100 ms"),
        (1_200_000_000, "1.2 s"),
        (61_000_000_000, "61 s"),
        (1_000_000_000_000, "1000 s"),
        (-5_000_000, "-5 ms"),
    ],
)
def test_durations(ns: int, words: str) -> None:
    assert duration(ns) == words


def test_words() -> None:
    assert quantity(None, "ns") == "none"
    assert quantity(3, None) == "3"
    assert quantity(0.5, "s") == "0.5 s"
    assert unit_name("stage a b") == "stage 'a b'"
    assert unit_name("GET /x") == "'GET /x'"
    assert plural(1, "trace") == "1 trace"
    assert plural(1200, "trace") == "1,200 traces"
