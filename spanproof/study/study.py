"""The main job: run all scenarios, judge what they recorded, answer the hypotheses, and write it down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from .. import __version__, config
from ..instrument.exporting import Endpoint
from ..scenarios.discovery import HOME, catalogue
from ..scenarios.result import Job, RunResult
from ..scenarios.runner import LIMIT_S, interrupted, plan, run_many
from ..scenarios.scenario import Scenario, Variant
from . import audit, document, judging, markdown, page, source
from .answer import answer
from .result import StudyResult, StudyRun, Surroundings
from .summary import QUESTIONS

Clocks = Literal["both", "virtual", "real"]

Progress = Callable[[str, int, int], None]
"""Called with what was just done, how many steps are over, and how many there are."""

SIDE_BY_SIDE: Final = 4
"""Runs at a time: on the real clock they mostly sleep."""

TIMED_SIDE_BY_SIDE: Final = 2
"""The same for those that measure time: as many as the smallest machine has cores."""

TIMING = {run for question in QUESTIONS for claim in question.claims if claim.clock == "real" for run in claim.where}
"""Variants that claims about time rest on: they run on the real clock even in a quick study."""


def run_study(
    *,
    quick: bool = False,
    clock: Clocks = "both",
    repeat: int = 1,
    seed: int = 0,
    out: Path | None = None,
    progress: Progress | None = None,
    package: str = HOME,
    limit_s: float = LIMIT_S,
    export: Endpoint | None = None,
) -> StudyResult:
    """Run the whole study and write it to a folder of its own.

    Args:
        quick: on the real clock run only what answers about time need.
        clock: clocks to run on; a hypothesis about time is not decided by the virtual one.
        repeat: repetitions of each variant on each clock.
        seed: seed of the first repetition.
        out: folder in which `study-<timestamp>/` is made; None: where traces are put anyhow.
        progress: told of each step.
        package: package in which the scenarios are found.
        limit_s: longest real time of one run, in seconds.
        export: an OTLP endpoint that the recordings go to as well.

    Returns:
        The result; its traces, `report.html`, `report.md`, `findings.json` and `audit.jsonl` are in `result.folder`. After Ctrl-C it
        is the part that was done.

    Raises:
        LibraryMissingError: stageflow is not installed.
        ScenarioProcessError: no process could be started to run scenarios in.
        OSError: the folder cannot be written.
    """
    began, began_at = time.monotonic(), datetime.now(UTC)
    scenarios = catalogue(package)
    folder = _new_folder(config.resolve().traces if out is None else out)
    jobs = _jobs(scenarios, folder, quick=quick, clock=clock, repeat=repeat, seed=seed, package=package)
    if export is not None:
        jobs = [replace(job, export=export) for job in jobs]
    told = _steps(progress, len(jobs) + 1)
    results = _run_all(jobs, limit_s, told)
    told("judging", len(jobs))
    concluded = conclude(folder, scenarios, results, planned=len(jobs), began=began_at, seed=seed, repeat=repeat)
    result = replace(concluded, seconds=time.monotonic() - began)
    write(result)
    told("done", len(jobs) + 1)
    return result


def conclude(
    folder: Path,
    scenarios: Sequence[Scenario],
    results: Sequence[RunResult],
    *,
    planned: int | None = None,
    began: datetime | None = None,
    seed: int = 0,
    repeat: int = 1,
) -> StudyResult:
    """Judge what runs have recorded, and answer from that alone. Runs nothing and writes nothing.

    Args:
        folder: folder of the study.
        scenarios: the scenarios that the runs are of; they say which questions are served at all.
        results: the runs.
        planned: number of runs that there should be; None: those that there are.
        began: when the study was begun; None: now.
        seed: seed of the first repetition.
        repeat: repetitions of each variant on each clock.
    """
    judged = judging.judge([result.trace for result in results if result.trace is not None])
    ran = {f"{result.job.name}@{result.job.clock}" for result in results if result.status == "ran"}
    variants = {f"{scenario.name}/{variant.name}": variant for scenario in scenarios for variant in scenario.variants.values()}
    served = {name for scenario in scenarios for name in (*scenario.hypotheses, *scenario.failure_modes, *scenario.success)}
    return StudyResult(
        folder,
        Surroundings((began or datetime.now(UTC)).isoformat(timespec="seconds"), source.library(), __version__),
        tuple(scenarios),
        tuple(_run(result, variants, judged) for result in results),
        len(results) if planned is None else planned,
        tuple(answer(question, judged.rows, ran, served, source.locate) for question in QUESTIONS),
        judged.rows,
        judged.report,
        judged.undecided,
        audit=judged.audit,
        pictures=judged.pictures,
        seed=seed,
        repeat=repeat,
    )


def write(result: StudyResult) -> None:
    """Write `report.md`, `report.html`, `findings.json` and `audit.jsonl` into the study's folder."""
    (result.folder / "audit.jsonl").write_bytes(audit.to_lines(result.audit))
    (result.folder / "findings.json").write_text(document.to_json(result), encoding="utf-8")
    (result.folder / "report.md").write_text(markdown.markdown(result), encoding="utf-8")
    (result.folder / "report.html").write_text(page.page(result), encoding="utf-8")


