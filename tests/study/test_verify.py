"""Whether a report still follows from its traces, and what is different between two studies."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.scenarios.discovery import catalogue
from spanproof.study import source
from spanproof.study.compare import compare
from spanproof.study.verify import NoStudyError, read, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spanproof.study import StudyResult

pytestmark = pytest.mark.xdist_group("study")

SCENARIOS = catalogue()


@pytest.fixture
def study(virtual: StudyResult, tmp_path: Path) -> Path:
    """A copy of the study, to be spoilt."""
    return shutil.copytree(virtual.folder, tmp_path / "study")


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change `findings.json`."""
    written = read(folder)
    change(written)
    (folder / "findings.json").write_text(json.dumps(written))


def test_what_was_just_written_follows_from_its_traces(study: Path) -> None:
    found = verify(study, SCENARIOS)

    assert (found.changed, found.differs, found.remarks, found.holds) == ([], [], [], True)
    assert found.traces == len(read(study)["files"])


def test_what_was_changed_and_what_does_not_follow_is_named(study: Path) -> None:
    first, second = sorted(study.glob("exact_timeout.*.json"))[:2]
    with first.open("a") as file:
        file.write("\n")
    second.rename(study / "other.json")

    def lie(written: dict[str, Any]) -> None:
        next(each for each in written["answers"] if each["id"] == "H2")["answer"] = "yes"
        next(each for each in written["criteria"] if each["id"] == "D02")["violations"] = []

    rewrite(study, lie)
    found = verify(study, SCENARIOS)

    assert found.changed == [
        f"{first.name} is not what it was: its SHA-256 differs",
        f"{second.name} is missing",
        "other.json was not there",
    ]
    answer, finding = (each for each in found.differs if not each.startswith(("H1 ", "F5 ", "S1 ", "S10 ")))
    assert answer == "H2 is answered with 'yes'; the traces say 'no'"
    assert finding.startswith("D02 stage rates in no_timeout.timeout_of_a_client.")
    assert finding.endswith("is not written down; the trace shows it")
    assert not found.holds


def test_a_page_that_was_touched_or_is_missing_is_named(study: Path) -> None:
    for name in ("report.md", "report.html"):
        (study / name).write_text((study / name).read_text().replace("stage stock", "stage stack"))
    (study / "audit.jsonl").unlink()

    changed = "is not what the traces give: it was changed, or written by another version of Spanproof"
    assert verify(study, SCENARIOS).differs == [f"report.md {changed}", f"report.html {changed}", "audit.jsonl is missing"]


def test_of_another_version_of_the_library_only_the_pages_are_not_compared(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "library", lambda: "stageflow-core 9.9")
    (study / "report.md").write_text("")

    found = verify(study, SCENARIOS)
    assert found.holds
    assert found.remarks == [
        "made with stageflow-core 1.2.0, and stageflow-core 9.9 is installed: the pages name lines of the library, and are not compared"
    ]


def test_a_run_of_a_scenario_that_this_build_lacks_is_left_out_and_told(virtual: StudyResult) -> None:
    without = [each for each in SCENARIOS if each.name != "baseline/no_timeout"]

    found = verify(virtual.folder, without)
    assert "baseline/no_timeout/in_time: this build has no such scenario; its run is left out" in found.remarks


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no findings.json there"),
        ("{", "cannot be read"),
        ("[]", "has no answers"),
        ('{"status": "ok"}', "has no answers"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "findings.json").write_text(content)
    with pytest.raises(NoStudyError, match=told):
        read(tmp_path)


def test_two_studies_that_say_the_same(virtual: StudyResult) -> None:
    written = read(virtual.folder)
    assert compare(written, written).same


def test_what_is_different_between_two_studies_is_told_once_each(virtual: StudyResult, study: Path) -> None:
    def newer(written: dict[str, Any]) -> None:
        written["study"]["library"] = "stageflow-core 1.3.0"
        answer = next(each for each in written["answers"] if each["id"] == "H3")
        answer["answer"], answer["because"] = "yes", "it holds"
        for each in written["answers"]:
            for claim in each["claims"]:
                if claim["says"] == "A stage that times out stops the stages beside it.":
                    claim["holds"], claim["traces_against"] = "yes", 0
        runs = written["study"]["runs"]
        written["study"]["runs"] = [each for each in runs if each["scenario"] != "baseline/no_timeout"]
        next(each for each in runs if each["variant"] == "swallowed")["findings"] = []

    rewrite(study, newer)
    found = compare(read(virtual.folder), read(study))

    assert found.surroundings == ["library: stageflow-core 1.2.0, then stageflow-core 1.3.0"]
    assert found.answers == ["H3 Subpipeline cancellation is properly propagated: no, then yes, because it holds"]
    assert found.claims == ["A stage that times out stops the stages beside it. did not hold (2 of 2 traces against it), then held"]
    assert found.findings == ["baseline/simple_timeout/swallowed: P08 stage quote: 1 of 1 runs, then 0 of 1"]
    assert "baseline/no_timeout/in_time: ran in the old one only" in found.runs
    assert not found.same
