"""Splits a stream of bytes into JSON values: JSON Lines, one document, or documents one after another.

JSON Lines is the fast way, one `orjson` call a line. What does not parse is tried once more by the tolerant standard library,
and only then lost, alone: the next line starts afresh. Other layouts are read as a whole. Nothing here is recursive or
quadratic in the size of the input.
"""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson

from .repair import DEEPEST, Repaired, repair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .notes import Notes

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_BOM: Final = b"\xef\xbb\xbf"
_DEEP: Final = 20
"""Documents nested too deeply after which the rest of a file is given up."""
_SCOPES: Final = b'"scopeSpans":'
_PREFIX: Final = b'{"resourceSpans":[{'
_OPENING: Final = 200
"""Bytes of a line that may begin a document over several lines; a line of JSON Lines that was cut is longer."""
_BETWEEN: Final = re.compile(r"[ \t\r\n\x1e,]*")
_FIRST_COLUMN: Final = re.compile(r"\n(?:\{|\[(?=\s*\{))")
_DECODER: Final = json.JSONDecoder(strict=False)


class Document(NamedTuple):
    """One JSON value and the line (from 1) where it begins."""

    value: Json
    line: int


class _Broken(Exception):
    """Text that no parser takes; the message says why."""


class Lines:
    """Parses lines, and skips over a resource that is the same as on the line before.

    Every line of ours repeats the whole resource, more than half of a short line. If a line begins with the very bytes
    `{"resourceSpans":[{"resource":{…},` of the line before, the resource is taken from there. Sound, because those bytes were parsed alone.
    """

    def __init__(self) -> None:
        self._same = b""
        self._resource: Json = None

    def parse(self, line: bytes) -> Json:
        """The value of a line.

        Raises:
            orjson.JSONDecodeError: it is no JSON in orjson's strict sense.
        """
        same = self._same
        if same and line.startswith(same):
            value = orjson.loads(_PREFIX + line[len(same) :])
            first = value["resourceSpans"][0]
            first.setdefault("resource", self._resource)
            return value  # type: ignore[no-any-return]
        value = orjson.loads(line)
        self._learn(line)
        return value  # type: ignore[no-any-return]

    def _learn(self, line: bytes) -> None:
        end = line.find(_SCOPES)
        if end < 0 or not line.startswith(_PREFIX):
            return
        try:
            alone = orjson.loads(line[:end].rstrip(b", ") + b"}]}")
        except orjson.JSONDecodeError:
            return
        if list(alone) == ["resourceSpans"] and len(alone["resourceSpans"]) == 1 and list(alone["resourceSpans"][0]) == ["resource"]:
            self._same = line[:end]
            self._resource = alone["resourceSpans"][0]["resource"]


def documents(stream: IO[bytes], notes: Notes) -> Iterator[Document]:
    """Every JSON value of the stream, in order. What is no JSON goes to `notes`."""
    first = b""
    before = 0
    for first in stream:
        if first.removeprefix(_BOM).strip():
            break
        before += 1
    if not first.strip():
        return
    second = next(iter(stream), b"")
    if _goes_on(first) or _goes_on(second):
        yield from _whole(first + second + stream.read(), before, notes)
    else:
        yield from _lines(stream, [first, second] if second else [first], before, notes)


def _goes_on(line: bytes) -> bool:
    """Whether a line is the beginning of a document that goes over several lines: all of them break after one of these."""
    return line.endswith(b"\n") and line.rstrip().endswith((b"{", b"[", b",", b":"))


def _opens(line: bytes) -> bool:
    """Whether a line is no value, but begins a document over several lines, as pretty printers do it: a program's own lines came before."""
    return len(line) <= _OPENING and line.startswith((b"{", b"[")) and _goes_on(line)


def _lines(stream: IO[bytes], held: list[bytes], before: int, notes: Notes) -> Iterator[Document]:
    held[0] = held[0].removeprefix(_BOM)
    lines = Lines()
    number = before
    for source in (held, stream):
        for line in source:
            number += 1
            try:
                value = lines.parse(line)
            except orjson.JSONDecodeError:
                if line.isspace():
                    continue
                if source is stream and _opens(line):
                    yield from _whole(line + stream.read(), number - 1, notes)
                    return
                try:
                    values = _tolerant(line, number, notes)
                except _Broken as error:
                    _note_broken(notes, line, number, str(error))
                    continue
                for some in values:
                    yield Document(some, number)
                continue
            yield Document(value, number)


