"""What the scenarios say of themselves is so: each fault is found, each control is clean.

That the real clock finds the same is shown by the whole study, in `tests/study/test_whole_study.py`.
"""

from __future__ import annotations

import platform

import pytest
from packaging.specifiers import SpecifierSet

from spanproof.scenarios import Scenario, Variant, catalogue
from spanproof.scenarios.runner import plan, run_many
from spanproof.study import StudyResult, conclude

# One process for all of them, so that the study they share is made once.
pytestmark = pytest.mark.xdist_group("scenarios")

ALL = [(scenario, variant) for scenario in catalogue() for variant in scenario.variants.values()]


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """All scenarios, once, on the virtual clock; those for which it means nothing on the real one."""
    folder = tmp_path_factory.mktemp("virtual")
    jobs = plan(ALL, "virtual", out=folder)
    return conclude(folder, catalogue(), list(run_many(jobs, workers=4)))


def violations(result: StudyResult, file: str) -> set[tuple[str, str, str]]:
    """Criterion, subject and state of every violation in a file, consequences included."""
    return {
        (criterion["id"], each["subject"], each["state"])
        for criterion in result.report["criteria"]
        for each in criterion["violations"]
        if each["file"] == file and each["severity"] != "info"
    }


@pytest.mark.parametrize(("scenario", "variant"), ALL, ids=[f"{scenario.name}/{variant.name}" for scenario, variant in ALL])
def test_a_variant_shows_what_it_expects_and_nothing_else(virtual: StudyResult, scenario: Scenario, variant: Variant) -> None:
    run = next(each for each in virtual.runs if each.result.job.name == f"{scenario.name}/{variant.name}")

    assert run.result.status == "ran"
    here = [each for each in variant.expected if SpecifierSet(each.python).contains(platform.python_version())]
    assert violations(virtual, run.file) == {(each.criterion, each.subject, "expected") for each in here}
    assert (run.news, run.unmet) == ((), ())


def test_nothing_is_undecided(virtual: StudyResult) -> None:
    assert virtual.unknown == ()
    assert virtual.exit_code == 0


def test_what_happened_is_told_in_milliseconds(virtual: StudyResult) -> None:
    told = {run.result.job.name: run.observed for run in virtual.runs}

    assert told["propagation/parallel_cancellation/timeout"] == (
        "stage credit was cut by its deadline at 450.0 ms (+0.0 ms)",
        "pipeline order failed at 450.0 ms (Stage 'credit' failed: Stage timed out after 450ms)",
        *sorted(
            (f"stage {name} went on for 200.0 ms after the run had ended, asked by nobody" for name in ("price", "stock")),
            key=told["propagation/parallel_cancellation/timeout"].index,
        ),
        "stage confirm never started",
    )
    assert told["propagation/sequential_cancellation/timeout"][-1] == "stage archive and stage mail never started"
    assert told["baseline/simple_timeout/swallowed"][0] == (
        "stage quote got a cancellation and completed all the same at 600.0 ms, 400.0 ms past its deadline"
    )
    assert "stage rates was reported as timed out (by after), which it was not" in told["baseline/no_timeout/timeout_of_a_client"]
