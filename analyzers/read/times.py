"""Brings times into nanoseconds since 1970, whatever their unit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from .shapes import shown

if TYPE_CHECKING:
    from .notes import Notes

MICRO: Final = 1_000
"""Nanoseconds of a microsecond."""

_LAST: Final = 2**63 - 1
"""In the year 2262: the end of what a TIMESTAMP_NS holds."""
_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,30}))?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_ns(given: Any, unit_ns: int, notes: Notes, line: int) -> int | None:
    """A time as a number, a number as text, or ISO 8601; None for none: missing, 0, or no time, which is said.

    Args:
        given: what stands in the file.
        unit_ns: nanoseconds of its unit.
        notes: where to say it.
        line: where it stands.
    """
    if given is None or given == "":
        return None
    time = _iso(given) if isinstance(given, str) else None
    if time is None:
        time = scaled(given, unit_ns)
    if time is not None and 0 < time < _LAST:
        return time
    if time != 0:
        what = "a time is no time since 1970, or beyond the year 2262"
        notes.add(what, "it counts as missing", "data_loss", line=line, detail=shown(given))
    return None


def end_ns(start: int | None, duration: Any, unit_ns: int, notes: Notes, line: int) -> int | None:
    """The end of what lasts for `duration`; None: it is not known, or it is no duration, which is said."""
    if start is None or duration is None:
        return None
    length = scaled(duration, unit_ns)
    if length is not None and 0 <= length < _LAST - start:
        return start + length
    notes.add("a duration is none", "the end counts as missing", "data_loss", line=line, detail=shown(duration))
    return None


def scaled(given: Any, unit_ns: int) -> int | None:
    """A number, or a number as text, in nanoseconds; None: it is none. Whole numbers stay exact."""
    if isinstance(given, bool):
        return None
    try:
        return int(given) * unit_ns if isinstance(given, int | str) else _parts(float(given), unit_ns)
    except (TypeError, OverflowError):
        return None
    except ValueError:
        pass
    try:
        return _parts(float(given), unit_ns)
    except (ValueError, OverflowError):
        return None


def _parts(number: float, unit_ns: int) -> int:
    """A number with a fraction, the whole part exactly: microseconds since 1970 times 1000 are more than a float holds."""
    whole = int(number)
    return whole * unit_ns + round((number - whole) * unit_ns)


def _iso(text: str) -> int | None:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone is None or zone in "Zz" else zone
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{offset}") - _EPOCH
    except (ValueError, OverflowError):
        return None
    return (whole.days * 86_400 + whole.seconds) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])