def _tolerant(line: bytes, number: int, notes: Notes) -> list[Json]:
    """What the standard library makes of a line: bare NaN, lone surrogates, control characters, bytes that are no UTF-8, several values.

    Raises:
        _Broken: it makes nothing of it.
    """
    text = line.decode("utf-8", "replace").strip()
    read = _values(text)
    if read.why:
        better = repair(text)
        again = _values(better.text) if better.commas or better.cut else read
        if len(again.values) > len(read.values):
            _note_repair(better, number, notes)
            read = again
    if not read.values:
        raise _Broken(read.why)
    if read.why:
        notes.add("a line goes on after its JSON", "what follows was left out", "data_loss", line=number, detail=read.why)
    elif len(read.values) > 1:
        notes.add("a line with several JSON values", "each was read", "info", line=number)
    else:
        notes.add("a line is no strict JSON", "it was read as far as that is possible", "notice", line=number)
    return read.values


class _Values(NamedTuple):
    """The values that follow one another in a text, and why it was not read to its end; empty: it was."""

    values: list[Json]
    why: str


def _values(text: str) -> _Values:
    values: list[Json] = []
    position = 0
    try:
        while position < len(text):
            value, position = _DECODER.raw_decode(text, position)
            if not values and text[0] not in "{[" and position < len(text):
                return _Values([], f"Extra data: line 1 column {position + 1} (char {position})")
            values.append(value)
            position = _after_blanks(text, position)
    except RecursionError:
        return _Values(values, "nested too deeply")
    except ValueError as error:
        return _Values(values, str(error))
    return _Values(values, "")


def _note_repair(better: Repaired, line: int, notes: Notes) -> None:
    if better.commas:
        notes.add("a comma before a closing bracket", "it was taken for a blank", "notice", line=line)
    if better.cut:
        notes.add(f"values nested deeper than {DEEPEST}", "they were left out, the rest was read", "data_loss", line=line)


def _after_blanks(text: str, position: int) -> int:
    """Where the next value begins: blanks, commas and the record separator of JSON text sequences are skipped."""
    found = _BETWEEN.match(text, position)
    return found.end() if found else position


def _note_broken(notes: Notes, line: bytes, number: int, why: str) -> None:
    if line.endswith(b"\n"):
        notes.add("a line is no JSON", "it was left out, the other lines were read", "data_loss", line=number, detail=why)
    else:
        done = "it was left out; every line before it was read"
        notes.add("half a last line: the writer was stopped while it wrote", done, "info", line=number)


def _whole(data: bytes, before: int, notes: Notes) -> Iterator[Document]:
    """Documents that go over several lines."""
    try:
        alone = orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        yield from _several(data, before, notes)
    else:
        yield Document(alone, before + 1)


def _several(data: bytes, before: int, notes: Notes) -> Iterator[Document]:
    """Documents one after another, or one that strict JSON refuses."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8-sig", "replace")
        notes.add("bytes that are no UTF-8", "each was replaced by U+FFFD", "notice", byte_offset=error.start)
    position, line, counted, deep, better = 0, before + 1, 0, 0, None
    while True:
        position = _after_blanks(text, position)
        if position == len(text):
            return
        line += text.count("\n", counted, position)
        counted = position
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (RecursionError, ValueError) as error:
            if better is None:
                better = repair(text)
                if better.text != text:
                    # Once, for the whole file; the same place is tried again.
                    text = better.text
                    _note_repair(better, line, notes)
                    continue
            if isinstance(error, RecursionError):
                # It does not say where, so that its text is tried again from the next brace on: a few times, not for ever.
                deep += 1
                notes.add("a document is nested too deeply", "it was left out, the next one was looked for", "data_loss", line=line)
                position = _resume(text, position, error) if deep < _DEEP else len(text)
                continue
            notes.add("a document is no JSON", "it was left out, the next one was looked for", "data_loss", line=line, detail=str(error))
            position = _resume(text, position, error)
            continue
        yield Document(value, line)


def _resume(text: str, start: int, error: Exception) -> int:
    """Where the next document may begin: a bracket in the first column, not before the error's place, so that no text is tried twice."""
    position = error.pos if isinstance(error, json.JSONDecodeError) else start
    found = _FIRST_COLUMN.search(text, max(position - 1, start))
    return len(text) if found is None else found.end() - 1
