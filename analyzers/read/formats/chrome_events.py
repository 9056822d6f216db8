"""Takes Chrome's trace files apart, event by event, so that the text of a file is never in memory as a whole.

A file is an array of events, whose end may be missing, or an object with such an array, or events one after another.
"""

from __future__ import annotations

import codecs
import json
import re
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from ..shapes import is_map, shown
from .chrome_times import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes

EVENTS: Final = "traceEvents"

_PIECE: Final = 1 << 20
_AHEAD: Final = 1 << 16
"""Characters that are there before a value is read: what fails far before their end is broken, not cut."""
_NEAR: Final = 64
_BETWEEN: Final = re.compile(r"[ \t\r\n\x1e,]*")
_MEMBER: Final = re.compile(r'("(?:[^"\\]|\\.)*+")\s*+:\s*+', re.DOTALL)
_CUT: Final = re.compile(r"[\w.+-]*\s*")
"""What is left of a number or a word."""
_CUT_NAME: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?\s*', re.DOTALL)
_NEXT: Final = re.compile(r"[,\n\[}]\s*+(?=\{)")
_TIME: Final = re.compile(r'"(ts|dur)"\s*:\s*(-?[0-9]+\.[0-9]{1,30})(?![0-9eE])')
_PATIENCE: Final = 20
"""Values that go on to the end of the file, or are nested too deeply, after which the rest is given up: each is searched that far."""
_LOST: Final = object()
_DECODER: Final = json.JSONDecoder(strict=False)


class Found(NamedTuple):
    """An event and its line, from 1."""

    event: dict[str, Any]
    line: int


class Events:
    """Reads the events of one file.

    Attributes:
        beside: the members beside the events.
    """

    def __init__(self, stream: IO[bytes], notes: Notes) -> None:
        self.beside: dict[str, Any] = {}
        self._stream = stream
        self._notes = notes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0
        """Up to here the lines were counted."""
        self._ended = False
        self._cut = False
        self._replaced = False
        self._patience = _PATIENCE

    def all(self) -> Iterator[Found]:
        """Every event, in order."""
        while char := self._next():
            if char == "[":
                self._at += 1
                yield from self._array()
            elif char == "{":
                yield from self._object()
            else:
                self._strange()

    def _array(self) -> Iterator[Found]:
        """The elements of an array up to its end, which is behind the last one, or missing."""
        while char := self._next():
            if char == "]":
                self._at += 1
                return
            if char != "{":
                self._strange()
                continue
            line = self._count()
            value = self._value("an event")
            if is_map(value):
                yield Found(value, line)

    def _object(self) -> Iterator[Found]:
        """An object with events in it, or an event."""
        line = self._count()
        self._at += 1
        members: dict[str, Any] = {}
        while (char := self._next()) and char != "}":
            found = _MEMBER.match(self._text, self._at)
            if not found:
                if self._ended and _CUT_NAME.fullmatch(self._text, self._at):
                    self._half(self._at, open_text=False)
                else:
                    self._strange()
                return
            self._at = found.end()
            name = str(_DECODER.decode(found.group(1)))
            if self._next() == "[" and name == EVENTS:
                self._at += 1
                yield from self._array()
                continue
            members[name] = self._value("a member")
            if members[name] is _LOST:
                return
        self._at += 1
        if not char:
            if not self._cut:
                what = "the file ends before its JSON: the writer was stopped while it wrote"
                self._notes.add(what, "every event was read", "info", line=self._count())
            self.beside |= members
        elif "ph" in members:
            yield Found(members, line)
        else:
            self.beside |= members

    def _value(self, what: str) -> Any:
        """The value that stands here. For one that is no JSON, which is said, `_LOST`; the next one may stand behind."""
        begin = self._at
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, begin)
            except RecursionError:
                self._lost(f"{what} is nested too deeply", begin, patient=False)
                return _LOST
            except ValueError as error:
                at = error.pos if isinstance(error, json.JSONDecodeError) else begin
                open_text = str(error).startswith("Unterminated")
                if (open_text or at > len(self._text) - _NEAR) and self._more():
                    begin = self._at
                    continue
                if open_text or _CUT.fullmatch(self._text, at):
                    self._half(begin, open_text=open_text)
                else:
                    self._lost(f"{what} is no JSON", at, detail=str(error).split(":")[0])
                return _LOST
            if is_map(value) and type(time := value.get("ts")) is float and not -EXACT < time < EXACT:
                _exactly(value, self._text[begin : self._at])
            return value

    def _half(self, begin: int, *, open_text: bool) -> None:
        """A value goes on to the end of the file: it was cut, or a quote is missing."""
        if open_text and _NEXT.search(self._text, begin):
            self._lost("an event has a text without an end", begin, patient=False)
            return
        done = "it was left out; every event before it was read"
        self._notes.add("half a last event: the writer was stopped while it wrote", done, "info", line=self._count())
        self._at = len(self._text)
        self._cut = True

    def _lost(self, what: str, at: int, *, detail: str = "", patient: bool = True) -> None:
        line = self._count()
        self._patience -= not patient
        if self._patience:
            self._notes.add(what, "it was left out, the next one was looked for", "data_loss", line=line, detail=detail)
            self._resume(at)
        else:
            self._notes.add(what, "the rest of the file was left out", "data_loss", line=line, detail=detail)
            self._give_up()

    def _resume(self, at: int) -> None:
        """Go on where an event may begin, behind a place."""
        self._at = max(at, self._at + 1)
        while not (found := _NEXT.search(self._text, max(self._at - 1, 0))):
            # A comma may stand here, and its brace behind.
            self._at = max(self._at, len(self._text) - _NEAR)
            if not self._more():
                self._at = len(self._text)
                return
        self._at = found.end()

    def _give_up(self) -> None:
        self._at = len(self._text)
        while self._more():
            self._at = len(self._text)

    def _strange(self) -> None:
        """Say that what stands here is no event, and go behind it."""
        line, begin = self._count(), self._at
        value = self._value("a value")
        if value is not _LOST:
            self._notes.add("a JSON value that is no event", "it was left out", "data_loss", line=line, detail=shown(value, 40))
        elif self._at == begin:
            self._at += 1

    def _next(self) -> str:
        """The next character that says something; empty at the end. Enough behind it is there to read most values."""
        while True:
            if len(self._text) - self._at < _AHEAD:
                self._more()
            found = _BETWEEN.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""

    def _more(self) -> bool:
        """Read on, at least as much as is held, so that no value costs more than twice its length. Returns whether there was more."""
        if self._ended:
            return False
        self._count()
        held = self._text[self._at :]
        pieces = [held]
        wanted = max(_PIECE, len(held))
        while wanted > 0 and not self._ended:
            data = self._stream.read(_PIECE)
            self._ended = not data
            piece = self._decoder.decode(data, final=not data)
            if not self._replaced and "\ufffd" in piece and b"\xef\xbf\xbd" not in data:
                self._replaced = True
                self._notes.add("bytes that are no UTF-8", "each was replaced by U+FFFD", "notice")
            pieces.append(piece)
            wanted -= len(data)
        self._text, self._at, self._counted = "".join(pieces), 0, 0
        return len(self._text) > len(held)

    def _count(self) -> int:
        """The line at hand."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


def _exactly(event: dict[str, Any], text: str) -> None:
    """Put times into an event as they are written, of which a float has lost digits."""
    for found in _TIME.finditer(text):
        name, digits = found.groups()
        # A member of `args` may have that name too.
        if event.get(name) == float(digits):
            event[name] = Decimal(digits)
