"""What is asked of a scenario process, and what became of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..instrument.exporting import Endpoint

if TYPE_CHECKING:
    from .loops import Clock

Status = Literal["ran", "raised", "hung", "died", "interrupted"]
"""`ran`: to its end. `raised`: the scenario itself failed. `hung`: its time was up and its process was ended. `died`: the process
was gone before it answered. `interrupted`: Ctrl-C came. Whatever happened, what was recorded until then is in the trace."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one variant.

    Attributes:
        package: package in which the scenario is found.
        scenario: its name, family included.
        variant: name of the variant.
        clock: clock to run on.
        repetition: number of this repetition, from 0; `seed + repetition` seeds `random` before the run.
        seed: seed of the whole call.
        out: folder for the recording; None: where the recorder puts recordings anyhow.
        export: an OTLP endpoint that the recording goes to as well.
    """

    package: str
    scenario: str
    variant: str
    clock: Clock
    repetition: int = 0
    seed: int = 0
    out: Path | None = None
    export: Endpoint | None = None

    @property
    def name(self) -> str:
        """Scenario and variant, as they stand in the trace: `propagation/parallel_cancellation/timeout`."""
        return f"{self.scenario}/{self.variant}"

    @property
    def recording(self) -> str:
        """Beginning of the name of its trace file."""
        return f"{self.scenario.rpartition('/')[2]}.{self.variant}.{self.clock}.{self.repetition + 1}"

    def to_json(self) -> str:
        """One line for the process that runs it."""
        return json.dumps(asdict(self) | {"out": None if self.out is None else str(self.out)})

    @classmethod
    def from_json(cls, line: str) -> Job:
        """The job of such a line."""
        values: dict[str, Any] = json.loads(line)
        out, export = values.pop("out"), values.pop("export")
        return cls(**values, out=None if out is None else Path(out), export=None if export is None else Endpoint(**export))


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a job.

    Attributes:
        job: the job.
        status: how it ended.
        trace: its trace file; None when none was written.
        seconds: how long it took in real time, the start of a process not included.
        error: what went wrong, in one line; empty when it ran.
        unsent: why units of it were not sent to the job's endpoint; empty when all were, or none had to be.
    """

    job: Job
    status: Status
    trace: Path | None
    seconds: float
    error: str = ""
    unsent: str = ""
