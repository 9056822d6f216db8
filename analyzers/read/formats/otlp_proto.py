"""OTLP protobuf: TracesData as it goes over the network, and with a length before each, as the collector's file exporter writes it.

The messages around the spans are walked through by hand, so that a damage costs the span in which it is, not the file.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from ..wire import FIXED32, FIXED64, LENGTH, LONGEST, VARINT, Broken, fields, varint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging
    from ..wire import Field
    from .otlp_proto_spans import Spans

_RESOURCE_SPANS: Final = b"\x0a"
"""The tag of TracesData's only field."""
_PREFIX: Final = 4
"""Bytes of the collector's length."""
_PIECE: Final = 16 << 20
_RESOURCE: Final = 1
_SCOPE: Final = 1
_PARTS: Final = frozenset((2, 1000))
"""`scope_spans`, and what it was called before OTLP 0.15; both hold `scope`, `spans`, `schema_url`."""
_SPANS: Final = 2
_URL: Final = 3
_KNOWN: Final = frozenset((1, 2, 3, 1000))
_TRACE_ID: Final = b"\x0a\x10"
"""Begins a span: a trace id of 16 bytes. A metric begins with its name, a log record with its time."""


class OtlpProto:
    """Reads OTLP protobuf."""

    name = "otlp-proto"

    def recognises(self, head: bytes) -> bool:
        """See `Format`. With its first byte, which looks like a line's end."""
        return _plausible(head) or _prefixed(head)

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        # OpenTelemetry takes a while to load, and is needed for this format alone.
        from .otlp_proto_spans import Spans

        reading = _Reading(source.stream, Spans(staging, notes), notes)
        if _prefixed(source.head()):
            reading.prefixed()
        else:
            reading.messages(None)


def _prefixed(head: bytes) -> bool:
    length = int.from_bytes(head[:_PREFIX], "big")
    return length > 0 and _plausible(head[_PREFIX : _PREFIX + length])


def _plausible(head: bytes) -> bool:
    """Whether the bytes begin TracesData. Metrics and logs have the same messages around other records."""
    if not head.startswith(_RESOURCE_SPANS):
        return False
    depth = 0
    try:
        part = next(fields(memoryview(head), 0))
        for field in fields(part.content, 0):
            depth = 1
            if field.number not in _KNOWN or field.wire != LENGTH:
                return False
            if field.number == _RESOURCE and not _is_resource(field):
                return False
            for inner in fields(field.content, 0) if field.number in _PARTS else ():
                if inner.number not in _KNOWN or inner.wire != LENGTH:
                    return False
                if inner.number == _SPANS and len(inner.content) > 1:
                    return bytes(inner.content[:2]) == _TRACE_ID
    except Broken:
        pass
    return depth == 1


def _is_resource(field: Field) -> bool:
    """Whether it has what a resource has: attributes with a key each, a count, references to entities."""
    for inner in fields(field.content, 0):
        if (inner.number, inner.wire) not in {(1, LENGTH), (2, VARINT), (3, LENGTH)}:
            return False
        if inner.number == 1 and inner.content and inner.content[0] != _RESOURCE_SPANS[0]:
            return False
    return True