def _run_all(jobs: Sequence[Job], limit_s: float, told: Callable[[str, int], None]) -> list[RunResult]:
    """Most jobs run side by side: what they do takes 100 ms and more, in which they mostly sleep. Then those that measure time."""
    timed = [job for job in jobs if job.clock == "real" and job.name in TIMING]
    batches = (([job for job in jobs if job not in timed], SIDE_BY_SIDE), (timed, TIMED_SIDE_BY_SIDE))
    results: list[RunResult] = []
    try:
        for batch, workers in batches:
            with closing(run_many(batch, limit_s=limit_s, workers=workers)) as running:
                for result in running:
                    results.append(result)
                    told(_label(result), len(results))
                    if result.status == "interrupted":
                        raise KeyboardInterrupt  # noqa: TRY301 - as if it had come just now: nothing else is begun
    except KeyboardInterrupt:
        if not results or results[-1].status != "interrupted":  # It came between two results.
            missing = next((job for job in jobs if job not in {result.job for result in results}), None)
            results += [interrupted(missing)] if missing is not None else []
    order = {job: place for place, job in enumerate(jobs)}
    return sorted(results, key=lambda result: (result.status == "interrupted", order[result.job]))


def _new_folder(root: Path) -> Path:
    """A folder that did not exist: two studies never share one."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = root / f"study-{stamp}"
    folder.mkdir(parents=True)
    return folder


def _jobs(scenarios: Sequence[Scenario], folder: Path, *, quick: bool, clock: Clocks, repeat: int, seed: int, package: str) -> list[Job]:
    """All on the virtual clock first, which takes a second or two; then those that need real time."""
    everything = [(scenario, variant) for scenario in scenarios for variant in scenario.variants.values()]
    timing = [pair for pair in everything if f"{pair[0].name}/{pair[1].name}" in TIMING]
    jobs: list[Job] = []
    if clock != "real":
        jobs += plan([pair for pair in everything if not pair[1].real], "virtual", repeat, seed, folder, package)
    if clock != "virtual":
        jobs += plan(timing if quick else everything, "real", repeat, seed, folder, package)
    return jobs


def _run(result: RunResult, variants: Mapping[str, Variant], judged: judging.Judgement) -> StudyRun:
    file = "" if result.trace is None else result.trace.name
    found = judged.found.get(file, ())
    unmet = tuple(
        f"{each.criterion} {each.subject}"
        for each in variants[result.job.name].expected
        if file and judged.misses(file, result.job.name, each.criterion, each.subject)
    )
    return StudyRun(
        result,
        judged.observed.get(file, ()),
        tuple(told for told, _ in found),
        tuple(told for told, is_news in found if is_news),
        unmet,
    )


def _label(result: RunResult) -> str:
    return f"{result.job.name} ({result.job.clock})"


def _steps(progress: Progress | None, total: int) -> Callable[[str, int], None]:
    def told(what: str, done: int) -> None:
        if progress is not None:
            progress(what, done, total)

    return told
