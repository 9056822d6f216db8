"""The way of a request down to who did not hear of it, the sentence that ties the rule to the case, the stretch that it ran on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.explain import Explanation, explain, html, markdown, text
from tests.criteria.test_implies import one

if TYPE_CHECKING:
    from spanproof.analyzers.report import Report
    from tests.criteria.conftest import JudgeLines

BY_HAND = (
    "m::0-900:main,file=app.py,line=40  r:m:0-120=x:!80#1@m,file=app.py,line=20  p.p:r:0-100=x:!85#2@r  s.a:p:0-95=x:!86#3^2"
    "  s.b:p:0-400:file=flow.py,line=3"
)
"""m cancels r, which cancels its pipeline while it unwinds; stage b is not asked."""

DEEP = "m::0-900:main  r:m:0-120=x:!80#1@m  p.p:r:0-100=x:!85#2@r  s.a:p:0-99=x:!86#3^2  x:a:1-98=x:!87#4^3  y:x:2-700:file=a.py,line=9"
"""Handed on down a chain of awaits: to r, p, a, x; y, which x began, is not asked."""


def told(report: Report, criterion: str, subject: str) -> Explanation:
    return explain(one(report, criterion, subject), report[criterion].header)


def test_from_who_asked_down_to_who_did_not_hear_of_it(judge_lines: JudgeLines) -> None:
    story = [fact.text for fact in told(judge_lines(BY_HAND), "P02", "stage b").story]
    wanted = [
        "task 'r' was asked to stop by task 'm'",
        "task 'r' got the cancellation",
        "A was asked to stop by task 'r'",
        "A ended as cancelled",
        "B was still at work, and nobody had asked it to stop",
        "B completed",
    ]
    assert [line for line in story if line in wanted] == wanted


def test_down_a_chain_of_awaits(judge_lines: JudgeLines) -> None:
    evidence = one(judge_lines(DEEP), "P02", "task y").evidence
    asked = [item.unit for item in evidence if item.event == "cancel.requested"]
    assert asked == ["task r", "pipeline p", "stage a", "task x"]
    assert [item.unit for item in evidence if item.event == "unheard"] == ["task y"]


def test_who_was_asked_is_not_told_as_unheard(judge_lines: JudgeLines) -> None:
    evidence = one(judge_lines("m::0-500:main  a:m:0-300:!50>200@m"), "P01", "task a").evidence
    assert "unheard" not in {item.event for item in evidence}


def test_a_chain_has_an_end(judge_lines: JudgeLines) -> None:
    """A request that is handed on twenty times is told for its last six."""
    tasks = "  ".join(f"t{n}:t{n - 1}:0-{100 - n}=x:!50#{n}^{n - 1}" for n in range(2, 21))
    evidence = one(judge_lines(f"m::0-900:main  t1:m:0-99=x:!50#1@m  {tasks}  y:t20:0-700"), "P02", "task y").evidence
    asked = {item.unit for item in evidence if item.event == "cancel.requested"}
    assert asked == {f"task t{n}" for n in range(14, 21)}


@pytest.mark.parametrize(
    ("line", "criterion", "subject", "because", "ran"),
    [
        (BY_HAND, "P02", "stage b", "at 100 ms A ended as cancelled, so B, which is below", "from 100 ms to 400 ms, for 300 ms"),
        (
            "p.p::0-100=f  s.a:p:0-50=t:d50!,!50/timer  s.b:p:0-  %until=1000 %torn",
            "P04",
            "stage b",
            "at 100 ms pipeline 'p' was aborted from inside, because of A, so B",
            "from 100 ms to 1 s, for 900 ms; no end of it was recorded",
        ),
        (
            "m::0-2000:main,flag=p@500  p.p:m:0-1900=x:read=p@1800  s.a:p:0-1800",
            "P09",
            "stage a",
            "at 500 ms A was flagged as cancelled by task 'm', so B",
            "from 500 ms to 1.8 s, for 1.3 s",
        ),
        ("m::0-500:main  a:m:0-300:!50>200@m", "P01", "task a", "at 50 ms B was asked to stop by A", "from 50 ms to 200 ms, for 150 ms"),
        (
            "p.p::0-900=f:block=600+500  s.a:p:0-600=t:d100!600,!600/timer",
            "D01",
            "stage a",
            "at 0 ms B was given a deadline of 100 ms, so it had to be over, or cut, by 100 ms",
            "from 100 ms to 600 ms, for 500 ms",
        ),
    ],
)  # fmt: skip
def test_the_rule_is_tied_to_the_case(judge_lines: JudgeLines, line: str, criterion: str, subject: str, because: str, ran: str) -> None:
    report = judge_lines(line)
    found = told(report, criterion, subject)
    assert found.because.startswith(because)
    assert found.ran is not None
    assert found.ran.startswith(ran)
    data = next(each for each in report.to_dict()["criteria"] if each["id"] == criterion)["violations"][0]["explanation"]
    assert (data["because"], data["ran_on"]) == (found.because, found.ran)
    assert all("Because" in form(found) and "Ran on" in form(found) for form in (text, html, markdown))


def test_what_has_no_such_moment_says_why_it_matters(judge_lines: JudgeLines) -> None:
    report = judge_lines("p.p::0-100  s.a:p:0-50  s.b:p:49-100:deps=a")
    found = told(report, "O01", "stage b")
    assert found.because == report["O01"].header.texts["why"]
    assert found.ran is None
