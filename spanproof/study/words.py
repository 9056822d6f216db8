"""Numbers and rows in words, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Claim, Judged, Place, Row

CLOCKS = {"monotonic": "real clock", "virtual": "virtual clock"}


def quantity(value: float, unit: str) -> str:
    """A measured value as people write it: nanoseconds become milliseconds."""
    if unit == "ns":
        return f"{value / 1e6:.1f} ms"
    if unit == "ms":
        return f"{value:.1f} ms"
    return f"{value:g} {unit}".strip()


def figure(row: Row) -> str:
    """Measured against bound, where the row has both: `200.0 ms (bound: 10.0 ms)`."""
    if row.measured is None or not row.unit:
        return row.note
    allowed = f" (bound: {quantity(row.bound, row.unit)})" if row.bound is not None else ""
    return f"{quantity(row.measured, row.unit)}{allowed}"


def evidence(row: Row) -> str:
    """One row of evidence: `P04 stage stock: 200.0 ms (bound: 10.0 ms), virtual clock`."""
    told = figure(row)
    return f"{row.criterion} {row.subject}{f': {told}' if told else ''}, {CLOCKS.get(row.clock, row.clock)}"


def pointer(row: Row) -> str:
    """Where to look: the trace file and the span."""
    return f"{row.file}, span {row.span_id}"


def place(found: Place) -> str:
    """A line of the library: `stageflow/pipeline/dag.py:746`, or that this version does not have it."""
    if found.line is None:
        return f"{found.file}: `{found.statement.text}` was not found in {found.statement.function} of {found.library}"
    return f"{found.file}:{found.line} `{found.statement.text}` {found.statement.says}"


def seen_in(judged: Judged) -> str:
    """In how many traces it held, or did not."""
    if judged.holds == "not decided":
        return f"not decided, because {judged.reason}"
    if judged.holds == "yes":
        return f"held in {judged.runs} of {judged.runs} traces"
    return f"did not hold in {judged.against} of {judged.runs} traces" + (": it varies" if judged.holds == "varies" else "")


def advice(judged: Judged) -> str:
    """What to do, and whether a run has shown that it works."""
    claim: Claim = judged.claim
    if not claim.advice:
        return ""
    if judged.advice_holds is None:
        return claim.advice
    shown = "its trace is clean" if judged.advice_holds else "but its trace is not clean"
    return f"{claim.advice} Tried in {claim.shown_by}: {shown}."
