"""OTLP protobuf: TracesData as it goes over the network, and with a length before each, as the collector's file exporter writes it.

The messages around the spans are walked through here, so that a damage costs the span in which it is, not the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..ahead import Ahead
from ..wire import LONGEST, Broken, places, varint
from .otlp_proto_framing import HEAD, PARTS, RAW, RESOURCE_SPANS, SPAN, URL, framing
from .otlp_proto_spans import Spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging
    from .otlp_proto_framing import Framing

_RESOURCE: Final = RESOURCE_SPANS
_SCOPE: Final = RESOURCE_SPANS


class OtlpProto:
    """Reads OTLP protobuf."""

    name = "otlp-proto"

    def recognises(self, head: bytes) -> bool:
        """See `Format`. With its first byte, which looks like a line's end."""
        return framing(head) is not None

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        _Reading(Ahead(source.stream), framing(source.head()) or RAW, Spans(staging, notes), notes).all()


class _Reading:
    """The reading of one file."""

    def __init__(self, ahead: Ahead, framed: Framing, spans: Spans, notes: Notes) -> None:
        self._ahead = ahead
        self._framing = framed
        self._spans = spans
        self._notes = notes

    def all(self) -> None:
        """All messages of the file."""
        ahead = self._ahead
        while ahead.look(1):
            begin = ahead.at
            length = self._framing.length(ahead.look(LONGEST))
            if length is None:
                if len(ahead.look(LONGEST)) == LONGEST:
                    self._look_on(begin)
                else:
                    self._ended(begin)
                    ahead.take(LONGEST)
                continue
            ahead.take(length.size)
            if length.content == 0:
                self._notes.add("a message of no bytes", "there is nothing to read of it", "info", byte_offset=begin)
            self._message(None if length.content is None else ahead.at + length.content)

    def _message(self, stop: int | None) -> None:
        """One TracesData, up to the byte `stop` or up to the file's end. Several one after another are one: that is how protobuf merges."""
        ahead = self._ahead
        while stop is None or ahead.at < stop:
            begin = ahead.at
            head = ahead.look(1 + LONGEST)
            if not head:
                if stop is not None:
                    self._ended(begin)
                return
            try:
                length, size = varint(head, 1)
            except IndexError:
                length, size = -1, 0
            if length < 0 and len(head) <= LONGEST and head[0] == RESOURCE_SPANS:
                ahead.take(len(head))
                self._ended(begin)
                return
            if head[0] != RESOURCE_SPANS or length < 0 or (stop is not None and begin + size + length > stop):
                self._look_on(begin)
                return
            ahead.take(size)
            at = ahead.at
            content = ahead.take(length)
            cut = len(content) < length
            if cut:
                self._ended(begin)
            self._resource_spans(content, at, cut=cut)
            if cut:
                return

    def _resource_spans(self, data: bytes, at: int, *, cut: bool) -> None:
        resource, url, parts = b"", b"", list[tuple[int, int]]()
        for tag, begin, stop in self._walk(data, 0, len(data), at, cut=cut, what="resource_spans"):
            if tag in PARTS:
                parts.append((begin, stop))
            elif stop > len(data):
                continue  # said
            elif tag == _RESOURCE:
                resource += data[begin:stop]
            elif tag == URL:
                url = data[begin:stop]
            else:
                self._unknown("resource_spans", tag, at + begin)
        if (cut and not parts) or not self._spans.resource(resource, url, at):
            return
        for begin, stop in parts:
            self._scope_spans(data, begin, min(stop, len(data)), at, cut=cut and stop > len(data))

    def _scope_spans(self, data: bytes, begin: int, stop: int, at: int, *, cut: bool) -> None:
        """The spans of a scope, which may stand behind them. Twice over it, because a list of all of them might not fit into memory."""
        scope, url = b"", b""
        for tag, first, last in self._walk(data, begin, stop, at, cut=cut, what="scope_spans"):
            if tag == SPAN or last > stop:
                continue  # the first are read below, the others were said
            if tag == _SCOPE:
                scope += data[first:last]
            elif tag == URL:
                url = data[first:last]
            else:
                self._unknown("scope_spans", tag, at + first)
        self._spans.scope(scope, url, at + begin)
        try:
            for tag, first, last in places(data, begin, stop):
                if tag == SPAN and last <= stop:
                    self._spans.span(data[first:last], at + first)
        except Broken:
            pass  # said above

    def _walk(self, data: bytes, begin: int, stop: int, at: int, *, cut: bool, what: str) -> Iterator[tuple[int, int, int]]:
        """The fields of a message. `cut`: the file ended in it; `at`: where `data` begins in the file."""
        try:
            for tag, first, last in places(data, begin, stop):
                if last > stop and not cut:
                    kind = f"a message in {what} is longer than the one that it is in"
                    self._notes.add(kind, "the spans that are whole in it were read", "data_loss", byte_offset=at + first)
                yield tag, first, last
        except Broken as error:
            if not cut:
                kind = f"bytes in {what} that are no protobuf"
                self._notes.add(kind, "what comes before them was read", "data_loss", byte_offset=at + error.at)

    def _unknown(self, what: str, tag: int, at: int) -> None:
        kind = f"{what} has a field that OTLP does not have"
        self._notes.add(kind, "it was left out", "data_loss", byte_offset=at, detail=f"number {tag >> 3}")

    def _look_on(self, begin: int) -> None:
        """Go to the next message behind bytes that are none."""
        ahead = self._ahead
        where = None
        while (window := ahead.look(HEAD)) and where is None:
            where = self._framing.find(window)
            if where is None:
                # What may be the beginning of one that goes on in the next window is looked at again.
                ahead.take(len(window) - HEAD // 4 if len(window) == HEAD else len(window))
        ahead.take(where or 0)
        skipped = ahead.at - begin
        if where is None:
            self._notes.add(
                "bytes that are no OTLP protobuf", "the rest was left out", "data_loss", byte_offset=begin, detail=f"{skipped} bytes"
            )
        elif skipped:
            done = "they were left out, the next message was looked for"
            self._notes.add("bytes that are no OTLP protobuf", done, "data_loss", byte_offset=begin, detail=f"{skipped} bytes")
        else:
            done = "the next message was found all the same"
            self._notes.add("the length before a message is too large", done, "notice", byte_offset=begin)

    def _ended(self, begin: int) -> None:
        done = "what is whole of it was read"
        self._notes.add("half a last message: the writer was stopped while it wrote", done, "info", byte_offset=begin)
