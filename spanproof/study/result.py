"""What a study found, in one object: for the terminal and for the files of its folder."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..scenarios.result import RunResult
    from ..scenarios.scenario import Scenario
    from .model import Answer, Row

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One run with what its trace shows.

    Attributes:
        result: how it went.
        observed: what happened, one sentence an item (see `observe`).
        found: violations in its trace, as `P04 stage stock`; those that follow from another one are left out.
        news: those of them that nobody expected.
        unmet: expectations that its trace does not meet.
    """

    result: RunResult
    observed: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    news: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Name of its trace file; empty when there is none."""
        return "" if self.result.trace is None else self.result.trace.name


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and with what the study was made."""

    began: str
    library: str
    version: str
    python: str = field(default_factory=lambda: f"{platform.python_implementation()} {platform.python_version()}")
    machine: str = field(default_factory=lambda: f"{platform.system()} {platform.release()} {platform.machine()}")


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A finished study, or the part of it that was made before Ctrl-C.

    Attributes:
        folder: where its traces and reports are.
        surroundings: versions and machine.
        scenarios: all scenarios that were to run.
        runs: one entry a run that was begun.
        planned: number of runs that there should have been.
        answers: the questions of the research summary with their answers.
        rows: every row of evidence: criteria and facts, subject by subject.
        report: the mapping of the JSON contract of `check`, for all traces together; empty when there is no trace.
        unknown: ids of the criteria that could not be decided for some trace.
        audit: one entry for each timeout and cancellation that happened.
        pictures: of each trace file with findings its picture, as SVG.
        seconds: real time of the whole.
        seed: the seed.
        repeat: repetitions of each variant on each clock.
    """

    folder: Path
    surroundings: Surroundings
    scenarios: tuple[Scenario, ...]
    runs: tuple[StudyRun, ...]
    planned: int
    answers: tuple[Answer, ...]
    rows: Sequence[Row]
    report: Mapping[str, Any]
    unknown: tuple[str, ...]
    audit: Sequence[Mapping[str, Any]] = ()
    pictures: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    seed: int = 0
    repeat: int = 1

    @property
    def interrupted(self) -> bool:
        """Ctrl-C ended it: what is here is a part."""
        return any(run.result.status == "interrupted" for run in self.runs)

    @property
    def incomplete(self) -> tuple[StudyRun, ...]:
        """Runs that did not come to their end."""
        return tuple(run for run in self.runs if run.result.status != "ran")

    @property
    def news(self) -> tuple[str, ...]:
        """Findings that no scenario expects: `scenario/variant (clock): P04 stage stock`."""
        return tuple(f"{run.result.job.name} ({run.result.job.clock}): {each}" for run in self.runs for each in run.news)

    @property
    def unmet(self) -> tuple[str, ...]:
        """Expected findings that no run that came to its end shows any more: `scenario/variant: P04 stage stock`."""
        return tuple(f"{name}: {told}" for (name, told), (missing, of) in self._missing().items() if missing == of)

    @property
    def varying(self) -> tuple[str, ...]:
        """Expected findings that some runs show and others do not: a race, or a machine too busy to bring the situation about."""
        return tuple(
            f"{name}: {told}, in {of - missing} of {of} runs" for (name, told), (missing, of) in self._missing().items() if missing < of
        )

    def _missing(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Variant and expected finding; in how many of its runs it is missing, and the number of those runs."""
        ran = [run for run in self.runs if run.result.status == "ran"]
        missing = Counter((run.result.job.name, told) for run in ran for told in run.unmet)
        runs = Counter(run.result.job.name for run in ran)
        return {key: (count, runs[key[0]]) for key, count in missing.items()}

    @property
    def exit_code(self) -> int:
        """0: all ran, and found is what was expected. 1: news, or something expected is gone. 2: incomplete, or undecided. 130: Ctrl-C."""
        if self.interrupted:
            return INTERRUPTED
        if self.news or self.unmet:
            return 1
        open_questions = self.incomplete or self.unknown or self.varying or len(self.runs) < self.planned
        return 2 if not self.runs or open_questions else 0
