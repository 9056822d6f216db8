"""Times of Chrome's traces: microseconds since anything, with fractions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ..shapes import shown
from ..times import MICRO, scaled

if TYPE_CHECKING:
    from ..notes import Notes

_LATEST: Final = 2**62
"""146 years before or after zero: so that a start and a duration are never more than a table holds."""
EXACT: Final = 2.0**43
"""Microseconds of which a float still tells nanoseconds: 101 days."""


def instant_ns(given: Any, notes: Notes, line: int) -> int | None:
    """A time; None: there is none, which is said. Zero is a time like any other: the clock may begin with the program."""
    time = _ns(given)
    if time is None:
        notes.add("an event without a time", "it was left out", "data_loss", line=line, detail=shown(given))
    return time


def duration_ns(given: Any, notes: Notes, line: int) -> int | None:
    """A duration; None: there is none, which is said."""
    length = _ns(given)
    if length is not None and length >= 0:
        return length
    notes.add("a complete event without a duration", "its end counts as missing", "data_loss", line=line, detail=shown(given))
    return None


def _ns(given: Any) -> int | None:
    if given.__class__ is float and -EXACT < given < EXACT:
        return round(given * MICRO)
    if isinstance(given, Decimal):
        time: int | None = int((given * MICRO).to_integral_value())
    else:
        time = scaled(given, MICRO)
    return time if time is not None and -_LATEST < time < _LATEST else None
