"""Splits a stream of bytes into JSON values: JSON Lines, one document, or documents one after another.

JSON Lines is the fast way, one `orjson` call a line. What does not parse is tried once more by the tolerant standard library,
and only then lost, alone: the next line starts afresh. Other layouts are read as a whole. Nothing here is recursive or
quadratic in the size of the input.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .notes import Notes

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_BOM: Final = b"\xef\xbb\xbf"
_DEEP: Final = 20
"""Documents nested too deeply after which the rest of a file is given up."""
_SCOPES: Final = b'"scopeSpans":'
_PREFIX: Final = b'{"resourceSpans":[{'


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
                try:
                    value = _tolerant(line)
                except _Broken as error:
                    _note_broken(notes, line, number, str(error))
                    continue
                notes.add("a line is no strict JSON", "it was read as far as that is possible", "notice", line=number)
            yield Document(value, number)


def _tolerant(line: bytes) -> Json:
    """What the standard library makes of a line: bare NaN, lone surrogates, control characters, bytes that are no UTF-8.

    Raises:
        _Broken: it makes nothing of it.
    """
    try:
        return json.loads(line.decode("utf-8", "replace"), strict=False)  # type: ignore[no-any-return]
    except RecursionError:
        raise _Broken("nested too deeply") from None
    except ValueError as error:
        raise _Broken(str(error)) from None


def _note_broken(notes: Notes, line: bytes, number: int, why: str) -> None:
    if line.endswith(b"\n"):
        notes.add("a line is no JSON", "it was left out, the other lines were read", "data_loss", line=number, detail=why)
    else:
        done = "it was left out; every line before it was read"
        notes.add("half a last line: the writer was stopped while it wrote", done, "info", line=number)


def _whole(data: bytes, before: int, notes: Notes) -> Iterator[Document]:
    """Documents that go over several lines."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8-sig", "replace")
        notes.add("bytes that are no UTF-8", "each was replaced by U+FFFD", "notice", byte_offset=error.start)
    decoder = json.JSONDecoder(strict=False)
    position, line, counted, deep = 0, before + 1, 0, 0
    while True:
        while position < len(text) and text[position] in " \t\r\n\x1e,":
            position += 1
        if position == len(text):
            return
        line += text.count("\n", counted, position)
        counted = position
        try:
            value, position = decoder.raw_decode(text, position)
        except RecursionError as error:
            # It does not say where, so that its text is tried again from the next brace on: a few times, not for ever.
            deep += 1
            notes.add("a document is nested too deeply", "it was left out, the next one was looked for", "data_loss", line=line)
            position = _resume(text, position, error) if deep < _DEEP else len(text)
            continue
        except ValueError as error:
            notes.add("a document is no JSON", "it was left out, the next one was looked for", "data_loss", line=line, detail=str(error))
            position = _resume(text, position, error)
            continue
        yield Document(value, line)


def _resume(text: str, start: int, error: Exception) -> int:
    """Where the next document may begin: a brace in the first column, not before the place of the error, so that no text is tried twice."""
    position = error.pos if isinstance(error, json.JSONDecodeError) else start
    found = text.find("\n{", max(position - 1, start))
    return len(text) if found < 0 else found + 1
