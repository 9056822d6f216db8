"""The report: statuses, exit codes, the JSON contract, and that the same input gives the same bytes."""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from spanproof import analyzers
from spanproof.analyzers.cataloguing import ParameterError, UnknownCriterionError, catalogue
from spanproof.analyzers.explain import explain, html, markdown
from spanproof.analyzers.report import set_state
from spanproof.analyzers.verdicts import Verdict, at_least, merge, of_counts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.criteria.conftest import JudgeLines

CLEAN = "m::0-100:main  a:m:0-90:!50@m"
ORPHAN = "p.p::0-50=f  s.a:p:0-50=t:d50!,!50/timer  s.b:p:0-400"
INFO = "m::0-100:main  a:m:0-105:!100/runner  %closing=100 %closed=110"
CUT = "m::0-:main  a:m:0-  %until=100 %torn"
NOTHING = "k.k::0-10"


@pytest.fixture(scope="module")
def schema() -> Any:
    text = resources.files(analyzers).joinpath("findings.schema.json").read_text(encoding="utf-8")
    loaded = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return loaded


@pytest.mark.parametrize(
    ("line", "status", "exit_code"),
    [
        (CLEAN, "ok", 0),
        (ORPHAN, "violated", 1),
        (INFO, "ok", 0),
        (CUT, "unknown", 2),
        (NOTHING, "empty", 2),
    ],
)
def test_status_and_exit_code(judge_lines: JudgeLines, line: str, status: str, exit_code: int) -> None:
    report = judge_lines(line)
    assert report.status() == status
    assert report.exit_code() == exit_code


def test_a_violation_outranks_all_else(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN, CUT)
    assert report.status() == "violated"
    assert report.exit_code(allow={"unknown"}) == 1


def test_allow_lifts_unknown_and_empty(judge_lines: JudgeLines) -> None:
    assert judge_lines(CUT).exit_code(allow={"unknown"}) == 0
    assert judge_lines(CUT).exit_code(allow={"empty"}) == 2
    assert judge_lines(NOTHING).exit_code(allow={"empty"}) == 0


