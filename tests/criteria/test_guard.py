"""A criterion that is wrong, slow or nosy becomes UNKNOWN with its file and the reason; every other one is judged as usual."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import judging
from spanproof.analyzers.cataloguing import SHARED, CatalogueError, catalogue
from spanproof.analyzers.judging import check, judge
from spanproof.analyzers.loading import load
from spanproof.analyzers.sandbox import require_select
from spanproof.analyzers.tinytrace_otlp import write
from spanproof.analyzers.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from spanproof.analyzers.report import Report

TRACE = "p.p::0-60=f  s.a:p:0-50=t:d50!,!50/timer"
GOOD = (
    "select trace_id, span_id, subject, true as ok, 1 as measured, 2 as bound, 'ns' as unit, null as cause_span_id, "
    "'code' as fault, null as note from units where unit = 'stage'"
)
HEADER = """\
-- id: X01
-- name: not-ours
-- severity: error
-- says: It says.
-- rule: a rule
-- why: It matters.
-- judges: stage
-- message: {subject} did
-- fix: Do not.
-- bad:
--   x
-- good:
--   y
-- covers: H1
-- certain given: it was seen
-- cannot see: what was not
-- unknown when: never
-- torn: certain
-- clock: any
-- scope: trace
-- needs: none
-- fault: code
"""


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    found = load([write(tmp_path_factory.mktemp("guard") / "t.json", TRACE)])
    yield found
    found.close()


def own(folder: Path, body: str, header: str = HEADER) -> Path:
    """A folder with a criterion X01 of this body."""
    (folder / "X01_not_ours.sql").write_text(header + body + "\n", encoding="utf-8")
    return folder


def judged(con: duckdb.DuckDBPyConnection, folder: Path, **options: Any) -> Report:
    """The report with X01, of which nothing else may be UNKNOWN and of which all others say what they say without it."""
    report = judge(con, criteria_dirs=[folder], **options)
    rest = {result.header.id: (result.verdict, result.subjects) for result in report if result.header.id != "X01"}
    assert rest == {result.header.id: (result.verdict, result.subjects) for result in judge(con)}
    assert report["D01"].verdict is Verdict.HOLDS
    return report


def test_a_good_one_is_judged(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert judged(con, own(tmp_path, GOOD))["X01"].verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("selct 1", "Parser Error: syntax error at or near", id="no SQL"),
        pytest.param("", "a criterion is one SELECT, this file has: nothing", id="nothing"),
        pytest.param("select nme from units", 'Referenced column "nme" not found', id="no such column"),
        pytest.param("select trace_id, span_id from units", "its result lacks subject, ok, measured", id="lacks columns"),
        pytest.param(GOOD.replace("null as note", "null as note, 1 as more"), "its result has more too many", id="a column too many"),
        pytest.param(GOOD.replace("true as ok", "'yes' as ok"), "column ok must be BOOLEAN, got VARCHAR", id="wrong type"),
        pytest.param(GOOD.replace("1 as measured", "'1' as measured"), "column measured must be a number, got VARCHAR", id="no number"),
        pytest.param(f"{GOOD}; {GOOD}", "a criterion is one SELECT, this file has: SELECT, SELECT", id="two statements"),
        pytest.param("delete from units", "a criterion is one SELECT, this file has: DELETE", id="deletes"),
        pytest.param("create table x as select 1", "a criterion is one SELECT, this file has: CREATE", id="creates"),
        pytest.param("copy units to '{file}'", "a criterion is one SELECT, this file has: COPY", id="writes a file"),
        pytest.param("attach '{file}' as x", "a criterion is one SELECT, this file has: ATTACH", id="opens a database"),
        pytest.param("set memory_limit = '1GB'", "a criterion is one SELECT, this file has: SET", id="changes settings"),
        pytest.param("from '{file}'", "Criteria have no access to files, network or variables", id="reads a file by its name"),
        pytest.param("from read_text('{file}')", "it calls read_text(). Criteria have no access", id="reads a file"),
        pytest.param("select * from glob('*')", "it calls glob(). Criteria have no access", id="lists a folder"),
        pytest.param(
            f"{GOOD} and (select count(*) from read_csv('{{file}}')) > 0", "it calls read_csv(). Criteria have no access", id="reads below"
        ),
        pytest.param(f"{GOOD} and subject in (from secret)", "it reads 'secret', which is none of the tables", id="a variable of Python's"),
        pytest.param(f"{GOOD} and getenv('HOME') is null", "it calls getenv(). Criteria have no access", id="the environment"),
        pytest.param("from duckdb_settings()", "it calls duckdb_settings(). Criteria have no access", id="settings"),
        pytest.param("from query('select 1')", "it calls query(). Criteria have no access", id="a query in a text"),
        pytest.param(GOOD.replace("1 as measured", "error('so') as measured"), "so", id="raises"),
    ],
)
def test_what_is_wrong_is_unknown(con: duckdb.DuckDBPyConnection, tmp_path: Path, body: str, reason: str) -> None:
    target = tmp_path / "secret.txt"
    target.write_text("secret")
    result = judged(con, own(tmp_path, body.replace("{file}", str(target))))["X01"]
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason is not None
    assert re.match(r"X01_not_ours\.sql:\d+ could not be run: ", result.reason)
    assert reason in result.reason
    assert "\n" not in result.reason
    assert target.read_text() == "secret"


def test_ours_do_what_a_criterion_may(con: duckdb.DuckDBPyConnection) -> None:
    """They are not looked at when they are run, so here."""
    cursor = con.cursor()
    for script in sorted(SHARED.glob("*.sql")):
        cursor.execute(script.read_text(encoding="utf-8"))
    for criterion in catalogue().values():
        assert criterion.ours
        require_select(cursor, criterion.sql)
    cursor.close()


def test_one_that_never_ends_is_stopped(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    endless = (
        GOOD + " and (select count(*) from range(1000000) a, range(1000000) b, range(1000000) c where a.range + b.range <> c.range) > 0"
    )
    began = time.perf_counter()
    report = judge(con, criteria_dirs=[own(tmp_path, endless)], time_limit_s=1)
    assert time.perf_counter() - began < 15
    assert report["X01"].verdict is Verdict.UNKNOWN
    assert report["X01"].reason == "X01_not_ours.sql could not be run: it took longer than 1 s"
    assert report["D01"].verdict is Verdict.HOLDS
    # The connection of the caller is whole.
    assert con.execute("select count(*) from units where unit = 'stage'").fetchone() == (1,)


def test_ctrl_c_passes(con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "run_criterion", interrupted)
    with pytest.raises(KeyboardInterrupt):
        judge(con)


def test_the_tables_stay_as_they_are(con: duckdb.DuckDBPyConnection) -> None:
    def state() -> list[tuple[object, ...]]:
        return con.execute("select table_name, estimated_size from duckdb_tables() where not temporary order by all").fetchall()

    before = state()
    judge(con)
    assert state() == before


def test_check_locks_files_a_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the first lock fail, DuckDB itself refuses."""
    monkeypatch.setattr("spanproof.analyzers.run_criterion.require_select", lambda con, sql: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    (tmp_path / "criteria").mkdir()
    folder = own(tmp_path / "criteria", f"{GOOD} and (select count(*) from read_text('{write(tmp_path / 't.json', TRACE)}')) > 0")
    result = check([tmp_path / "t.json"], criteria_dirs=[folder])["X01"]
    assert result.verdict is Verdict.UNKNOWN
    assert "disabled" in (result.reason or "")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such folder"):
        catalogue([tmp_path / "missing"])
