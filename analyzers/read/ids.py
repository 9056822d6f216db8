"""Brings ids of traces and spans into one form, whoever wrote them: lower hex, 32 or 16 digits."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from .shapes import shown

if TYPE_CHECKING:
    from .notes import Notes

TRACE: Final = 32
"""Digits of a trace id."""
SPAN: Final = 16
"""Digits of a span id."""

_WHOLE: Final = {TRACE: re.compile(r"[0-9a-f]{32}"), SPAN: re.compile(r"[0-9a-f]{16}")}
_HEX: Final = re.compile(r"[0-9a-f]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_URL_SAFE: Final = str.maketrans("-_", "+/")


class Ids:
    """Reads the ids of one file. Each way of writing them that differs from the usual one is said once."""

    def __init__(self, notes: Notes, usual: frozenset[str] = frozenset()) -> None:
        """`usual`: what is lawful in this format, of `0x`, `short`."""
        self._notes = notes
        self._said = set(usual)

    def trace(self, given: Any, line: int) -> str:
        """A trace id.

        Raises:
            ValueError: there is none.
        """
        return self._read(given, TRACE, line)

    def span(self, given: Any, line: int) -> str:
        """A span id.

        Raises:
            ValueError: there is none.
        """
        return self._read(given, SPAN, line)

    def parent(self, given: Any, line: int) -> str | None:
        """The id of a parent; None: it is missing, empty, or all zeros."""
        if not given:
            return None
        parent = self._read(given, SPAN, line)
        return parent if parent.strip("0") else None

    def _read(self, given: Any, digits: int, line: int) -> str:
        if type(given) is str and _WHOLE[digits].fullmatch(given):
            return given
        if type(given) is int and 0 < given < 16**digits:
            self._say("number", "ids are numbers", "they were written as hex", line)
            return f"{given:0{digits}x}"
        if not isinstance(given, str) or not given.strip():
            raise ValueError(f"the id is {shown(given)}")
        return self._text(given.strip(), digits, line)

    def _text(self, given: str, digits: int, line: int) -> str:
        lower = given.lower()
        if lower.startswith("0x"):
            self._say("0x", "ids begin with 0x", "the digits after it were taken", line)
            lower = lower[2:]
        elif len(lower) == digits + 4 and lower.count("-") == 4:
            self._say("uuid", "ids are written as UUIDs", "the dashes were left out", line)
            lower = lower.replace("-", "")
        if _HEX.fullmatch(lower) and len(lower) <= digits:
            if len(lower) < digits:
                self._say("short", "ids are shorter than 32 or 16 hex digits", "zeros were put before them", line)
            return lower.zfill(digits)
        decoded = _decoded(given, digits)
        if decoded is not None:
            self._say("base64", "ids are in base64", "they were written as hex", line)
            return decoded
        kind, done = "an id is not 16 or 32 hex digits", "it was taken as it is"
        self._notes.add(kind, done, "notice", line=line, detail=repr(given[:60]))
        return lower

    def _say(self, way: str, what: str, done: str, line: int) -> None:
        if way not in self._said:
            self._said.add(way)
            self._notes.add(what, done, "info", line=line)


def _decoded(given: str, digits: int) -> str | None:
    """What is in an id in base64: its bytes, or its hex digits as text. None: it is no such id."""
    if len(given) > 2 * digits or not _BASE64.fullmatch(given):
        return None
    try:
        raw = base64.b64decode(given.rstrip("=").translate(_URL_SAFE) + "=" * (-len(given.rstrip("=")) % 4), validate=True)
    except binascii.Error:
        return None
    text = raw.decode("ascii", "replace").lower()
    if len(text) in {SPAN, digits} and _HEX.fullmatch(text):
        return text.zfill(digits)
    return raw.hex() if len(raw) * 2 == digits else None
