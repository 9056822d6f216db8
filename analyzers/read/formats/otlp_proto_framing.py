"""Where OTLP's protobuf messages begin in a file: bare, behind a length of four bytes, or behind a varint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..wire import FIXED64, LENGTH, VARINT, Broken, places, varint

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD: Final = 1 << 16
"""Bytes among which the next message is looked for."""
RESOURCE_SPANS: Final = 0x0A
"""The tag of TracesData's only field. Of the same number: the resource and scope in its parts, the first attribute there, its key."""
SPAN: Final = 0x12
URL: Final = 0x1A
PARTS: Final = frozenset((0x12, 1000 << 3 | LENGTH))
"""`scope_spans`, and what it was called before OTLP 0.15; both hold `scope`, `spans`, `schema_url`."""

_SKELETON: Final = PARTS | {RESOURCE_SPANS, SPAN, URL}
_RESOURCE: Final = frozenset((1 << 3 | LENGTH, 2 << 3 | VARINT, 3 << 3 | LENGTH))
_TIMES: Final = frozenset((7 << 3 | FIXED64, 8 << 3 | FIXED64))
_IDS: Final = re.compile(rb"\x0a\x10(?![ -~]{16}).{16}\x12\x08", re.DOTALL)
_VALUE: Final = 0x12
"""Of an attribute whose key is empty."""
_BLANK: Final = 0x20
_FIRST: Final = re.compile(rb"\x0a(?=[\x80-\xff]{0,4}[\x00-\x7f][\x0a\x12\x1a\xc2])")
"""Where TracesData may begin: its field, a length, and the tag of one of the fields of that."""
_ENOUGH: Final = 64
"""Fields of a message that are looked at, or bytes made for it would cost their square."""


@dataclass(frozen=True, slots=True)
class Length:
    """What stands before a message.

    Attributes:
        size: bytes of it.
        content: bytes of the message; None: all that there are.
    """

    size: int
    content: int | None


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to put messages one after another.

    Attributes:
        sizes: bytes that the length before a message may have.
        length: the length at the beginning of some bytes; None: there is none.
    """

    sizes: range
    length: Callable[[bytes], Length | None]

    def find(self, window: bytes) -> int | None:
        """Where the first message with spans begins, its length included; None: nowhere."""
        for found in _FIRST.finditer(window):
            at = found.start()
            if not _begins(window, at):
                continue
            for size in self.sizes:
                if at >= size and self._fits(window, at - size, size):
                    return at - size
        return None

    def begins(self, head: bytes) -> bool:
        """Whether a file that begins so is written this way."""
        return any(self._fits(head, 0, size) and _begins(head, size) is not False for size in self.sizes)

    def _fits(self, data: bytes, at: int, size: int) -> bool:
        """Whether the length at a place has this size, and the first field behind it fits into it."""
        length = self.length(data[at : at + size])
        if length is None or length.size != size:
            return False
        if length.content is None:
            return True
        try:
            _, _, stop = next(places(data, at + size, len(data)))
        except (Broken, StopIteration):
            return False
        return stop - at - size <= length.content


def _fixed(head: bytes) -> Length | None:
    return Length(4, int.from_bytes(head[:4], "big")) if len(head) >= 4 else None


def _varied(head: bytes) -> Length | None:
    try:
        content, size = varint(head, 0)
    except IndexError:
        return None
    return Length(size, content)


RAW: Final = Framing(range(1), lambda _: Length(0, None))
"""As it goes over the network: one message, or several that protobuf takes for one."""
_FRAMINGS: Final = (RAW, Framing(range(4, 5), _fixed), Framing(range(1, 6), _varied))


def framing(head: bytes) -> Framing | None:
    """How the messages of a file are put one after another; None: it has none."""
    return next((way for way in _FRAMINGS if way.begins(head)), None)


def _begins(data: bytes, at: int) -> bool | None:
    """Whether TracesData begins at a place. True: a span was seen; None: nothing says no.

    Metrics and logs have the same messages around other records.
    """
    seen = False
    try:
        tag, first, last = next(places(data, at, len(data)))
        if tag != RESOURCE_SPANS:
            return False
        for tag, begin, stop in islice(places(data, first, min(last, len(data))), _ENOUGH):
            if tag not in _SKELETON or (tag == RESOURCE_SPANS and not _is_resource(data, begin, min(stop, len(data)))):
                return False
            seen = True
            for inner, inner_begin, inner_stop in islice(places(data, begin, min(stop, len(data))), _ENOUGH if tag in PARTS else 0):
                if inner not in _SKELETON:
                    return False
                if inner == SPAN and inner_stop > inner_begin:
                    return _is_span(data, inner_begin, inner_stop)
    except (Broken, StopIteration):
        pass
    return None if seen else False


def _is_resource(data: bytes, begin: int, stop: int) -> bool:
    """Whether it has what a resource has: attributes with a key each, a count, references to entities."""
    whole = begin == stop
    for tag, first, _ in islice(places(data, begin, stop), _ENOUGH):
        if tag not in _RESOURCE:
            return False
        if tag == RESOURCE_SPANS:
            if first + 2 >= stop:
                # The file, or what is seen of it, ends here. A file of text may begin with ends of lines.
                return whole
            if data[first] != _VALUE and (data[first] != RESOURCE_SPANS or data[first + 2] <= _BLANK):
                return False
        whole = True
    return True


def _is_span(data: bytes, begin: int, stop: int) -> bool | None:
    cut = stop > len(data)
    try:
        for tag, _, _ in islice(places(data, begin, min(stop, len(data))), _ENOUGH):
            if tag in _TIMES:
                return True
    except Broken:
        cut = True
    return True if _IDS.match(data, begin) else None if cut else False
