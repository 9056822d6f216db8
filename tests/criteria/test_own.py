"""Criteria of the user's own: a broken one is UNKNOWN with file and line and stops nobody; those that work are tried and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import cases, template, trying
from spanproof.analyzers.cataloguing import HOME, catalogue
from spanproof.analyzers.verdicts import Verdict
from tests.criteria.cases import HOME as OURS
from tests.criteria.test_guard import GOOD, HEADER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.criteria.conftest import JudgeLines

LINE = "p.p::0-2000  s.a:p:0-1500  s.b:p:0-500"
SEVEN = HEADER.replace("X01", "X07")


def put(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("name", "text", "id_", "reason"),
    [
        ("X07_slow.sql", SEVEN.replace("-- why: It matters.\n", "") + GOOD, "X07", "X07_slow.sql:1: the header lacks 'why'"),
        ("X07_slow.sql", SEVEN.replace("severity: error", "severity: bad") + GOOD, "X07", "X07_slow.sql:3: severity must be"),
        ("mine.sql", HEADER.replace("id: X01", "id: 7") + GOOD, "mine.sql", "mine.sql:1: id '7' must be a capital letter and two digits"),
        ("X07_slow.sql", "select 1", "X07", "X07_slow.sql:1: the header lacks 'id'"),
        ("mine.sql", "select 1", "mine.sql", "mine.sql:1: the header lacks 'id'"),
        ("X07_slow.sql", "-- what\n", "X07", "X07_slow.sql:1: expected `-- field: text`"),
        ("mine.sql", HEADER.replace("X01", "P02") + GOOD, "mine.sql", "mine.sql:1: id P02 is taken by "),
        ("X07_slow.sql", b"-- id: X07\n\xff\n", "X07", "X07_slow.sql: not UTF-8 (byte 11). Save it as UTF-8."),
    ],
)  # fmt: skip
def test_a_broken_header_is_unknown_and_stops_nobody(
    judge_lines: JudgeLines, tmp_path: Path, name: str, text: str | bytes, id_: str, reason: str
) -> None:
    folder = put(tmp_path / "own", name, text)
    put(folder, "X01_not_ours.sql", HEADER + GOOD)
    report = judge_lines(LINE, criteria_dirs=[folder], params={f"{id_}.bound_ms": 3} if id_ == "X07" else {})
    assert report[id_].verdict is Verdict.UNKNOWN
    assert reason in (report[id_].reason or "")
    assert report["X01"].verdict is Verdict.HOLDS
    assert {result.header.id for result in report} == {*catalogue(), "X01", id_}
    assert report.exit_code() == 2


def test_a_broken_file_takes_no_id_from_a_good_one(judge_lines: JudgeLines, tmp_path: Path) -> None:
    folder = put(tmp_path / "own", "A_first.sql", "-- id: X01\n-- nonsense: 1\n")
    put(folder, "X01_not_ours.sql", HEADER + GOOD)
    put(folder, "X01_twin.sql", HEADER + GOOD)
    report = judge_lines(LINE, criteria_dirs=[folder, folder], select=["X", "A_first.sql", "X01_twin.sql"])
    assert {result.header.id: result.verdict.value for result in report} == {
        "X01": "holds",
        "A_first.sql": "unknown",
        "X01_twin.sql": "unknown",
    }
    assert f"X01_twin.sql:1: id X01 is taken by {folder / 'X01_not_ours.sql'}" in (report["X01_twin.sql"].reason or "")


@pytest.mark.parametrize(
    ("body", "line", "reason"),
    [
        ("selct 1", 1, "syntax error"),
        (f"\n\n{GOOD.replace('where', 'where nme = 1 and')}", 3, 'Referenced column "nme" not found'),
        (f"{GOOD}\n  and subject in\n  (from 'secret.txt')", 3, "it reads 'secret.txt'"),
        (f"{GOOD}\nand\ngetenv('HOME') is null", 3, "it calls getenv()"),
        ("select\n 1 as one", 1, "its result lacks trace_id"),
        (GOOD.replace("1 as measured", "\n'x'::INTEGER as measured"), 2, "Could not convert string"),
        (GOOD.replace("1 as measured", "error('so') as measured"), 1, "so"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_query_is_told_with_its_line(
    judge_lines: JudgeLines, tmp_path: Path, body: str, line: int, reason: str
) -> None:
    told = judge_lines(LINE, criteria_dirs=[put(tmp_path / "own", "X01_not_ours.sql", HEADER + body)])["X01"].reason or ""
    assert told.startswith(f"X01_not_ours.sql:{HEADER.count(chr(10)) + line} could not be run: ")
    assert reason in told


def test_a_division_by_zero_is_unknown(judge_lines: JudgeLines, tmp_path: Path) -> None:
    """Some versions of DuckDB raise, others give null: neither is a verdict."""
    body = GOOD.replace("true as ok", "1 // (length(subject) - length(subject)) = 1 as ok")
    report = judge_lines(LINE, criteria_dirs=[put(tmp_path / "own", "X01_not_ours.sql", HEADER + body)])
    assert report["X01"].verdict is Verdict.UNKNOWN


def test_a_number_with_a_point_is_a_number_of_json(judge_lines: JudgeLines, tmp_path: Path) -> None:
    body = (
        GOOD.replace("true as ok", "subject = 'stage a' as ok")
        .replace("1 as measured", "1.5 as measured")
        .replace("2 as bound", "'nan'::DOUBLE as bound")
    )
    report = judge_lines(LINE, criteria_dirs=[put(tmp_path / "own", "X01_not_ours.sql", HEADER + body)], select=["X01"])
    assert '"measured": 1.5' in report.to_json()
    assert "NaN" not in report.to_json()


def test_by_severity(judge_lines: JudgeLines) -> None:
    warnings = {id_ for id_, criterion in catalogue().items() if criterion.header.severity == "warning"}
    assert {result.header.id for result in judge_lines(LINE, select=["warning"])} == warnings
    left = {result.header.id for result in judge_lines(LINE, select=["P", "warning"], ignore=["error", "info"])}
    assert left == warnings


def test_what_is_written_works_as_it_is(judge_lines: JudgeLines, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    query, traces, page = template.write("X01", "slow-fanout", folder)
    assert [path.name for path in (query, traces, page)] == ["X01_slow_fanout.sql", "X01.traces", "X01.md"]
    report = judge_lines(LINE, criteria_dirs=[folder])
    assert [finding.subject for finding in report["X01"].violations] == ["stage a"]
    (tried,) = trying.try_cases(cases.read([folder]), [catalogue([folder])["X01"]], [folder])
    assert tried.ok, tried.wrong
    assert "# X01 slow-fanout" in page.read_text()
    assert template.write_page(catalogue([folder])["X01"]) == page
    page.write_text("by hand")
    with pytest.raises(template.TemplateError, match="stays as it is"):
        template.write_page(catalogue([folder])["X01"])


@pytest.mark.parametrize(
    ("id_", "name", "message"),
    [
        ("x1", "slow-fanout", "x1: no id. Expected a capital letter and two digits"),
        ("X01", "Slow", "Slow: no name"),
        ("P02", "slow-fanout", r"P02 is taken by .*P02_child_outlives_cancel\.sql\. Take another id, for example X02"),
        ("X01", "other-name", "X01 is taken by"),
        ("X02", "slow-fanout", r"X02\.traces is there already"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, id_: str, name: str, message: str) -> None:
    template.write("X01", "slow-fanout", tmp_path)
    (tmp_path / "X02.traces").write_text("mine")
    with pytest.raises(template.TemplateError, match=message):
        template.write(id_, name, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"X01_slow_fanout.sql", "X01.traces", "X01.md", "X02.traces"}


def test_trying_tells_what_does_not_do_what_it_must(tmp_path: Path) -> None:
    template.write("X01", "slow-fanout", tmp_path)
    sql = tmp_path / "X01_slow_fanout.sql"
    sql.write_text(sql.read_text().replace("s.took_ns > $bound_ms", "s.took_ns >= $bound_ms"))
    chosen = [case for case in cases.read([tmp_path]) if case.verdict != "unknown"]
    (tried,) = trying.try_cases(chosen, [catalogue([tmp_path])["X01"]], [tmp_path])
    assert not tried.ok
    line = (tmp_path / "X01.traces").read_text().splitlines().index("holds: exactly at the bound") + 1
    assert tried.wrong[0] == f"{tmp_path / 'X01.traces'}:{line}: X01 holds: exactly at the bound is VIOLATED"
    assert tried.wrong[-1] == "X01: no case that is unknown"
    sql.write_text(sql.read_text().replace("from stages s", "from nowhere s"))
    (tried,) = trying.try_cases(cases.read([tmp_path]), [catalogue([tmp_path])["X01"]], [tmp_path])
    # Even a case that must be unknown is not right then.
    assert sum(tried.right.values()) == 0
    assert "could not be run" in tried.wrong[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("holds it\n    p.p::0-1\n", r"X01\.traces:1: 'holds it' is no head of a case"),
        ("# x\n    p.p::0-1\n", r"X01\.traces:2: a trace before the first head"),
        ("holds: it\n\nviolated: it\n    p.p::0-1\n", r"X01\.traces:1: this case has no trace"),
        ("\nholds: it\n    p.p:q:0-1\n", r"X01\.traces:2: p: its parent 'q' is none of p"),
    ],
)
def test_cases_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    template.write("X01", "slow-fanout", tmp_path)
    (tmp_path / "X01.traces").write_text(text)
    with pytest.raises(cases.CaseError, match=message):
        trying.try_cases(cases.read([tmp_path]), [catalogue([tmp_path])["X01"]], [tmp_path])


def test_each_of_ours_fires_on_the_plant_is_silent_on_the_fix_and_knows_what_it_cannot_know() -> None:
    """The table that `spanproof criteria --try --cases tests/criteria/cases` prints."""
    tried = trying.try_cases(cases.read([OURS]), catalogue().values())
    assert [each.criterion.id for each in tried] == list(catalogue())
    assert [line for each in tried for line in each.wrong] == []
    assert all(each.ok and each.criterion.path.is_relative_to(HOME) for each in tried)
