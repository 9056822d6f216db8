"""The answers come from the traces: take the fault out of the library, and they change by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanproof.scenarios import catalogue
from spanproof.scenarios.execute import execute
from spanproof.scenarios.result import RunResult
from spanproof.scenarios.runner import plan
from spanproof.study import StudyResult, conclude
from tests.study import fixed_library

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def study_of(folder: Path, *, controls_only: bool = False) -> StudyResult:
    """All propagation scenarios on the virtual clock, run in this process so that the library can be changed here."""
    scenarios = [each for each in catalogue() if each.name.startswith("propagation/")]
    pairs = [(each, variant) for each in scenarios for variant in each.variants.values() if variant.control or not controls_only]
    results = [RunResult(job, "ran", execute(job), 0.0) for job in plan(pairs, "virtual", out=folder)]
    return conclude(folder, scenarios, results)


def words_of(result: StudyResult) -> dict[str, str]:
    return {each.question.id: each.word for each in result.answers}


def test_with_stageflow_as_it_is_a_timeout_stops_neither_siblings_nor_children(tmp_path: Path) -> None:
    result = study_of(tmp_path)

    assert words_of(result) | {"H2": "no", "H3": "no"} == words_of(result)
    assert result.exit_code == 0


def test_with_the_fault_taken_out_the_answers_are_yes_and_the_expectations_are_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_library.install(monkeypatch)

    result = study_of(tmp_path)

    assert words_of(result) | {"H2": "yes", "H3": "yes"} == words_of(result)
    assert result.news == ()
    assert "propagation/parallel_cancellation/timeout: P04 stage stock" in result.unmet
    assert "propagation/subpipeline_cancellation/timeout: P02 stage collect" in result.unmet
    assert result.exit_code == 1


def test_with_the_controls_alone_nothing_is_found_and_nothing_is_claimed(tmp_path: Path) -> None:
    result = study_of(tmp_path, controls_only=True)

    assert [run.found for run in result.runs] == [()] * len(result.runs)
    assert words_of(result) | {"H2": "not decided", "H3": "not decided"} == words_of(result)
    answer = next(each for each in result.answers if each.question.id == "H3")
    assert answer.because == "propagation/subpipeline_cancellation/timeout did not run"
