"""Explanations: the same data for JSON and for people, held by snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.explain import _who, about, explain, text
from spanproof.analyzers.words import duration, plural, quantity, unit_name
from tests.criteria.cases import stories

if TYPE_CHECKING:
    from tests.criteria.conftest import JudgeLines, Snapshot

STORIES = stories()


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
    assert f"From:    finding {cause.fingerprint}" in text(explain(consequence, report["R01"].header))
    consequence.state = "baselined"
    assert text(explain(consequence, report["R01"].header)).startswith("R01 silent-timeout: error, baselined")
    shown = text(explain(cause, report["P08"].header), width=60)
    assert "Also:    R01 follows from it" in shown
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
