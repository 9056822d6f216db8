"""Told once: what follows from what, and that things that merely happened together do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanproof.analyzers.finding import Finding
    from spanproof.analyzers.report import Report
    from tests.criteria.conftest import JudgeLines


def one(report: Report, criterion: str, subject: str) -> Finding:
    (found,) = [finding for finding in report[criterion].violations if finding.subject == subject]
    return found


def test_on_one_subject(judge_lines: JudgeLines) -> None:
    report = judge_lines("p.p::0-60  s.a:p:0-55=c:d50!,!50/timer~returned")
    cause, consequence = one(report, "P08", "stage a"), one(report, "R01", "stage a")
    assert consequence.implied_by == cause.fingerprint
    assert cause.also == ["R01"]
    assert cause.implied_by is None


def test_along_the_chain_of_causes(judge_lines: JudgeLines) -> None:
    """The stage was not asked; that its child pipeline starts late, and outlives things, follows."""
    report = judge_lines("p.p::0-50=f  s.a:p:0-50=f  s.b:p:0-400  u.u:b:200-300  p.q:u:200-300")
    cause = one(report, "P04", "stage b")
    assert one(report, "P05", "pipeline q").implied_by == cause.fingerprint
    assert one(report, "P03", "stage b").implied_by == cause.fingerprint
    assert cause.also == ["P03", "P05"]


def test_a_consequence_of_a_consequence_is_told_by_both(judge_lines: JudgeLines) -> None:
    report = judge_lines("m::0-100:main  p.p:m:0-50=f  s.a:p:0-50=f  s.b:p:0-105:!100/runner  %closing=100 %closed=110")
    assert one(report, "P04", "stage b").also == ["L01", "P03"]


def test_never_because_both_happened(judge_lines: JudgeLines) -> None:
    """Two runs side by side: the orphan of one is not the fault of the sibling of the other."""
    report = judge_lines("p.p::0-50=f  s.a:p:0-50=f  s.b:p:0-55  s.c:p:0-400  x::0-100  y:x:0-400")
    assert one(report, "P03", "task y").implied_by is None
    assert one(report, "P04", "stage c").also == ["P03"]


def test_an_ignored_cause_brings_its_consequences_forward(judge_lines: JudgeLines) -> None:
    line = "p.p::0-60  s.a:p:0-55=c:d50!,!50/timer~returned"
    assert one(judge_lines(line, ignore=["P08"]), "R01", "stage a").implied_by is None


def test_a_cause_in_another_trace_of_the_same_recording(judge_lines: JudgeLines) -> None:
    """Main's own task keeps the loop busy; a run that is a trace of its own pays for it."""
    line = "m::0-900:main,block=600+500  p.p::0-700=f  s.a:p:0-600=t:d100!600,!600/timer"
    report = judge_lines(line)
    cause, consequence = one(report, "T03", "task m"), one(report, "D01", "stage a")
    assert cause.trace_id != consequence.trace_id
    assert consequence.implied_by == cause.fingerprint
    assert "D01" in cause.also


def test_never_a_cause_in_another_recording(judge_lines: JudgeLines) -> None:
    """The ids of spans are the same in both files; each run pays for what its own process did."""
    blocked = "m::0-900:main,block=600+500  p.p::0-700=f  s.a:p:0-600=t:d100!600,!600/timer"
    report = judge_lines(blocked, blocked)
    assert len(report["D01"].violations) == 2
    for consequence in report["D01"].violations:
        (cause,) = [each for each in report["T03"].violations if each.file == consequence.file]
        assert consequence.cause_trace_id == cause.trace_id
