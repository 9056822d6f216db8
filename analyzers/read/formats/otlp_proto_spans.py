"""OTLP's protobuf messages of spans as rows. Says the same of a span as `otlp_json` does of its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..counts import count
from ..ids import SPAN, TRACE
from ..origin import resource_id
from ..shapes import shown
from ..texts import Texts, joined
from ..wire import FIXED32, FIXED64, LENGTH, VARINT, message
from .otlp_odd import KINDS, STATUSES
from .otlp_proto_origin import DROPPED, resource_texts, scope_texts
from .otlp_proto_values import UINT32, Values

if TYPE_CHECKING:
    from ..notes import Notes
    from ..staging import Staging

_LAST: Final = 2**63 - 1
_TRACE_BYTES: Final = TRACE // 2
_SPAN_BYTES: Final = SPAN // 2
_MICROSECOND: Final = 1_000
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")
# Read for every span, and an attribute of a module is slower.
_REV: Final = v.REV
_SEQ: Final = v.SEQ
_OUTCOME: Final = v.OUTCOME

_SPAN_TRACE: Final = 1 << 3 | LENGTH
_SPAN_ID: Final = 2 << 3 | LENGTH
_SPAN_STATE: Final = 3 << 3 | LENGTH
_SPAN_PARENT: Final = 4 << 3 | LENGTH
_SPAN_NAME: Final = 5 << 3 | LENGTH
_SPAN_KIND: Final = 6 << 3 | VARINT
_SPAN_START: Final = 7 << 3 | FIXED64
_SPAN_END: Final = 8 << 3 | FIXED64
_SPAN_ATTRIBUTE: Final = 9 << 3 | LENGTH
_SPAN_SINGLE: Final = frozenset((_SPAN_TRACE, _SPAN_ID, _SPAN_PARENT, _SPAN_NAME, _SPAN_KIND, _SPAN_START, _SPAN_END))
_SPAN_EVENT: Final = 11 << 3 | LENGTH
_SPAN_LINK: Final = 13 << 3 | LENGTH
_SPAN_STATUS: Final = 15 << 3 | LENGTH
_SPAN_COUNTS: Final = {
    10 << 3 | VARINT: "dropped_attributes",
    12 << 3 | VARINT: "dropped_events",
    14 << 3 | VARINT: "dropped_links",
    16 << 3 | FIXED32: "flags",
}
_STATUS_MESSAGE: Final = 2 << 3 | LENGTH
_STATUS_CODE: Final = 3 << 3 | VARINT
_EVENT_TIME: Final = 1 << 3 | FIXED64
_EVENT_NAME: Final = 2 << 3 | LENGTH
_EVENT_ATTRIBUTE: Final = 3 << 3 | LENGTH
_EVENT_DROPPED: Final = 4 << 3 | VARINT
_LINK_TRACE: Final = 1 << 3 | LENGTH
_LINK_ID: Final = 2 << 3 | LENGTH
_LINK_STATE: Final = 3 << 3 | LENGTH
_LINK_ATTRIBUTE: Final = 4 << 3 | LENGTH
_LINK_COUNTS: Final = {5 << 3 | VARINT: DROPPED, 6 << 3 | FIXED32: "otel.link.flags"}


class Spans:
    """Takes the messages of one file, in order: a resource, a scope, its spans."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self._staging = staging
        self._notes = notes
        self._values = Values(notes)
        self._resource_id: int | None = None
        self._ours = False
        self._scope = Texts()

    def resource(self, data: bytes, url: bytes, at: int) -> bool:
        """What follows is of this resource. Returns whether it can be read: False for a version of ours that is too new."""
        self._values.at = at
        attributes = resource_texts(data, url, self._values)
        self._ours = v.RES_FORMAT in attributes
        self._resource_id = resource_id(attributes, self._staging, self._notes)
        return self._resource_id is not None

    def scope(self, data: bytes, url: bytes, at: int) -> None:
        """What follows is of this scope. Spans of ours have one, which is not repeated on them."""
        self._values.at = at
        self._scope = Texts() if self._ours else scope_texts(data, url, self._values)

    def span(self, data: bytes, at: int) -> None:
        """Hand over a span."""
        self._values.at = at
        try:
            self._span(message(data))
        except ValueError as error:
            self._values.lost("a span", error)

    def _span(self, fields: list[tuple[int, Any]]) -> None:
        values = self._values
        attributes = Texts()
        single: dict[int, Any] = {}
        below: list[tuple[int, Any]] = []
        for tag, content in fields:
            if tag == _SPAN_ATTRIBUTE:
                values.attribute(content, attributes)
            elif tag in _SPAN_SINGLE:
                single[tag] = content
            else:
                below.append((tag, content))
        trace_id, span_id, parent = single.get(_SPAN_TRACE, b""), single.get(_SPAN_ID, b""), single.get(_SPAN_PARENT)
        start, end, kind = single.get(_SPAN_START, 0), single.get(_SPAN_END, 0), single.get(_SPAN_KIND, 0)
        # What is usual is taken here, without a call.
        trace = trace_id.hex() if len(trace_id) == _TRACE_BYTES else self._id(trace_id, TRACE)
        span = span_id.hex() if len(span_id) == _SPAN_BYTES else self._id(span_id, SPAN)
        row: dict[str, Any] = {
            "resource_id": self._resource_id,
            "trace_id": trace,
            "span_id": span,
            "name": values.text(single.get(_SPAN_NAME, b"")),
            "span_kind": KINDS[kind] if kind in KINDS else self._known(KINDS, kind, "the kind of a span"),
            "start_ns": start if 0 < start < _LAST else self._time(start),
            "end_ns": end if 0 < end < _LAST else self._time(end),
            "status_code": 0,
        }
        if parent and parent.strip(b"\0"):
            row["parent_span_id"] = parent.hex() if len(parent) == _SPAN_BYTES else self._id(parent, SPAN)
        row["rev"] = count(attributes.get(_REV))
        row["attributes"] = joined(self._scope, attributes) if self._scope else attributes
        if attributes.get(_OUTCOME) == "unfinished":
            self._reopen(row)
        if not below:
            self._staging.span(row)
            return
        events, links = self._below(below, row)
        place = {"record": self._staging.span(row), "trace_id": trace, "span_id": span}
        for ordinal, event in enumerate(events):
            event.update(place, ordinal=ordinal)
            self._staging.event(event)
        for ordinal, link in enumerate(links):
            link.update(place, ordinal=ordinal)
            self._staging.link(link)

    def _below(self, fields: list[tuple[int, Any]], row: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The events and links of a span; what else it has goes into its row. What is malformed is lost alone."""
        events: list[dict[str, Any]] = []
        links: list[dict[str, Any]] = []
        what = ""
        for tag, content in fields:
            try:
                if tag == _SPAN_EVENT:
                    what = "an event"
                    events.append(self._event(content))
                elif tag == _SPAN_LINK:
                    what = "a link"
                    links.append(self._link(content))
                elif tag == _SPAN_STATUS:
                    what = "a status"
                    self._status(content, row)
                elif tag == _SPAN_STATE:
                    row["trace_state"] = self._values.text(content)
                elif tag in _SPAN_COUNTS:
                    row[_SPAN_COUNTS[tag]] = content & UINT32
                else:
                    self._values.unknown("a span", tag)
            except ValueError as error:
                self._values.lost(what, error)
        return events, links

    def _status(self, data: bytes, row: dict[str, Any]) -> None:
        for tag, content in message(data):
            if tag == _STATUS_CODE:
                row["status_code"] = self._known(STATUSES, content, "the code of a status")
            elif tag == _STATUS_MESSAGE:
                row["status_message"] = self._values.text(content)
            else:
                self._values.unknown("a status", tag)

    def _event(self, data: bytes) -> dict[str, Any]:
        attributes = Texts()
        name, time, dropped = b"", 0, 0
        for tag, content in message(data):
            if tag == _EVENT_ATTRIBUTE:
                self._values.attribute(content, attributes)
            elif tag == _EVENT_TIME:
                time = content
            elif tag == _EVENT_NAME:
                name = content
            elif tag == _EVENT_DROPPED:
                dropped = content & UINT32
            else:
                self._values.unknown("an event", tag)
        if dropped:
            attributes[DROPPED] = str(dropped)
        seq = attributes.get(_SEQ)
        return {
            "seq": None if seq is None else count(seq),
            "name": self._values.text(name),
            "time_ns": self._time(time),
            "attributes": attributes,
        }

    def _link(self, data: bytes) -> dict[str, Any]:
        attributes = Texts()
        more: dict[str, str] = {}
        trace_id = span_id = b""
        for tag, content in message(data):
            if tag == _LINK_ATTRIBUTE:
                self._values.attribute(content, attributes)
            elif tag == _LINK_TRACE:
                trace_id = content
            elif tag == _LINK_ID:
                span_id = content
            elif tag == _LINK_STATE:
                more["otel.link.trace_state"] = self._values.text(content)
            elif tag in _LINK_COUNTS:
                more[_LINK_COUNTS[tag]] = str(content & UINT32)
            else:
                self._values.unknown("a link", tag)
        return {
            "linked_trace_id": self._id(trace_id, TRACE),
            "linked_span_id": self._id(span_id, SPAN),
            "attributes": joined(attributes, {key: text for key, text in more.items() if text not in {"", "0"}}),
        }

    def _known(self, known: dict[Any, Any], given: int, what: str) -> Any:
        if given not in known:
            self._values.note(f"{what} is unknown", "it counts as not said", "data_loss", str(given))
        return known.get(given, known[0])

    def _id(self, given: bytes, digits: int) -> str:
        """An id as hex.

        Raises:
            ValueError: there is none.
        """
        if len(given) * 2 == digits:
            return given.hex()
        if not given:
            raise ValueError("it has no id")
        if len(given) == digits and _HEX.issuperset(given):
            self._values.note("an id is hex digits as text", "the digits were taken", "notice", shown(given.decode()))
            return given.decode().lower()
        done = "it was taken as it is, with zeros before a short one"
        self._values.note("an id is not 16 bytes long, or 8 of a span", done, "notice", shown(given.hex()))
        return given.hex().zfill(digits)

    def _time(self, given: int) -> int | None:
        """A time in ns; None for none: 0, or beyond what the tables hold, which is said."""
        if 0 < given < _LAST:
            return given
        if given:
            what = "a time is no time since 1970, or beyond the year 2262"
            self._values.note(what, "it counts as missing", "data_loss", str(given))
        return None

    def _reopen(self, row: dict[str, Any]) -> None:
        """Jaeger gives every span an end, a nanosecond after its start if need be."""
        start, end = row["start_ns"], row["end_ns"]
        if start is not None and end is not None and end - start <= _MICROSECOND:
            row["end_ns"] = None
            self._values.note("an unfinished unit has an end as long as nothing", "the end counts as missing", "info")
