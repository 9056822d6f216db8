"""The main job from beginning to end, and the accidents that it must survive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from spanproof.study import plain, run_study
from tests.scenarios import families

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanproof.study import StudyResult


# One process for all of them, so that the study they share is made once.
pytestmark = pytest.mark.xdist_group("study")

OUTPUTS = {"audit.jsonl", "findings.json", "report.html", "report.md"}


@pytest.fixture
def rogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of scenarios that go wrong."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield families.write(folder)
    for name in [each for each in sys.modules if each.split(".")[0] == families.NAME]:
        del sys.modules[name]


def words_of(result: StudyResult) -> dict[str, str]:
    return {each.question.id: each.word for each in result.answers}


def test_everything_is_in_a_folder_of_its_own(virtual: StudyResult) -> None:
    files = sorted(path.name for path in virtual.folder.iterdir() if not path.name.startswith("."))

    assert virtual.folder.name.startswith("study-")
    assert set(files) > OUTPUTS
    assert {run.file for run in virtual.runs} | OUTPUTS == set(files)


def test_a_hypothesis_about_time_is_not_answered_by_the_virtual_clock(virtual: StudyResult) -> None:
    assert words_of(virtual) | {"H1": "not decided", "H2": "no", "H3": "no"} == words_of(virtual)
    assert virtual.answers[0].because == "baseline/simple_timeout/timeout did not run on the real clock"


def test_findings_json_keeps_the_contract_of_check_and_adds_the_answers(virtual: StudyResult) -> None:
    written = json.loads((virtual.folder / "findings.json").read_text())
    schema = json.loads((resources.files("spanproof.analyzers") / "findings.schema.json").read_text())

    jsonschema.validate(written, schema)
    answers: dict[str, Any] = {each["id"]: each for each in written["answers"]}
    core = answers["H2"]["claims"][0]
    assert (core["holds"], core["traces_against"]) == ("no", 2)
    assert [cause["line"] is not None for cause in core["cause"]] == [True, True, True]
    assert all((virtual.folder / each["file"]).is_file() and each["ok"] is False for each in core["evidence"])
    assert core["advice_holds"] is True
    assert (written["study"]["exit_code"], written["study"]["partial"], len(written["study"]["runs"])) == (0, False, len(virtual.runs))


def test_the_report_has_each_answer_with_its_evidence(virtual: StudyResult) -> None:
    page = (virtual.folder / "report.md").read_text()

    assert "| H2 | Cancellation propagates to all parallel branches correctly | **no** |" in page
    assert "## Failure modes" in page
    assert "| F6 | Nested Cancellation: a cancellation reaches child pipelines | **no** | does not hold: When the stage" in page
    assert "- Why: stageflow/pipeline/dag.py:" in page
    assert "| P04 stage stock | 200.0 ms (bound: 10.0 ms) | virtual clock |" in page
    assert "- All scenarios ran, and what was found is what they expect." in page


def test_the_terminal_gets_scenarios_then_answers_then_the_conclusion(virtual: StudyResult) -> None:
    told = plain(virtual, width=100)

    assert max(map(len, told.splitlines())) <= 100
    order = [
        told.index(each)
        for each in ("propagation/parallel_cancellation: ", "H1  ", "H2  ", "H3  ", "Failure modes", "F6  ", "All scenarios ran")
    ]
    assert order == sorted(order)
    assert "H2  Cancellation propagates to all parallel branches correctly: NO" in told
    assert "NOT DECIDED, because baseline/simple_timeout/timeout did not run on the real clock" in " ".join(told.split())


@pytest.mark.slow
def test_scenarios_that_raise_hang_or_die_are_reported_and_the_study_is_incomplete(rogue: str, tmp_path: Path) -> None:
    result = run_study(clock="virtual", out=tmp_path, package=rogue, limit_s=3.0)

    assert {run.result.job.name: run.result.status for run in result.runs if run.result.job.variant == "wrong"} == {
        "rogue/blocks/wrong": "hung",
        "rogue/dies/wrong": "died",
        "rogue/exits/wrong": "raised",
        "rogue/raises/wrong": "raised",
        "rogue/waits/wrong": "hung",
    }
    assert all(run.result.status == "ran" for run in result.runs if run.result.job.variant == "plain")
    assert result.exit_code == 2
    assert "raised: rogue/raises/wrong (virtual): ValueError: two lines (raises.py:16)" in plain(result)
    assert set(words_of(result).values()) == {"not decided"}
    assert "**hung**: not over after 3 s" in (result.folder / "report.md").read_text()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package without scenarios."""
    (tmp_path / "empty_scenarios").mkdir()
    (tmp_path / "empty_scenarios" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "empty_scenarios"


def test_a_study_without_scenarios_says_nothing(empty: str, tmp_path: Path) -> None:
    result = run_study(clock="virtual", out=tmp_path / "out", package=empty)

    assert set(words_of(result).values()) == {"not decided"}
    assert result.exit_code == 2


def test_two_studies_never_share_a_folder(empty: str, tmp_path: Path) -> None:
    assert len({run_study(out=tmp_path, package=empty).folder for _ in range(3)}) == 3


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="Not a directory"):
        run_study(out=tmp_path / "file")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_a_partial_report_that_says_so(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from spanproof.study import run_study;"
        "result = run_study(out=pathlib.Path(sys.argv[1]), progress=lambda *step: print(*step, flush=True)); sys.exit(result.exit_code)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=60) == 130, (first, rest)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    (folder,) = tmp_path.iterdir()
    assert "**Partial**: interrupted after " in (folder / "report.md").read_text()
    written = json.loads((folder / "findings.json").read_text())
    assert written["study"]["partial"] is True
    assert [run["status"] for run in written["study"]["runs"]][-1] == "interrupted"


@pytest.mark.slow
@pytest.mark.realtime
def test_the_quick_study_answers_all_three_questions_in_seconds_and_tells_its_progress(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    began = time.monotonic()
    result = run_study(quick=True, out=tmp_path, progress=lambda what, done, of: told.append((what, done, of)))

    assert words_of(result) | {"H1": "yes, but", "H2": "no", "H3": "no"} == words_of(result)
    real = {run.result.job.name for run in result.runs if run.result.job.clock == "real"}
    assert {"baseline/simple_timeout/timeout", "edge/concurrent_timeouts/cost_of_a_timeout"} <= real
    assert "baseline/simple_timeout/in_time" not in real
    # 15 seconds on two free cores; four times that is a busy machine, more is a defect.
    assert time.monotonic() - began < 60
    steps = result.planned + 1
    assert told[0][1:] == (1, steps)
    assert [done for _, done, _ in told] == [*range(1, steps), steps - 1, steps]
    assert [what for what, _, _ in told[-2:]] == ["judging", "done"]
