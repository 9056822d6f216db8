"""What a report tells when it is asked: margins, what another parameter would flip, what could not have been seen."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from spanproof.analyzers import blind_spots, what_if
from spanproof.analyzers.cataloguing import ParameterError, UnknownCriterionError, catalogue
from spanproof.analyzers.header import HeaderError, parse
from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace_otlp import expand, write
from tests.criteria.test_guard import GOOD, HEADER

if TYPE_CHECKING:
    from pathlib import Path

    from spanproof.analyzers.report import Report
    from tests.criteria.conftest import JudgeLines

SCHEMA = json.loads((resources.files("spanproof.analyzers") / "findings.schema.json").read_text(encoding="utf-8"))
# Deadlines at 100 ms; told 1, 20, 90 and 101 ms later, which the tolerance of D01 allows thrice.
LATE = "p.p::0-900=f  " + "  ".join(
    f"s.{name}:p:0-{at}=t:d100!,!100>{at}/timer" for name, at in (("a", 101), ("b", 120), ("c", 190), ("d", 201))
)
CLEAN = "m::0-100:main  a:m:0-90:!50@m"
TWO_BOUNDS = "case when subject = 'stage a' then 9 else 500 end as measured, case when subject = 'stage a' then 10 else 1000 end as bound"


def loaded(folder: Path, *lines: str) -> Any:
    return load([write(folder / f"{n}.json", f"{line} %n={n} %rec=r{n}") for n, line in enumerate(lines, 1)])


# --- margins ---------------------------------------------------------------------------------------------------------------


def test_margins_are_of_the_subjects_that_hold(judge_lines: JudgeLines) -> None:
    report = judge_lines(LATE, select=["D01"])
    assert report["D01"].margins == {
        "measured": 90_000_000, "bound": 100_000_000, "unit": "ns", "used": 0.9, "spare": 10_000_000, "subjects": 3,
        "min": 1_000_000, "median": 20_000_000, "p99": 90_000_000, "max": 90_000_000, "least_bound": 100_000_000, "most_bound": 100_000_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "nearest", "bounds", "subjects"),
    [
        # Of several bounds the nearest is that with the largest share, not with the largest value.
        (TWO_BOUNDS, (9, 10, 0.9), (10, 1000), 4),
        ("5 as measured, 0 as bound", None, None, 0),
        ("5 as measured, null::BIGINT as bound", None, None, 0),
        ("null::BIGINT as measured, 5 as bound", None, None, 0),
        ("-5 as measured, 5 as bound", (-5, 5, 0.0), (5, 5), 4),
        ("1.5 as measured, 2.0 as bound", (1.5, 2.0, 0.75), (2.0, 2.0), 4),
    ],
)  # fmt: skip
def test_margins_of_odd_bounds(
    judge_lines: JudgeLines,
    tmp_path: Path,
    body: str,
    nearest: tuple[float, float, float] | None,
    bounds: tuple[float, float] | None,
    subjects: int,
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "X01_not_ours.sql").write_text(HEADER + GOOD.replace("1 as measured, 2 as bound", body))
    report = judge_lines(LATE, criteria_dirs=[tmp_path / "own"], select=["X01"])
    margins = report["X01"].margins
    jsonschema.validate(json.loads(report.to_json()), SCHEMA)
    if nearest is None:
        assert margins is None
        return
    assert margins is not None
    assert (margins["measured"], margins["bound"], margins["used"]) == nearest
    assert (margins["least_bound"], margins["most_bound"]) == bounds
    assert margins["subjects"] == subjects


def test_a_bound_that_does_not_decide_has_no_margin(judge_lines: JudgeLines, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    file = tmp_path / "own" / "X01_not_ours.sql"
    file.write_text(HEADER + "-- margin: none\n" + GOOD)
    assert judge_lines(LATE, criteria_dirs=[file.parent], select=["X01"])["X01"].margins is None
    assert {id_ for id_, each in catalogue().items() if each.header.margin == "none"} >= {"D02", "P08"}
    with pytest.raises(HeaderError, match="margin must be one of below, none, got 'above'"):
        parse(HEADER + "-- margin: above\n" + GOOD, file)


# --- what if ---------------------------------------------------------------------------------------------------------------


def supposed(folder: Path, values: dict[str, object], *lines: str, **options: Any) -> Report:
    con = loaded(folder, *lines)
    report = judge(con, source_root=folder, **options)
    what_if.suppose(con, report, values, params=options.get("params"), source_root=folder)
    con.close()
    jsonschema.validate(json.loads(report.to_json()), SCHEMA)
    return report


def test_a_tighter_bound_flips_what_held_and_a_looser_one_what_did_not(tmp_path: Path) -> None:
    held = LATE.replace(">201", ">130")
    tighter = supposed(tmp_path, {"D01.tolerance_ms": "20"}, held, CLEAN)
    assert tighter["D01"].verdict.value == "holds"
    assert tighter.exit_code() == judged_alone(tmp_path, held, CLEAN).exit_code()
    (entry,) = tighter.what_if or []
    assert entry["parameters"] == [{"name": "tolerance_ms", "from": 100, "to": 20}]
    assert entry["verdict"] == {"from": "holds", "to": "violated"}
    assert entry["violations"] == {"from": 0, "to": 2}
    assert [(flip["from"], flip["to"]) for flip in entry["traces"]] == [("holds", "violated")]
    # 20 ms after the deadline is exactly at the bound.
    assert [each["subject"] for each in entry["appear"]] == ["stage c", "stage d"]
    assert entry["vanish"] == []
    (back,) = supposed(tmp_path, {"D01.tolerance_ms": 101}, LATE).what_if or []
    assert back["verdict"] == {"from": "violated", "to": "holds"}
    assert [each["subject"] for each in back["vanish"]] == ["stage d"]
    assert (back["appear"], back["violations"]) == ([], {"from": 1, "to": 0})


def judged_alone(folder: Path, *lines: str) -> Report:
    con = loaded(folder, *lines)
    report = judge(con)
    con.close()
    return report


def test_only_the_criteria_concerned_are_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    real = judge

    def watched(*args: Any, **options: Any) -> Report:
        report = real(*args, **options)
        ran.extend(result.header.id for result in report)
        return report

    monkeypatch.setattr(what_if, "judge", watched)
    report = supposed(tmp_path, {"D01.tolerance_ms": 20, "P05.flag_tolerance_ms": 5, "P01.tolerance_ms": 100}, LATE)
    assert ran == ["D01", "P05"]
    assert [entry["id"] for entry in report.what_if or []] == ["D01", "P05"]
    assert report.parameters["D01.tolerance_ms"] == 100


def test_the_value_that_was_used_flips_nothing(tmp_path: Path) -> None:
    assert supposed(tmp_path, {"D01.tolerance_ms": 20}, LATE, params={"D01.tolerance_ms": "20"}).what_if == []
    (entry,) = supposed(tmp_path, {"D01.tolerance_ms": 19}, LATE, params={"D01.tolerance_ms": "20"}).what_if or []
    assert entry["parameters"] == [{"name": "tolerance_ms", "from": 20, "to": 19}]
    assert [each["subject"] for each in entry["appear"]] == ["stage b"]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"P04.tolerance_ms": 1}, ParameterError, "P04 has no parameter 'tolerance_ms'"),
        ({"Q99.tolerance_ms": 1}, UnknownCriterionError, "no criterion 'Q99'"),
        ({"D01.tolerance_ms": "x"}, ParameterError, "D01: parameter tolerance_ms must be a whole number"),
        ({"P01.tolerance_ms": 1}, ParameterError, "P01 is not judged. Select it, or do not ignore it."),
    ],
)
def test_what_cannot_be_supposed(tmp_path: Path, values: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        supposed(tmp_path, values, LATE, select=["D01"])


# --- blind spots -----------------------------------------------------------------------------------------------------------


def spots(folder: Path, *lines: str, **options: Any) -> dict[str, Any]:
    con = loaded(folder, *lines)
    report = judge(con, source_root=folder, **options)
    found = blind_spots.find(con, report, options.get("criteria_dirs", ()))
    con.close()
    jsonschema.validate(json.loads(report.to_json()), SCHEMA)
    return found


def kinds(found: dict[str, Any], id_: str) -> dict[str, str]:
    (entry,) = (each for each in found["criteria"] if each["id"] == id_)
    return {spot["kind"]: spot["what"] for spot in entry["spots"]}


def test_a_whole_recording_has_none_but_what_never_ran(tmp_path: Path) -> None:
    found = spots(tmp_path, LATE)
    assert found["recordings"] == []
    assert kinds(found, "D01") == {}
    assert kinds(found, "C02") == {"not_exercised": f"it met no {catalogue()['C02'].header.texts['judges']}: of those it says nothing"}
    assert all(each["cannot_see"] for each in found["criteria"])


@pytest.mark.parametrize(
    ("about", "general", "criterion", "kind", "told"),
    [
        ("%lost=task", "seam", "P03", "seam", "it needs the seam 'task', which did not hold (lost: it raised): its traces are unknown"),
        ("%lost=watchdog", "seam", "D01", "watchdog", "a loop that stood still cannot be told from a machine that stood still"),
        ("%torn", "torn", "P04", "torn", "the recording is cut: "),
        ("%dropped=3", "missing", "P04", "torn", "the recording is cut: "),
        ("%session", "session", None, "", ""),
    ],
)
def test_what_a_recording_hides(tmp_path: Path, about: str, general: str, criterion: str | None, kind: str, told: str) -> None:
    found = spots(tmp_path, f"{LATE} {about}", CLEAN)
    (spot,) = (each for each in found["recordings"] if each["kind"] == general)
    assert [file.rpartition("/")[2] for file in spot["files"]] == ["1.json"]
    if criterion is not None:
        assert told in kinds(found, criterion)[kind]


def test_a_library_that_is_not_there_hides_nothing(tmp_path: Path) -> None:
    assert spots(tmp_path, f"{CLEAN} %absent=stageflow")["recordings"] == []


def test_a_virtual_clock_hides_what_asks_for_a_real_one(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "X01_not_ours.sql").write_text(HEADER.replace("clock: any", "clock: real") + GOOD)
    found = spots(tmp_path, f"{LATE} %virtual", criteria_dirs=[tmp_path / "own"])
    assert set(kinds(found, "X01")) == {"virtual", "not_exercised"}
    assert "virtual" not in kinds(found, "D01")
    assert "virtual" not in kinds(spots(tmp_path, LATE, criteria_dirs=[tmp_path / "own"]), "X01")


def test_tasks_that_ran_before_spans_of_others_and_events_that_a_limit_dropped(tmp_path: Path) -> None:
    con = loaded(tmp_path, LATE, CLEAN)
    con.execute("update resources set attributes = map {'spanproof.adopted_tasks': '3'} where resource_id = 1")
    con.execute("update resources set recording_id = null where resource_id = 2")
    con.execute("update spans set dropped_events = 2 where name = 'stage a'")
    found = blind_spots.find(con, judge(con))
    con.close()
    told = {spot["kind"]: spot["what"] for spot in found["recordings"]}
    assert told["adopted"].startswith("3 tasks already running when the recording began")
    assert told["foreign"].endswith("of another program: they tell nothing of requests, deliveries and deadlines")
    assert {"adopted", "foreign", "limits"} <= set(kinds(found, "P04"))


def test_what_could_not_be_read_and_a_broken_criterion(tmp_path: Path) -> None:
    file = write(tmp_path / "cut.json", LATE)
    file.write_text(file.read_text() + '{"resourceSpans": [\n' + expand(f"{CLEAN} %n=2 %rec=b"))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "X01_mine.sql").write_text("select 1")
    con = load([file])
    found = blind_spots.find(con, judge(con, criteria_dirs=[tmp_path / "own"]), [tmp_path / "own"])
    recordings = {name for (name,) in con.execute("select distinct recording_id from resources").fetchall()}
    con.close()
    (spot,) = (each for each in found["recordings"] if each["kind"] == "missing")
    assert spot["what"].startswith("a document is no JSON")
    assert len(recordings) == 2  # what stands behind the cut document is read
    assert "the header lacks 'id'" in kinds(found, "X01")["broken"]
    assert "missing" in kinds(found, "D01")
