"""A finding and a criterion's result, as data. Words are made from them in `explain.py`, JSON in `report.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .verdicts import Fault, Severity, State, Verdict
from .words import subject_name

if TYPE_CHECKING:
    from .header import Header
    from .margins import Margins


@dataclass(frozen=True, slots=True)
class Code:
    """A line of code; the path is relative to the source root where it lies below it."""

    file: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One recorded fact about the subject of a finding or its cause.

    Attributes:
        time_ns: when, in ns since the epoch, on the unit's clock.
        span_id: the unit that it happened to.
        event: `start`, `end`, `open` (nothing later is known), `abort`, or the name of a recorded event.
        actor_span_id: the unit that did it.
        code: the line that did it, or that was waiting.
        detail: mechanism, outcome or the like, in one word or a few.
        unit: span name of the unit; actor: span name of the actor.
        seq: order among everything in its process; 0: not known.
    """

    time_ns: int
    span_id: str
    event: str
    actor_span_id: str | None
    code: Code | None
    detail: str | None = None
    unit: str = ""
    actor: str | None = None
    seq: int = 0


@dataclass(slots=True)
class Finding:
    """One subject that violates one criterion.

    Attributes:
        file: the trace file, as it was given.
        path: span names from the root of its trace down to the subject.
        thing: what of its unit the subject is (a resource, a checkpoint, a series), by name; None: the unit itself.
        cause: span name of the unit `cause_span_id`.
        still_open: no end of the subject was recorded.
        cause_trace_id: trace of the unit `cause_span_id`, which may be another one of the same process; None: it was not read.
        function: the function of `code`, as it is qualified; None: not known.
        also: ids of the criteria whose findings follow from this one.
        implied_by: fingerprint of the finding that this one follows from.
        link: address of its span on a Jaeger's pages (`remote.links`); None: nobody named one.
    """

    fingerprint: str
    criterion: str
    name: str
    file: str | None
    resource_id: int | None
    trace_id: str
    span_id: str | None
    subject: str
    severity: Severity
    fault: Fault | None
    measured: float | None
    bound: float | None
    unit: str | None
    cause_span_id: str | None
    cause: str | None
    note: str | None
    message: str
    fix: str
    code: Code | None
    path: tuple[str, ...] = ()
    still_open: bool = False
    evidence: list[Evidence] = field(default_factory=list[Evidence])
    state: State = "new"
    also: list[str] = field(default_factory=list[str])
    implied_by: str | None = None
    function: str | None = None
    link: str | None = None
    cause_trace_id: str | None = None
    thing: str | None = None

    @property
    def holder(self) -> str:
        """Name of the unit that the subject is, or is a thing of."""
        return self.subject if self.thing is None else self.subject.removesuffix(f" {self.thing}")

    @property
    def label(self) -> str:
        """The subject as a message names it."""
        return subject_name(self.holder, self.thing)


@dataclass(slots=True)
class CriterionResult:
    """What one criterion says of all traces.

    Attributes:
        reason: why it is UNKNOWN or NOT EXERCISED, in words; None otherwise.
        margins: how near the subjects that hold came to their bounds; None: no bound.
        by_trace: verdict of each trace in which it met a subject or could not judge.
        seconds: time that its query took.
    """

    header: Header
    verdict: Verdict
    subjects: int = 0
    held: int = 0
    violated: int = 0
    unknown: int = 0
    reason: str | None = None
    margins: Margins | None = None
    by_trace: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    violations: list[Finding] = field(default_factory=list[Finding])
    seconds: float = 0.0