def test_unreadable_input_is_an_error(judge_lines: JudgeLines, tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text("this is no trace")
    judge_lines(CLEAN)
    report = analyzers.check([tmp_path])
    assert report.status() == "error"
    assert report.exit_code(allow={"unknown", "empty"}) == 2


def test_what_is_known_does_not_fail_unless_strict(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN)
    for finding in report.findings:
        set_state(finding, "baselined")
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 0
    for finding in report.findings:
        finding.state = "expected"
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1


def test_fail_on(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN)
    for finding in report.findings:
        finding.severity = "warning"
    assert report.exit_code("warning") == 1
    assert report.exit_code("info") == 1
    assert report.exit_code("error") == 0
    for finding in report.findings:
        finding.severity = "info"
    assert report.exit_code("info") == 0


@pytest.mark.parametrize("line", [CLEAN, ORPHAN, INFO, CUT, NOTHING])
def test_json_is_what_the_schema_says(judge_lines: JudgeLines, schema: Any, line: str) -> None:
    jsonschema.validate(json.loads(judge_lines(line).to_json()), schema)


def test_json_in_detail(judge_lines: JudgeLines) -> None:
    content = judge_lines(ORPHAN.replace("0-400", "0-400:file=/elsewhere/flow.py,line=9")).to_dict()
    assert content["summary"]["violated"] == 2
    assert content["findings"]["error"] == 2
    assert [file["path"] for file in content["files"]] == ["1.json"]
    assert content["files"][0]["clock"] == "monotonic"
    assert content["parameters"]["D01.tolerance_ms"] == 100
    (violation,) = next(c for c in content["criteria"] if c["id"] == "P04")["violations"]
    assert violation["subject"] == "stage b"
    assert violation["measured"] == 350_000_000
    assert violation["path"] == ["pipeline p", "stage b"]
    assert violation["code"] == {"file": "/elsewhere/flow.py", "line": 9}
    assert violation["also"] == ["P03"]
    assert violation["cause"] == "stage a"
    # Beyond 2^53 as text.
    assert all(isinstance(item["time_ns"], str) for item in violation["evidence"])
    told = violation["explanation"]
    assert len(told["story"]) == len(violation["evidence"])
    assert told["story"][0] == {"at_ns": 0, "text": "pipeline 'p' was created"}
    assert told["but"].startswith("stage 'b' was at work when its run was aborted")
    assert {item["event"] for item in violation["evidence"]} >= {"start", "end", "deadline.expired", "abort"}


def test_the_same_input_gives_the_same_bytes(judge_lines: JudgeLines) -> None:
    assert judge_lines(ORPHAN, CUT, INFO).to_json() == judge_lines(ORPHAN, CUT, INFO).to_json()


def test_a_fingerprint_outlives_time_line_and_id(judge_lines: JudgeLines) -> None:
    """Of criterion, unit path, file and function."""
    first = judge_lines(ORPHAN.replace("0-400", "0-400:file=flow.py,line=9"))["P04"].violations[0]
    later = judge_lines(CLEAN, "x::0-1 " + ORPHAN.replace("0-400", "0-900:file=flow.py,line=99"))["P04"].violations[0]
    moved = judge_lines(ORPHAN.replace("0-400", "0-400:file=other.py,line=9"))["P04"].violations[0]
    assert first.fingerprint == later.fingerprint != moved.fingerprint


def test_of_several_loaded_recordings_each_finding_names_its_file(judge_lines: JudgeLines) -> None:
    assert [finding.file for finding in judge_lines(CLEAN, ORPHAN, ORPHAN)["P04"].violations] == ["2.json", "3.json"]


def test_select_ignore_and_parameters(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN, select=["P", "deadline-overrun"], ignore=["P04"], params={"D01.tolerance_ms": "20"})
    ids = [result.header.id for result in report]
    assert ids == ["D01", *sorted(id_ for id_ in catalogue() if id_[0] == "P" and id_ != "P04")]
    assert report.parameters["D01.tolerance_ms"] == 20
    # What follows from an ignored cause comes forward.
    assert report["P03"].violations[0].implied_by is None
    with pytest.raises(KeyError, match=r"P04 was not judged\. Judged: D01, P01"):
        report["P04"]


def test_a_bound_that_is_tightened(judge_lines: JudgeLines) -> None:
    line = "p.p::0-160=f  s.a:p:0-150=t:d100!,!100>140/timer"
    assert judge_lines(line)["D01"].verdict is Verdict.HOLDS
    assert judge_lines(line, params={"D01.tolerance_ms": 39})["D01"].verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"select": ["P2"]},
            UnknownCriterionError,
            "no criterion 'P2'. Closest: P02 child-outlives-cancel. `spanproof criteria` lists them all.",
        ),
        ({"ignore": ["child-outlives-cancle"]}, UnknownCriterionError, "Closest: P02 child-outlives-cancel."),
        ({"select": ["€"]}, UnknownCriterionError, "no criterion '€'. `spanproof criteria` lists them all."),
        (
            {"params": {"D01.tolerance_ms": "100ms"}},
            ParameterError,
            "D01: parameter tolerance_ms must be a whole number of milliseconds, 0 or more, got '100ms' (text). Did you mean 100?",
        ),
        ({"params": {"D01.tolerance_ms": "1s"}}, ParameterError, "Did you mean 1000?"),
        ({"params": {"D01.tolerance_ms": -1}}, ParameterError, "got -1 (int)"),
        ({"params": {"D01.tolerance_ms": 0.5}}, ParameterError, "got 0.5 (float)"),
        ({"params": {"D01.tolerance_ms": True}}, ParameterError, "got True (bool)"),
        ({"params": {"D01.tolerance_ms": "nan"}}, ParameterError, "got 'nan' (text)"),
        ({"params": {"D01.tolerance": 1}}, ParameterError, "D01 has no parameter 'tolerance'. Closest: tolerance_ms."),
        ({"params": {"C02.x": 1}}, ParameterError, "C02 has no parameter 'x'. It has none."),
        ({"params": {"tolerance_ms": 1}}, ParameterError, "must be written ID.name"),
    ],
)
def test_what_does_not_exist(judge_lines: JudgeLines, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        judge_lines(CLEAN, **options)
    assert message in str(caught.value)


def test_a_seam_of_a_library_that_is_not_there_is_missed_by_nobody(judge_lines: JudgeLines) -> None:
    assert judge_lines(CLEAN + " %absent=stageflow").status() == "ok"
    report = judge_lines(CLEAN + " %absent=task")
    assert report["P03"].verdict is Verdict.UNKNOWN
    assert report["P03"].reason == "the recorder's seam 'task' did not hold (absent: not there)"
    assert report["D02"].verdict is Verdict.NOT_EXERCISED


def test_lost_records_make_findings_on_open_units_unknown(judge_lines: JudgeLines) -> None:
    """What is missing may be the very request."""
    line = "p.p::0-50=f  s.a:p:0-50=f  s.b:p:0-  %until=500"
    assert judge_lines(line)["P04"].verdict is Verdict.VIOLATED
    assert judge_lines(line + " %dropped=3")["P04"].verdict is Verdict.UNKNOWN
    assert judge_lines(line.replace("0-  ", "0-400  ") + " %dropped=3")["P04"].verdict is Verdict.VIOLATED


def test_margins_name_the_nearest_subject_that_holds(judge_lines: JudgeLines) -> None:
    report = judge_lines("p.p::0-200=f  s.a:p:0-60=t:d50!,!50>60/timer  s.b:p:0-80=t:d50!,!50>75/timer")
    margins = report["D01"].margins
    assert margins is not None
    assert (margins["measured"], margins["bound"], margins["unit"], margins["used"]) == (25_000_000, 100_000_000, "ns", 0.25)


def test_progress_names_each_criterion(judge_lines: JudgeLines) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(criterion: str, done: int, all_: int) -> None:
        told.append((criterion, done, all_))

    judge_lines(CLEAN, select=["P01", "D01"], progress=progress)
    assert told == [("D01", 0, 2), ("P01", 1, 2)]


def test_a_notebook_shows_a_table_in_which_nothing_of_the_trace_is_markup(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN, ORPHAN, ORPHAN, ORPHAN, ORPHAN, ORPHAN)
    report["P04"].violations[0].message = "<script>"
    html = report._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "VIOLATED" in html
    assert "and 1 more" in html


def test_a_report_is_short_in_a_prompt(judge_lines: JudgeLines) -> None:
    assert repr(judge_lines(ORPHAN)) == "<Report: 1 trace, 1 file: violated, P03 1x, P04 1x>"
    assert repr(judge_lines(CLEAN)).endswith(": ok>")


def test_the_fragments_say_what_the_terminal_says_and_escape_it(judge_lines: JudgeLines) -> None:
    report = judge_lines(ORPHAN)
    finding = report["P04"].violations[0]
    finding.message = "<b>*x*"
    argument = explain(finding, report["P04"].header)
    page, text_ = html(argument), markdown(argument)
    assert "&lt;b&gt;*x*" in page
    assert "\\<b\\>\\*x\\*" in text_
    for fact in argument.story:
        assert escape(fact.text) in page
    assert text_.count("| ") >= len(argument.story)
    assert all(word in page and word in text_ for word in ("Let", "Then", "But", "Fault", "Fix", "Also"))


def test_the_order_of_verdicts() -> None:
    assert merge([]) is Verdict.NOT_EXERCISED
    assert merge([Verdict.NOT_EXERCISED, Verdict.HOLDS]) is Verdict.HOLDS
    assert merge([Verdict.HOLDS, Verdict.UNKNOWN]) is Verdict.UNKNOWN
    assert merge([Verdict.UNKNOWN, Verdict.VIOLATED]) is Verdict.VIOLATED
    assert of_counts(0, 0, 0) is Verdict.NOT_EXERCISED
    assert at_least("error", "warning")
    assert not at_least("info", "warning")
