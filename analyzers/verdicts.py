"""Words of a judgement: verdicts, severities, faults, and which of them is the more serious."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")
"""From the most to the least serious. `info` never fails anything."""

Fault = Literal["library", "code", "interpreter", "caller"]
FAULTS: Final[tuple[Fault, ...]] = ("library", "code", "interpreter", "caller")
"""Whose fault: the library's; the stage's or program's own code's; a known difference between Pythons; the caller's."""

State = Literal["new", "expected", "baselined", "suppressed"]


class Verdict(StrEnum):
    """What a criterion says of a trace, or of all. Silence is not success: NOT_EXERCISED is not HOLDS."""

    VIOLATED = "violated"
    UNKNOWN = "unknown"
    HOLDS = "holds"
    NOT_EXERCISED = "not_exercised"

    @property
    def words(self) -> str:
        """For people: `NOT EXERCISED`."""
        return self.value.replace("_", " ").upper()


ORDER: Final = (Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.HOLDS, Verdict.NOT_EXERCISED)
"""The first that applies is the verdict."""


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of ORDER that is among them; NOT_EXERCISED when there are none to merge."""
    found = set(verdicts)
    return next((verdict for verdict in ORDER if verdict in found), Verdict.NOT_EXERCISED)


def of_counts(violated: int, unknown: int, held: int) -> Verdict:
    """The verdict of a number of subjects."""
    if violated:
        return Verdict.VIOLATED
    if unknown:
        return Verdict.UNKNOWN
    return Verdict.HOLDS if held else Verdict.NOT_EXERCISED


def at_least(severity: Severity, bound: Severity) -> bool:
    """Whether `severity` is as serious as `bound`, or more."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(bound)