class _Reading:
    """The reading of one file."""

    def __init__(self, stream: IO[bytes], spans: Spans, notes: Notes) -> None:
        self._stream = stream
        self._spans = spans
        self._notes = notes
        self._at = 0
        """Bytes of the file that were read, decompressed."""
        self._cut = False
        """The file has ended in the middle; what is missing of a message was said."""

    def prefixed(self) -> None:
        """All messages of a file with lengths."""
        while head := self._read(_PREFIX):
            if len(head) < _PREFIX:
                self._ended(self._at - len(head))
                return
            stop = self._at + int.from_bytes(head, "big")
            if not self.messages(stop) and not self._skip_to(stop):
                self._ended(self._at)
                return

    def messages(self, stop: int | None) -> bool:
        """The fields of TracesData up to the byte `stop`, or up to the file's end. Returns whether it was read to there.

        Several TracesData one after another are one: that is how protobuf merges.
        """
        while stop is None or self._at < stop:
            begin = self._at
            tag = self._varint(stop)
            if tag is None:
                if self._at > begin:
                    self._no_message(begin, stop)
                return stop is None and self._at == begin
            wire = tag & 7
            length = {LENGTH: None, VARINT: 0, FIXED64: 8, FIXED32: 4}.get(wire, -1)
            if wire in {LENGTH, VARINT}:
                number = self._varint(stop)
                length = None if number is None else number if wire == LENGTH else 0
            if length is None or length < 0 or tag < 8 or (stop is not None and self._at + length > stop):
                self._no_message(begin, stop)
                return False
            at = self._at
            content = self._read(length)
            cut = len(content) < length
            if cut:
                self._ended(begin)
            if tag == _RESOURCE_SPANS[0]:
                self._resource_spans(memoryview(content), at, cut=cut)
            else:
                self._unknown("TracesData", tag >> 3, begin)
            if cut:
                return True
        return True

    def _resource_spans(self, message: memoryview, at: int, *, cut: bool) -> None:
        resource, url, parts = b"", "", list[tuple["Field", bool]]()
        for field, half in self._walk(message, at, cut=cut, what="resource_spans"):
            if field.number == _RESOURCE:
                resource += bytes(field.content)
            elif field.number == _URL:
                url = bytes(field.content).decode("utf-8", "replace")
            elif field.number in _PARTS:
                parts.append((field, half))
        if not self._spans.resource(resource, url, at):
            return
        for part, half in parts:
            scope, scope_url, spans = b"", "", list["Field"]()
            for field, _ in self._walk(part.content, part.at, cut=half, what="scope_spans"):
                if field.number == _SCOPE:
                    scope += bytes(field.content)
                elif field.number == _URL:
                    scope_url = bytes(field.content).decode("utf-8", "replace")
                elif field.number == _SPANS and not field.cut:
                    spans.append(field)
            self._spans.scope(scope, scope_url, part.at)
            for span in spans:
                self._spans.span(bytes(span.content), span.at)

    def _walk(self, message: memoryview, at: int, *, cut: bool, what: str) -> Iterator[tuple[Field, bool]]:
        """The fields of a message, each with whether the file ended in it. `cut`: the file ended in this message."""
        try:
            for field in fields(message, at):
                if field.number not in _KNOWN or field.wire != LENGTH:
                    self._unknown(what, field.number, field.at)
                    continue
                if field.cut and not cut:
                    kind = f"a message in {what} is longer than the one that it is in"
                    self._notes.add(kind, "what there is of it was read, except for a span", "data_loss", byte_offset=field.at)
                yield field, field.cut and cut
        except Broken as error:
            if not cut:
                kind = f"bytes in {what} that are no protobuf"
                self._notes.add(kind, "what comes before them was read", "data_loss", byte_offset=error.at)

    def _unknown(self, what: str, number: int, at: int) -> None:
        kind = f"{what} has a field that OTLP does not have"
        self._notes.add(kind, "it was left out", "data_loss", byte_offset=at, detail=f"number {number}")

    def _no_message(self, begin: int, stop: int | None) -> None:
        """Say that there is no field of TracesData at a byte."""
        if stop is None:
            done = "what comes before it was read, the rest was left out"
            self._notes.add("bytes that are no OTLP protobuf", done, "data_loss", byte_offset=begin)
        else:
            done = "the rest of the message was left out, the next one was looked for"
            self._notes.add("a message that is no OTLP protobuf", done, "data_loss", byte_offset=begin)

    def _ended(self, begin: int) -> None:
        done = "what is whole of it was read"
        self._notes.add("half a last message: the writer was stopped while it wrote", done, "info", byte_offset=begin)

    def _skip_to(self, stop: int) -> bool:
        """Go on at a byte. Returns whether the file goes that far."""
        while self._at < stop and self._read(min(stop - self._at, _PIECE)):
            pass
        return self._at >= stop

    def _read(self, size: int) -> bytes:
        """So many bytes; fewer at the end of the file. A length that lies takes no more memory than there are bytes."""
        pieces: list[bytes] = []
        left = size
        while left and (piece := self._stream.read(min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
        self._at += size - left
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _varint(self, stop: int | None) -> int | None:
        """The next number; None: there is none, before the byte `stop`."""
        data = b""
        while len(data) < LONGEST and (stop is None or self._at < stop) and (byte := self._read(1)):
            data += byte
            if byte[0] < 0x80:
                return varint(memoryview(data), 0)[0]
        return None
