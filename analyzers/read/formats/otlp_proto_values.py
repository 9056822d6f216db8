"""Attributes, texts and numbers of OTLP's protobuf messages."""

from __future__ import annotations

import base64
import math
import struct
from typing import TYPE_CHECKING, Any, Final

from ..plain import json_text
from ..texts import BOOLEAN, BYTES, DOUBLE, INTEGER, NESTED, TEXT
from ..values import DEEPEST
from ..wire import FIXED64, LENGTH, VARINT, Broken, message

if TYPE_CHECKING:
    from ..notes import Notes, Severity
    from ..texts import Texts

UINT32: Final = 2**32 - 1

_KEPT: Final = 1 << 16
"""Attributes that are remembered: most are the same again and again, and a look costs a tenth of reading one."""
_SHORT: Final = 256
"""Bytes of an attribute that is remembered."""
_INT64: Final = 2**63

_KEY: Final = 1 << 3 | LENGTH
_VALUE: Final = 2 << 3 | LENGTH
_ITEM: Final = 1 << 3 | LENGTH
_STRING: Final = 1 << 3 | LENGTH
_BOOL: Final = 2 << 3 | VARINT
_INT: Final = 3 << 3 | VARINT
_DOUBLE: Final = 4 << 3 | FIXED64
_ARRAY: Final = 5 << 3 | LENGTH
_PAIRS: Final = 6 << 3 | LENGTH
_BYTES: Final = 7 << 3 | LENGTH
_NESTED: Final = frozenset((_ARRAY, _PAIRS))


class Values:
    """Reads the values of one file.

    Attributes:
        at: where the message at hand begins, for what is odd.
    """

    def __init__(self, notes: Notes) -> None:
        self.at = 0
        self._notes = notes
        self._noted = 0
        self._kept: dict[bytes, tuple[str, str | None, str]] = {}

    def note(self, kind: str, done: str, severity: Severity, detail: str = "") -> None:
        """Note an oddity of the message at hand."""
        self._noted += 1
        self._notes.add(kind, done, severity, byte_offset=self.at, detail=detail)

    def lost(self, what: str, error: Exception) -> None:
        """Say that a message was left out, and why."""
        self.note(f"{what} is malformed", "it was left out", "data_loss", str(error))

    def unknown(self, what: str, tag: int) -> None:
        """Say that a message has a field that OTLP does not have."""
        self.note(f"{what} has a field that OTLP does not have", "it was left out", "data_loss", f"number {tag >> 3}")

    def attribute(self, data: bytes, out: Texts) -> None:
        """Put one attribute, as text, to the others. Of a key that occurs twice the last counts."""
        pair = self._kept.get(data)
        if pair is None:
            noted = self._noted
            try:
                key, value = self._pair(data, 0)
            except Broken as error:
                self.lost("an attribute", error)
                return
            pair = key, _text(value), _kind(value)
            if self._noted == noted and len(data) <= _SHORT:
                if len(self._kept) == _KEPT:
                    self._kept.clear()
                self._kept[data] = pair
        if pair[0] in out:
            self.note("an attribute key occurs twice", "the last one was kept", "notice")
        out.put(*pair)

    def text(self, data: bytes) -> str:
        """A text. Bytes that are no UTF-8, which OpenTelemetry's own classes refuse, become U+FFFD."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.note("bytes that are no UTF-8", "each was replaced by U+FFFD", "notice")
            return data.decode("utf-8", "replace")

    def _pair(self, data: bytes, depth: int) -> tuple[str, Any]:
        key, value = "", None
        for tag, content in message(data):
            if tag == _KEY:
                key = self.text(content)
            elif tag == _VALUE:
                value = self._value(content, depth)
            else:
                self.unknown("an attribute", tag)
        return key, value

    def _value(self, data: bytes, depth: int) -> Any:
        """A value as a plain JSON value; the last of several counts, none is null. Recursive, but never beyond DEEPEST."""
        value: Any = None
        for tag, content in message(data):
            if tag == _STRING:
                value = self.text(content)
            elif tag == _BOOL:
                value = content != 0
            elif tag == _INT:
                value = content - 2 * _INT64 if content >= _INT64 else content
            elif tag == _DOUBLE:
                value = _double(content)
            elif tag == _BYTES:
                value = _Bytes(base64.b64encode(content).decode())
            elif tag not in _NESTED:
                self.unknown("a value", tag)
            elif depth == DEEPEST:
                self.note(f"values nested deeper than {DEEPEST}", "they were left out, the rest was read", "data_loss")
                value = "(nested too deeply)"
            elif tag == _ARRAY:
                value = [self._value(item, depth + 1) for item in self._items(content)]
            else:
                value = dict(self._pair(item, depth + 1) for item in self._items(content))
        return value

    def _items(self, data: bytes) -> list[bytes]:
        items: list[bytes] = []
        for tag, content in message(data):
            if tag == _ITEM:
                items.append(content)
            else:
                self.unknown("a list", tag)
        return items


def _double(given: int) -> float | str:
    """A number, or the word for what JSON has no number for."""
    (number,) = struct.unpack("<d", given.to_bytes(8, "little"))
    if math.isfinite(number):
        return float(number)
    return _Word("NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity")


class _Bytes(str):
    """Bytes as base64."""

    __slots__ = ()


class _Word(str):
    """A number that JSON has no number for."""

    __slots__ = ()


_KINDS: Final[dict[type, str]] = {
    _Bytes: BYTES,
    _Word: DOUBLE,
    bool: BOOLEAN,
    int: INTEGER,
    float: DOUBLE,
    list: NESTED,
    dict: NESTED,
}


def _kind(value: Any) -> str:
    """What a value is, as the tables say it."""
    return _KINDS.get(value.__class__, TEXT)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else json_text(value)
