"""Walks through protobuf's wire format without knowing the messages: fields one after another, as far as the bytes go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5
LONGEST: Final = 10
"""Bytes of the longest varint."""

_FIXED: Final = {FIXED64: 8, FIXED32: 4}


class Broken(ValueError):
    """Bytes that are no protobuf, or end in the middle of a field; `at` is where that field begins."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: its number.
        wire: its wire type.
        content: the bytes of a field with a length; of others nothing.
        at: where the content begins.
        cut: the content is shorter than its length says.
    """

    number: int
    wire: int
    content: memoryview
    at: int
    cut: bool


def fields(message: memoryview, at: int) -> Iterator[Field]:
    """The fields of a message that begins at byte `at`.

    Raises:
        Broken: it is no message, or ends in the middle of a field without a length.
    """
    position, size = 0, len(message)
    while position < size:
        begin = position
        try:
            # A byte is the common case, and a call the dear part of it.
            tag = message[position]
            position += 1
            if tag > 0x7F:
                tag, position = varint(message, begin)
            wire = tag & 7
            if wire == LENGTH:
                length = message[position]
                position += 1
                if length > 0x7F:
                    length, position = varint(message, position - 1)
                stop = position + length
            elif wire == VARINT:
                _, stop = varint(message, position)
            else:
                stop = position + _FIXED[wire]
        except (IndexError, KeyError):
            raise Broken(at + begin) from None
        if tag < 8 or (stop > size and wire != LENGTH):
            raise Broken(at + begin)
        yield Field(tag >> 3, wire, message[position:stop] if wire == LENGTH else message[:0], at + position, stop > size)
        position = stop


def varint(data: memoryview, position: int) -> tuple[int, int]:
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
            return value, position
    raise IndexError
