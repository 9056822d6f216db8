"""Ties the rule of a criterion to a case: which request, deadline, abort, flag or end put its subject under the rule, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .story import told
from .words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .finding import Evidence, Finding

_ENDS: Final = ("end", "open")
_SUBJECTS: Final = ("cancel.requested", "cancel.delivered")

TRIGGERS: Final[dict[str, tuple[str, ...]]] = {
    "D01": ("due",),
    "D02": ("due",),
    "D03": ("cause due",),
    "D04": ("due",),
    "D07": ("due",),
    "D08": ("asked",),
    "P01": ("asked",),
    "P02": ("cause ended",),
    "P03": ("cause ended",),
    "P04": ("aborted",),
    "P05": ("flagged", "aborted", "cause ended"),
    "P06": ("cause ended",),
    "P07": ("asked",),
    "P08": ("asked",),
    "P09": ("flagged",),
    "P10": ("cause ended",),
    "P11": ("asked",),
    "O03": ("asked", "aborted"),
    "C04": ("asked",),
    "C06": ("cause ended", "asked"),
    "C08": ("asked",),
    "R01": ("asked", "due"),
    "T02": ("due",),
}
"""By criterion: what may have put a subject under the rule, the most telling first. Others have no such moment."""

DUTIES: Final = {
    "P01": "so the cancellation had to reach it at its next turns",
    "P02": "so {subject}, which is below it, had to end with it",
    "P03": "and {subject}, which it had to see to its end, was still at work",
    "P04": "so {subject}, which works for that run, had to be asked to stop",
    "P05": "so {subject} had to start no more",
    "P06": "so {subject}, which depends on it, had not to start",
    "P08": "so it had to end by that cancellation",
    "P09": "so {subject}, which works for it, had to notice and end",
    "P10": "so {subject}, of the same group, had to be cancelled or awaited",
    "P11": "so the thread that worked for it had to end first",
    "O03": "so it had no output to give any more",
    "C04": "so it had to clean up and end",
    "C06": "and {subject}, which it had to wait for, was still cleaning up",
    "C08": "so it was cleaning up from then on, and had to be left alone",
    "R01": "so it had not to return as if nothing had happened",
}
"""What that moment asked of the subject, as the end of the sentence."""

STRETCHES: Final[dict[str, tuple[str, ...]]] = {
    "D01": ("cancel.delivered", *_ENDS),
    "P01": ("cancel.delivered", *_ENDS),
    "P02": _ENDS,
    "P03": _ENDS,
    "P04": _ENDS,
    "P08": _ENDS,
    "P09": _ENDS,
    "P10": _ENDS,
    "P11": ("thread.finished", *_ENDS),
    "C06": _ENDS,
    "R01": _ENDS,
    "T03": ("loop.blocked",),
}
"""Criteria that measure how long a subject went on, and the facts that may end the stretch."""

UNASKED: Final = frozenset({"P02", "P03", "P04", "P09", "P10"})
"""Criteria whose subject was not told of something."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a subject went on for, in ns since the epoch on its unit's clock."""

    from_ns: int
    until_ns: int
    still_open: bool


def stretch(finding: Finding) -> Stretch | None:
    """The stretch that the subject of a finding ran on; None: the criterion measures another thing, or the end of it is not known."""
    if finding.unit != "ns" or finding.measured is None:
        return None
    known = {item.time_ns for item in finding.evidence}
    wanted = STRETCHES.get(finding.criterion, ())
    ends = [item for event in wanted for item in finding.evidence if item.event == event and item.span_id == finding.span_id]
    if not ends:
        return None
    length = int(finding.measured)
    # The one that a recorded fact begins is meant: a unit may have several deliveries.
    end = next((item for item in ends if item.time_ns - length in known), ends[0])
    return Stretch(end.time_ns - length, end.time_ns, end.event == "open")


def because(finding: Finding, letters: Mapping[str, str], begin: int) -> str | None:
    """One sentence: what put the subject under the rule, by whom, where and when (since `begin`); None: the facts do not tell."""
    kinds = TRIGGERS.get(finding.criterion, ())
    subject = letters.get(finding.span_id or "", "it")
    limit = _limit(finding)
    for kind in kinds:
        item = next(iter(_found(finding, kind, limit)), None)
        if item is None:
            continue
        sentence = f"at {duration(item.time_ns - begin)} {told(item, letters)}"
        if kind in ("due", "cause due"):
            return f"{sentence}, so it had to be over, or cut, by {duration(item.time_ns + int(item.detail or 0) - begin)}"
        tail = DUTIES.get(finding.criterion)
        return f"{sentence}, {tail.format(subject=subject)}" if tail else sentence
    return None


def _limit(finding: Finding) -> int | None:
    """Where the stretch begins, when it is known: what put the subject under the rule came no later."""
    known = stretch(finding)
    return known.from_ns if known else None


def _deadlines(finding: Finding, span_id: str | None) -> Iterator[Evidence]:
    return (item for item in finding.evidence if item.event == "deadline.set" and item.span_id == span_id and item.detail)


def _found(finding: Finding, kind: str, limit: int | None) -> Iterator[Evidence]:
    """Facts of that kind, the best first."""
    match kind:
        case "asked":
            items = [item for item in finding.evidence if item.event in _SUBJECTS and item.span_id == finding.span_id]
            before = [item for item in items if item.event == "cancel.requested" and (limit is None or item.time_ns <= limit)]
            # A cancellation that was borrowed has no request on this unit.
            yield from reversed(before) if limit is not None else before
            yield from items
        case "due":
            yield from _deadlines(finding, finding.span_id)
        case "cause due":
            yield from _deadlines(finding, finding.cause_span_id)
        case "aborted":
            yield from (item for item in finding.evidence if item.event == "abort")
        case "flagged":
            yield from (item for item in finding.evidence if item.event == "cancel.flagged")
        case _:
            yield from (item for item in finding.evidence if item.event == "end" and item.span_id == finding.cause_span_id)
