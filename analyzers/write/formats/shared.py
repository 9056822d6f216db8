"""What the formats with microseconds have in common: how they cut times, and what none of them can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..losses import Losses
    from ..source import Span

UNFINISHED = "unfinished"


def micros(time_ns: int | None) -> int:
    """A time in whole microseconds; 0: not recorded."""
    return (time_ns or 0) // 1_000


def note_times(span: Span, lost: Losses) -> None:
    """Count the times of a span that are no whole microseconds."""
    times = [span.start_ns, span.end_ns, *(event.time_ns for event in span.events)]
    lost.add("times with nanoseconds", "cut to microseconds", sum(1 for time in times if time is not None and time % 1_000))


def note_counts(span: Span, lost: Losses) -> None:
    """Count what only OTLP has a place for."""
    lost.add("trace flags", "left out", int(bool(span.flags)))
    lost.add(
        "counts of what the writer dropped", "left out", sum(map(bool, (span.dropped_attributes, span.dropped_events, span.dropped_links)))
    )
