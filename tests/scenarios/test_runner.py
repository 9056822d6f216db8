"""Each run has a process apart: what one scenario breaks, the next one does not notice, and its trace stays."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.scenarios import RunResult, UnknownScenarioError, run, run_many
from spanproof.scenarios.discovery import select
from spanproof.scenarios.process import ScenarioProcessError, Worker
from spanproof.scenarios.result import Job
from spanproof.scenarios.runner import plan
from tests.scenarios import families

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def rogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The package of scenarios that go wrong."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield families.write(tmp_path)
    for name in [each for each in sys.modules if each.split(".")[0] == families.NAME]:
        del sys.modules[name]


def rogue_jobs(package: str, out: Path, *variants: str) -> list[Job]:
    pairs = [select(f"rogue/{each}", package=package) for each in variants]
    return plan([pair for found in pairs for pair in found], "virtual", out=out, package=package)


def resource(trace: Path) -> dict[str, Any]:
    """The resource's attributes of a trace file's first line."""
    line = json.loads(trace.read_text().splitlines()[0])
    pairs = line["resourceSpans"][0]["resource"]["attributes"]
    return {pair["key"]: next(iter(pair["value"].values())) for pair in pairs}


def test_each_run_has_a_recording_of_its_own_that_names_scenario_and_expectations(tmp_path: Path) -> None:
    results = run("parallel_cancellation", variant="timeout", repeat=2, out=tmp_path)

    assert [result.status for result in results] == ["ran", "ran"]
    traces = [result.trace for result in results]
    assert all(trace is not None and trace.parent == tmp_path for trace in traces)
    assert len(set(traces)) == 2
    assert traces[0] is not None
    told = resource(traces[0])
    assert told["spanproof.scenario"] == "propagation/parallel_cancellation/timeout"
    expected = [json.loads(each["stringValue"]) for each in told["spanproof.expect"]["values"]]
    assert [(each["criterion"], each["subject"]) for each in expected] == [
        ("P04", "stage stock"),
        ("P04", "stage price"),
        ("P03", "stage stock"),
        ("P03", "stage price"),
        ("O03", "stage stock"),
        ("O03", "stage price"),
        ("R03", "pipeline order"),
    ]


def test_progress_is_told_after_each_run(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    run("exact_timeout", out=tmp_path, progress=lambda result, done, total: told.append((result.job.variant, done, total)))

    assert told == [("exact", 1, 3), ("just_after", 2, 3), ("just_before", 3, 3)]


def test_an_unknown_scenario_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownScenarioError):
        run("exact_timeot", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_repetition_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="repeat must be at least 1, got 0"):
        plan(select("exact_timeout/exact"), "virtual", repeat=0)


def test_a_scenario_that_raises_is_reported_and_the_rest_runs(rogue: str, tmp_path: Path) -> None:
    results = list(run_many(rogue_jobs(rogue, tmp_path, "raises/wrong", "exits/wrong", "raises/plain")))

    assert [result.status for result in results] == ["raised", "raised", "ran"]
    assert results[0].error == "ValueError: two lines (raises.py:16)"
    assert results[1].error.startswith("SystemExit: 3")
    assert all(result.trace is not None and result.trace.is_file() for result in results)


@pytest.mark.parametrize("name", ["blocks", "waits"])
def test_a_scenario_that_hangs_is_ended_and_the_rest_runs(rogue: str, tmp_path: Path, name: str) -> None:
    # Only the hanging job has little time: a first run loads its modules, on a machine that may be busy.
    with Worker() as worker:
        before = worker.run(rogue_jobs(rogue, tmp_path, f"{name}/plain")[0], 30.0)
        hung = worker.run(rogue_jobs(rogue, tmp_path, f"{name}/wrong")[0], 1.5)
        after = worker.run(rogue_jobs(rogue, tmp_path, f"{name}/plain")[0], 30.0)

    assert [each.status for each in (before, hung, after)] == ["ran", "hung", "ran"]
    assert hung.error == "not over after 1.5 s; its process was ended"
    assert hung.trace is not None
    assert resource(hung.trace)["spanproof.scenario"] == f"rogue/{name}/wrong"


def test_a_scenario_that_kills_its_interpreter_is_reported_with_its_last_words(rogue: str, tmp_path: Path) -> None:
    results = list(run_many(rogue_jobs(rogue, tmp_path, "dies/wrong", "dies/plain")))

    assert [result.status for result in results] == ["died", "ran"]
    assert results[0].error == "its process ended with status 7; its last words: famous last words"


def test_a_process_that_was_killed_between_two_jobs_is_noticed(rogue: str, tmp_path: Path) -> None:
    with Worker() as worker:
        job, again = rogue_jobs(rogue, tmp_path, "raises/plain", "raises/plain")
        assert worker.run(job, 30.0).status == "ran"
        process = worker._process
        assert process is not None
        process.kill()
        process.wait()
        assert worker.run(again, 30.0).status == "died"
        assert worker.run(again, 30.0).status == "ran"


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_the_list_with_a_result_that_says_so(rogue: str, tmp_path: Path, workers: int) -> None:
    jobs = rogue_jobs(rogue, tmp_path, "raises/plain", "blocks/wrong", "waits/wrong", "exits/plain")
    results: list[RunResult] = []
    running = run_many(jobs, workers=workers)
    results.append(next(running))
    # What the terminal does to us while we wait for the second answer, which would not come.
    threading.Timer(0.5, lambda: signal.raise_signal(signal.SIGINT)).start()
    results.extend(running)

    assert [result.status for result in results] == ["ran", "interrupted"]
    assert results[1].job.scenario in ("rogue/blocks", "rogue/waits")


def test_side_by_side_each_job_has_its_result_once(rogue: str, tmp_path: Path) -> None:
    jobs = rogue_jobs(rogue, tmp_path, "raises/plain", "raises/wrong", "dies/wrong", "exits/plain", "blocks/plain")
    results = {result.job: result.status for result in run_many(jobs, workers=3)}

    assert results == dict(zip(jobs, ("ran", "raised", "died", "ran", "ran"), strict=True))


def test_a_process_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(ScenarioProcessError, match="ended with status 1; its last words: ModuleNotFoundError"), Worker() as worker:
        worker.run(Job("spanproof.scenarios", "baseline/exact_timeout", "exact", "virtual"), 30.0)
