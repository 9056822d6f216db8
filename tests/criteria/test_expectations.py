"""Expectations travel in the trace: what they match, for which versions, and what becomes of those that are not met."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.criteria.conftest import JudgeLines

ORPHAN = "p.p::0-50=f  s.a:p:0-50=t:d50!,!50/timer  s.b:p:0-400"


def expecting(line: str = ORPHAN, scenario: str = "parallel/timeout", **expectation: object) -> str:
    # Words of a line have no spaces; JSON can write them otherwise.
    text = json.dumps({"criterion": "P04", "subject": "stage b", **expectation}, separators=(",", ":")).replace(" ", "\\u0020")
    return f"{line} %expect={text}" + (f" %scenario={scenario}" if scenario else "")


@pytest.mark.parametrize(
    "versions",
    [
        {},
        {"library": ""},
        {"library": "==1.2.0"},
        {"library": ">=1.2,<1.3"},
        {"library": "stageflow-core>=1.2,<2"},
        {"python": ">=3.11"},
        {"library": ">=1.2", "python": "==3.13.*", "count": 1},
        {"why": "words for people"},
    ],
)
def test_it_applies(judge_lines: JudgeLines, versions: dict[str, Any]) -> None:
    report = judge_lines(expecting(**versions), select=["P04"])
    assert [finding.state for finding in report.findings] == ["expected"]
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1
    assert report.unmet == []
    assert report.to_dict()["findings"]["expected"] == 1


@pytest.mark.parametrize("versions", [{"library": ">=2"}, {"library": "anyio>=4"}, {"python": "<3.12"}])
def test_other_versions_are_neither_expected_nor_unmet(judge_lines: JudgeLines, versions: dict[str, Any]) -> None:
    report = judge_lines(expecting(**versions), select=["P04"])
    assert [finding.state for finding in report.findings] == ["new"]
    assert report.unmet == []


@pytest.mark.parametrize("other", [{"criterion": "P03"}, {"subject": "stage a"}])
def test_what_is_not_seen_is_unmet(judge_lines: JudgeLines, other: dict[str, Any]) -> None:
    report = judge_lines(expecting(**other), select=["P04", "P03"], ignore=["P03"] if "subject" in other else [])
    unmet = report.to_dict()["unmet_expectations"]
    if "subject" in other:
        assert [(item["criterion"], item["subject"], item["seen"]) for item in unmet] == [("P04", "stage a", 0)]
        assert [finding.state for finding in report.findings] == ["new"]
    else:
        assert [(f.criterion, f.state) for f in report.findings] == [("P03", "expected"), ("P04", "new")]


def test_of_more_than_expected_the_surplus_is_new(judge_lines: JudgeLines) -> None:
    line = "p.p::0-50=f  s.a:p:0-50=f  s.b:p:0-400  s.b#2:p:20-400"
    assert [f.state for f in judge_lines(expecting(line, count=1), select=["P04"]).findings] == ["expected", "new"]
    assert [f.state for f in judge_lines(expecting(line), select=["P04"]).findings] == ["expected", "expected"]


def test_of_fewer_than_expected_some_are_unmet(judge_lines: JudgeLines) -> None:
    report = judge_lines(expecting(count=2), select=["P04"])
    assert [(item["count"], item["seen"]) for item in report.unmet] == [(2, 1)]
    assert [f.state for f in report.findings] == ["expected"]


def test_a_criterion_that_was_not_judged_is_not_unmet(judge_lines: JudgeLines) -> None:
    assert judge_lines(expecting(), select=["D01"]).unmet == []


def test_only_scenarios_expect(judge_lines: JudgeLines) -> None:
    report = judge_lines(expecting(scenario=""), select=["P04"])
    assert [f.state for f in report.findings] == ["new"]


def test_only_in_their_own_recording(judge_lines: JudgeLines) -> None:
    report = judge_lines(expecting(), f"{ORPHAN} %scenario=another", select=["P04"])
    assert [(f.file, f.state) for f in report.findings] == [("1.json", "expected"), ("2.json", "new")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "cannot be read: Expecting value"),
        ("[]", "it is no JSON object"),
        ('{"criterion":"P04"}', "it lacks the text 'criterion' or 'subject'"),
        ('{"criterion":"P04","subject":"x","library":"=>1"}', "cannot be read: Invalid specifier"),
    ],
)
def test_one_that_cannot_be_read_is_unmet(judge_lines: JudgeLines, text: str, problem: str) -> None:
    report = judge_lines(f"{ORPHAN} %scenario=s %expect={text}", select=["P04"])
    (unmet,) = report.unmet
    assert problem in unmet["problem"]
    assert text in unmet["problem"]
