"""Runs scenarios, each run in a process apart and with a recording of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .discovery import HOME, select
from .process import Worker
from .result import Job, RunResult

if TYPE_CHECKING:
    from pathlib import Path

    from .loops import Clock
    from .scenario import Scenario, Variant

LIMIT_S = 20.0
"""Longest real time of one run. The longest scenario takes one second on the real clock; the rest is for a busy machine."""

Progress = Callable[[RunResult, int, int], None]
"""Called after each run with its result, the number of runs that are over, and the number of all."""


def run(
    name: str,
    *,
    variant: str | None = None,
    clock: Clock = "virtual",
    repeat: int = 1,
    seed: int = 0,
    out: Path | None = None,
    limit_s: float = LIMIT_S,
    progress: Progress | None = None,
) -> list[RunResult]:
    """Run a scenario: all its variants, or the one that is named.

    Args:
        name: `family/name`, `name` where that is unambiguous, or `family/name/variant`.
        variant: run this variant only.
        clock: `virtual` takes no time; `real` can be late.
        repeat: repetitions of each variant.
        seed: repetition i runs with `random` seeded by `seed + i`.
        out: folder for the traces; None: where the recorder puts recordings anyhow.
        limit_s: longest real time of one run, in seconds.
        progress: called after each run.

    Returns:
        One result a run, in the order in which they ran. After Ctrl-C the last one says `interrupted`, and the rest is missing.

    Raises:
        UnknownScenarioError: there is no such scenario or variant.
    """
    jobs = plan(select(name, variant), clock, repeat, seed, out)
    return list(run_many(jobs, limit_s=limit_s, progress=progress))


def plan(
    variants: Iterable[tuple[Scenario, Variant]], clock: Clock, repeat: int = 1, seed: int = 0, out: Path | None = None, package: str = HOME
) -> list[Job]:
    """The jobs for variants on one clock, repetition by repetition; what means nothing on a virtual clock is given the real one."""
    if repeat < 1:
        raise ValueError(f"repeat must be at least 1, got {repeat}.")
    wanted = list(variants)
    return [
        Job(package, scenario.name, variant.name, "real" if variant.real else clock, number, seed, out)
        for number in range(repeat)
        for scenario, variant in wanted
    ]


def run_many(jobs: Iterable[Job], *, limit_s: float = LIMIT_S, progress: Progress | None = None) -> Iterator[RunResult]:
    """Run jobs one after the other, and yield their results as they come. Ctrl-C ends it with a result `interrupted`.

    An endpoint that did not take one recording is not tried again: each try would cost its while.
    """
    todo = list(jobs)
    unsent = ""
    with Worker() as worker:
        for number, job in enumerate(todo, start=1):
            try:
                if unsent and job.export is not None:
                    result = replace(worker.run(replace(job, export=None), limit_s), job=job, unsent=unsent)
                else:
                    result = worker.run(job, limit_s)
                    unsent = result.unsent
                if progress is not None:
                    progress(result, number, len(todo))
            except KeyboardInterrupt:
                yield interrupted(job)
                return
            yield result


def interrupted(job: Job) -> RunResult:
    """What became of the job during which Ctrl-C came."""
    return RunResult(job, "interrupted", None, 0.0, "Ctrl-C")
