"""What is known already: suppressions with a reason, and the baseline. Both hide what they match, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import baseline, suppressions
from spanproof.analyzers.cataloguing import UnknownCriterionError

if TYPE_CHECKING:
    from pathlib import Path

    from spanproof.analyzers.report import Report
    from tests.criteria.conftest import JudgeLines

ORPHAN = "p.p::0-50=f  s.a:p:0-50=t:d50!,!50/timer  s.stock1:p:0-400:file=shop.py,line=9,func=Shop.stock"
CLEAN = "m::0-100:main  a:m:0-90:!50@m"


def states(report: Report) -> dict[str, str]:
    return {finding.criterion: finding.state for finding in report.findings}


@pytest.mark.parametrize(
    "rule",
    [
        {"criterion": "P04"},
        {"criterion": "sibling-not-cancelled", "subject": "stage stock1"},
        {"criterion": "P04", "subject": "stage stock*", "file": "shop.*", "function": "Shop.*"},
    ],
)
def test_a_rule_hides_what_it_matches_and_nothing_else(judge_lines: JudgeLines, rule: dict[str, str]) -> None:
    report = judge_lines(ORPHAN, select=["P03", "P04"])
    suppressions.apply(report, suppressions.parse([{**rule, "reason": "it ends by itself"}]))
    assert states(report) == {"P03": "new", "P04": "suppressed"}
    assert report.unmatched_suppressions == []
    # What follows from it is not what the rule is about.
    assert report.exit_code() == 1
    assert report.to_dict()["findings"]["suppressed"] == 1


@pytest.mark.parametrize(
    "rule", [{"subject": "stage stock?"}, {"file": "shop.py"}, {"function": "Shop.stock"}, {"criterion": "P"}, {"criterion": "error"}]
)
def test_a_rule_without_a_criterion_or_on_a_family_hides_all_of_them(judge_lines: JudgeLines, rule: dict[str, str]) -> None:
    report = judge_lines(ORPHAN, select=["P03", "P04"])
    suppressions.apply(report, suppressions.parse([{**rule, "reason": "known"}]))
    assert set(states(report).values()) == {"suppressed"}
    assert report.status() == "ok"


def test_by_fingerprint(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN)
    wanted = report["P04"].violations[0].fingerprint
    suppressions.apply(report, suppressions.parse([{"fingerprint": wanted, "reason": "known"}]))
    assert {finding.fingerprint for finding in report.findings if finding.state == "suppressed"} == {wanted}


@pytest.mark.parametrize(
    "rule",
    [
        {"criterion": "P02"},
        {"subject": "stage nobody"},
        {"file": "other.py"},
        {"function": "Shop"},
        {"criterion": "P04", "subject": "stage"},
    ],
)
def test_a_rule_that_matches_nothing_is_told_and_fails_nothing(judge_lines: JudgeLines, rule: dict[str, str]) -> None:
    report = judge_lines(ORPHAN, select=["P03", "P04", "P02"])
    report["P02"].violations.clear()
    suppressions.apply(report, suppressions.parse([{**rule, "reason": "known"}]))
    assert report.unmatched_suppressions == [{**rule, "reason": "known"}]
    assert set(states(report).values()) == {"new"}
    clean = judge_lines(CLEAN)
    suppressions.apply(clean, suppressions.parse([{**rule, "reason": "known"}]))
    assert clean.unmatched_suppressions
    assert clean.exit_code() == 0


def test_a_rule_on_what_was_not_judged_says_nothing(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN, select=["P03"])
    suppressions.apply(report, suppressions.parse([{"criterion": "P04", "reason": "known"}]))
    assert report.unmatched_suppressions == []


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"criterion": "P04"}], r"suppress\[0\]: a suppression needs a reason"),
        (
            [{"criterion": "P04", "reason": "x"}, {"criterion": "P04", "reason": " "}],
            r"suppress\[1\]: reason must be a text that is not empty",
        ),
        ([{"reason": "x"}], r"suppress\[0\]: it says not which findings"),
        ([{"criterion": "P04", "subjekt": "x", "reason": "x"}], "'subjekt' is no key of a suppression. Keys: criterion, subject"),
        ([{"criterion": 4, "reason": "x"}], "criterion must be a text"),
        (["P04"], "must be a table such as"),
        ("P04", "must be a list of tables"),
    ],
)
def test_rules_that_cannot_be_used(rules: Any, message: str) -> None:
    with pytest.raises(suppressions.SuppressionError, match=message):
        suppressions.parse(rules)


def test_a_rule_on_a_criterion_that_does_not_exist(judge_lines: JudgeLines) -> None:
    with pytest.raises(UnknownCriterionError, match="P99"):
        suppressions.apply(judge_lines(CLEAN), suppressions.parse([{"criterion": "P99", "reason": "x"}]))


def test_a_baseline_knows_what_was_there(judge_lines: JudgeLines, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    first = judge_lines(ORPHAN)
    number = baseline.write(first, file)
    assert number == len({finding.fingerprint for finding in first.findings}) > 1
    assert first.exit_code() == 0
    assert set(states(first).values()) == {"baselined"}
    # Other times and another trace, the same finding; a new one beside it.
    later = judge_lines(CLEAN, ORPHAN.replace("0-400", "0-900").replace("line=9", "line=99"), ORPHAN.replace("stock1", "price"))
    baseline.apply(later, file)
    assert {(finding.subject, finding.state) for finding in later.findings} == {("stage stock1", "baselined"), ("stage price", "new")}
    assert later.exit_code() == 1
    assert later.unmatched_baseline == []


def test_what_is_no_more_there_is_told(judge_lines: JudgeLines, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    entries = [{"criterion": f.criterion, "fingerprint": f.fingerprint} for f in judge_lines(ORPHAN).findings]
    baseline.write(judge_lines(ORPHAN), file)
    fixed = judge_lines(CLEAN)
    baseline.apply(fixed, file)
    gone = [{"criterion": e["criterion"], "fingerprint": e["fingerprint"]} for e in fixed.unmatched_baseline]
    assert sorted(gone, key=str) == sorted(entries, key=str)
    assert fixed.exit_code() == 0
    partly = judge_lines(CLEAN, select=["P04"])
    baseline.apply(partly, file)
    assert {entry["criterion"] for entry in partly.unmatched_baseline} == {"P04"}


def test_the_file_is_for_people_too(judge_lines: JudgeLines, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    baseline.write(judge_lines(ORPHAN, ORPHAN), file)
    content = json.loads(file.read_text())
    assert (content["kind"], content["version"]) == ("spanproof baseline", 1)
    found = [(entry["criterion"], entry["subject"]) for entry in content["findings"]]
    assert found == sorted(set(found))
    assert all("stage 'stock1'" in entry["message"] for entry in content["findings"])
    before = file.read_bytes()
    baseline.write(judge_lines(ORPHAN, ORPHAN), file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if "known" in path.name] == ["known.json"]


def test_what_is_suppressed_or_expected_is_not_written(judge_lines: JudgeLines, tmp_path: Path) -> None:
    report = judge_lines(ORPHAN, select=["P03", "P04"])
    suppressions.apply(report, suppressions.parse([{"criterion": "P04", "reason": "x"}]))
    assert baseline.write(report, tmp_path / "known.json") == 1
    assert states(report) == {"P03": "baselined", "P04": "suppressed"}


def test_a_link_keeps_pointing_there(judge_lines: JudgeLines, tmp_path: Path) -> None:
    baseline.write(judge_lines(CLEAN), tmp_path / "real.json")
    (tmp_path / "link.json").symlink_to("real.json")
    baseline.write(judge_lines(ORPHAN), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert baseline.read(tmp_path / "real.json")


@pytest.mark.parametrize("text", ["not json", "{}", "[]", '{"kind": "spanproof baseline", "version": 2, "findings": []}', "\x00"])
def test_what_is_no_baseline_is_neither_read_nor_overwritten(judge_lines: JudgeLines, tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(baseline.BaselineError, match=r"mine\.json"):
        baseline.read(file)
    report = judge_lines(ORPHAN)
    with pytest.raises(baseline.BaselineError, match="will not be overwritten"):
        baseline.write(report, file)
    assert file.read_text() == text
    assert set(states(report).values()) == {"new"}


def test_a_baseline_with_findings_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('{"kind": "spanproof baseline", "version": 1, "findings": [{"criterion": "P04"}]}')
    with pytest.raises(baseline.BaselineError, match="its findings cannot be read"):
        baseline.read(tmp_path / "f.json")


def test_one_that_is_not_there_or_cannot_be_written(judge_lines: JudgeLines, tmp_path: Path) -> None:
    with pytest.raises(baseline.BaselineError, match=r"cannot be read \(No such file"):
        baseline.read(tmp_path / "none.json")
    with pytest.raises(baseline.BaselineError, match="cannot be written"):
        baseline.write(judge_lines(CLEAN), tmp_path / "missing" / "f.json")
