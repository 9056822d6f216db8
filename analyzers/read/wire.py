"""Protobuf's wire format, without knowing the messages.

OpenTelemetry's own classes take twice as long for a span, nearly all of it to get at what they have parsed, and refuse a span
whole for one text that is no UTF-8. `tests/analyzers/test_read_otlp_proto.py` holds this against them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5
LONGEST: Final = 10
"""Bytes of the longest varint."""

_MASK: Final = 2**64 - 1


class Broken(ValueError):
    """Bytes that are no protobuf, or end in the middle of a field; `at` is where that field begins."""

    def __init__(self, at: int) -> None:
        super().__init__("it is no protobuf")
        self.at = at


def varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it.

    Raises:
        IndexError: the bytes end in the middle of it, or it is longer than any.
    """
    value = 0
    for shift in range(0, 7 * LONGEST, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, position
    raise IndexError


def places(data: bytes, position: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Of each field its tag, and where its content begins and ends, which is beyond `stop` for one that is cut. Copies nothing.

    Raises:
        Broken: it is no message, or ends in the middle of a tag or a length.
    """
    while position < stop:
        begin = position
        try:
            # A byte is the common case, and a call the dear part of it.
            tag = data[position]
            position += 1
            if tag > 0x7F:
                tag, position = varint(data, begin)
            wire = tag & 7
            if wire == LENGTH:
                length = data[position]
                position += 1
                if length > 0x7F:
                    length, position = varint(data, position - 1)
                end = position + length
            elif wire == VARINT:
                _, end = varint(data, position)
            else:
                end = position + _FIXED[wire]
        except (IndexError, KeyError):
            raise Broken(begin) from None
        if tag < 8 or position > stop:
            raise Broken(begin)
        yield tag, position, end
        position = end


def message(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message, each with its tag: bytes of one with a length, a whole number without sign of the others.

    Raises:
        Broken: it is no message, or is cut.
    """
    found: list[tuple[int, Any]] = []
    position, size = 0, len(data)
    while position < size:
        begin = position
        try:
            tag = data[position]
            position += 1
            if tag > 0x7F:
                tag, position = varint(data, begin)
            wire = tag & 7
            if wire == LENGTH:
                end = data[position]
                position += 1
                if end > 0x7F:
                    end, position = varint(data, position - 1)
                end += position
                found.append((tag, data[position:end]))
                position = end
            elif wire == VARINT:
                value = data[position]
                position += 1
                if value > 0x7F:
                    value, position = varint(data, position - 1)
                found.append((tag, value))
            else:
                end = position + _FIXED[wire]
                found.append((tag, int.from_bytes(data[position:end], "little")))
                position = end
        except (IndexError, KeyError):
            raise Broken(begin) from None
        if position > size or tag < 8:
            raise Broken(begin)
    return found


_FIXED: Final = {FIXED64: 8, FIXED32: 4}
