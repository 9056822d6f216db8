"""Runs scenarios, each run in a process apart and with a recording of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .discovery import HOME, select
from .process import Worker
from .result import Job, RunResult

if TYPE_CHECKING:
    from pathlib import Path

    from .loops import Clock
    from .scenario import Scenario, Variant

LIMIT_S = 60.0
"""Longest real time of one run. The longest scenario takes ten seconds on the real clock; the rest is for a busy machine."""

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


def run_many(jobs: Iterable[Job], *, limit_s: float = LIMIT_S, workers: int = 1, progress: Progress | None = None) -> Generator[RunResult]:
    """Run jobs and yield their results as they come. Ctrl-C ends it with a result `interrupted`.

    An endpoint that did not take one recording is not tried again: each try would cost its while.

    Args:
        jobs: the jobs, in the order in which they are begun.
        limit_s: longest real time of one run, in seconds.
        workers: processes that run jobs side by side. Jobs that measure time want one.
        progress: called after each run.

    Raises:
        ScenarioProcessError: no process could be started.
    """
    todo = list(jobs)
    crew = _Crew(todo, limit_s)
    hands = [threading.Thread(target=crew.work, daemon=True) for _ in range(min(workers, len(todo)))]
    try:
        for hand in hands:
            hand.start()
        for number in range(1, len(todo) + 1):
            result = crew.next()
            if progress is not None:
                progress(result, number, len(todo))
            yield result
    except KeyboardInterrupt:
        crew.stop()
        yield interrupted(crew.at_work() or todo[-1])
    finally:
        crew.stop()
        for hand in hands:
            hand.join()


class _Crew:
    """Threads, each with a process of its own, that take one job after the other."""

    def __init__(self, jobs: list[Job], limit_s: float) -> None:
        self._todo = deque(jobs)
        self._limit_s = limit_s
        self._done: queue.SimpleQueue[RunResult | BaseException] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        self._running: list[Job] = []
        self._unsent = ""
        self._stopped = False
        self._lock = threading.Lock()

    def work(self) -> None:
        """Take jobs until none is left, or `stop` was called."""
        with Worker() as worker:
            self._workers.append(worker)
            while (job := self._take()) is not None:
                try:
                    result: RunResult | BaseException = self._run(worker, job)
                except BaseException as error:
                    result = error
                with self._lock:
                    if self._stopped:
                        return
                    self._running.remove(job)
                self._done.put(result)

    def next(self) -> RunResult:
        """The next result; waits for it.

        Raises:
            ScenarioProcessError: no process could be started.
        """
        # With a limit: without one Ctrl-C would not be heard on every platform.
        while True:
            with contextlib.suppress(queue.Empty):
                result = self._done.get(timeout=1)
                if isinstance(result, BaseException):
                    raise result
                return result

    def stop(self) -> None:
        """No job is begun any more, and the processes of those at work are ended."""
        with self._lock:
            self._stopped = True
        for worker in self._workers:
            worker.end()

    def at_work(self) -> Job | None:
        """The oldest job that was begun and has no result."""
        with self._lock:
            return self._running[0] if self._running else None

    def _take(self) -> Job | None:
        with self._lock:
            if self._stopped or not self._todo:
                return None
            job = self._todo.popleft()
            self._running.append(job)
            return job

    def _run(self, worker: Worker, job: Job) -> RunResult:
        if self._unsent and job.export is not None:
            return replace(worker.run(replace(job, export=None), self._limit_s), job=job, unsent=self._unsent)
        result = worker.run(job, self._limit_s)
        self._unsent = self._unsent or result.unsent
        return result


def interrupted(job: Job) -> RunResult:
    """What became of the job during which Ctrl-C came."""
    return RunResult(job, "interrupted", None, 0.0, "Ctrl-C")
