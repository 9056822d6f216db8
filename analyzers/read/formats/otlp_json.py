"""OTLP JSON: TracesData objects, one a line (our own files), one document, or several; also a list of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..documents import documents
from ..resources import version
from ..shapes import MALFORMED, as_list, is_map, why
from ..values import texts

if TYPE_CHECKING:
    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging

_BEGIN: Final = b'{"resourceSpans"'
_MEMBER: Final = re.compile(rb'"resource(Spans|Logs|Metrics)"\s*:')
_OTHER_SIGNALS: Final = frozenset(("resourceLogs", "resourceMetrics", "resourceProfiles"))

_KINDS: Final[dict[object, str]] = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_KINDS.update({f"SPAN_KIND_{name.upper()}": name for name in list(_KINDS.values())})
_STATUSES: Final[dict[object, int]] = {0: 0, 1: 1, 2: 2, "STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")


class OtlpJson:
    """Reads OTLP JSON. A record that is malformed is lost alone."""

    name = "otlp-json"

    def recognises(self, head: bytes) -> bool:
        """See `Format`. A file that was cut within its first bytes counts too: an empty recording."""
        return head[:1] in (b"{", b"[") and (_BEGIN.startswith(head.rstrip()) or _MEMBER.search(head) is not None)

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        reading = _Reading(staging, notes)
        for document in documents(source.stream, notes):
            reading.document(document.value, document.line)
        if reading.others and not reading.traces:
            notes.refuse("holds OTLP metrics or logs, and no spans; this build reads traces. Name a file with traces")


class _Reading:
    """The reading of one file."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self.staging = staging
        self.notes = notes
        self.line = 0
        self.traces = 0
        """Values with spans."""
        self.others = 0
        """Values with other signals: a collector writes them all into one file."""
        self._resource: Any = self
        self._resource_id: int | None = None

    def document(self, value: Any, line: int) -> None:
        """One TracesData, or a list of them."""
        self.line = line
        for data in as_list(value):
            try:
                parts = data["resourceSpans"]
            except (TypeError, KeyError):
                self._no_traces(data)
                continue
            self.traces += 1
            for part in parts or ():
                try:
                    self._part(part)
                except MALFORMED as error:
                    self._lost("an element of resourceSpans is malformed", error)

    def _no_traces(self, data: Any) -> None:
        members = sorted(data) if is_map(data) else None
        if members == []:
            return
        if members is not None and _OTHER_SIGNALS.issuperset(members):
            self.others += 1
            self.notes.add("metrics or logs in between", "they were left out: only traces are read", "info", line=self.line)
            return
        what = f"an object with {', '.join(members[:5])}" if members is not None else f"{str(data)[:40]!r}"
        self.notes.add("a JSON value without resourceSpans", "it was left out", "data_loss", line=self.line, detail=what)

    def _part(self, part: dict[str, Any]) -> None:
        resource = part.get("resource")
        if resource is not self._resource:
            self._resource = resource
            self._resource_id = self._number(resource or {})
        if self._resource_id is None:
            return
        for scope in part.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                try:
                    self._span(span, self._resource_id)
                except MALFORMED as error:
                    self._lost("a span is malformed", error)

    def _number(self, resource: dict[str, Any]) -> int | None:
        """The number of a resource; None: it was written in a format that this build does not read."""
        attributes = texts(resource.get("attributes"), self.notes, self.line)
        claimed = version(attributes)
        if claimed is not None and not (isinstance(claimed, int) and 1 <= claimed <= v.FORMAT):
            reads = "1" if v.FORMAT == 1 else f"1-{v.FORMAT}"
            self.notes.refuse(f"written in trace format {claimed}; this build reads {reads}. Record it again, or install a newer Spanproof")
            return None
        return self.staging.resource(attributes, claimed)

    def _span(self, span: dict[str, Any], resource_id: int) -> None:
        trace_id, span_id = self._id(span["traceId"], _TRACE_ID), self._id(span["spanId"], _SPAN_ID)
        attributes = texts(span.get("attributes"), self.notes, self.line)
        status: dict[str, Any] = span.get("status") or {}
        row: dict[str, Any] = {
            "resource_id": resource_id,
            "line": self.line,
            "trace_id": trace_id,
            "span_id": span_id,
            "name": str(span.get("name", "")),
            "span_kind": _KINDS.get(span.get("kind")),
            "start_ns": self._time(span.get("startTimeUnixNano")),
            "end_ns": self._time(span.get("endTimeUnixNano")),
            "status_code": _STATUSES.get(status.get("code", 0)),
            "rev": _count(attributes.get(v.REV)),
            "attributes": attributes,
        }
        if parent := span.get("parentSpanId"):
            parent = self._id(parent, _SPAN_ID)
            row["parent_span_id"] = parent if parent.strip("0") else None
        if message := status.get("message"):
            row["status_message"] = str(message)
        for member, column in _SELDOM:
            if content := span.get(member):
                row[column] = content if column == "trace_state" else _count(content)
        place = {"record": self.staging.span(row), "trace_id": trace_id, "span_id": span_id}
        for ordinal, event in enumerate(span.get("events") or ()):
            try:
                self.staging.event(place | self._event(event, ordinal))
            except MALFORMED as error:
                self._lost("an event is malformed", error)
        for ordinal, link in enumerate(span.get("links") or ()):
            try:
                self.staging.link(place | self._link(link, ordinal))
            except MALFORMED as error:
                self._lost("a link is malformed", error)

    def _event(self, event: dict[str, Any], ordinal: int) -> dict[str, Any]:
        attributes = texts(event.get("attributes"), self.notes, self.line)
        seq = attributes.get(v.SEQ)
        return {
            "ordinal": ordinal,
            "seq": None if seq is None else _count(seq),
            "name": str(event.get("name", "")),
            "time_ns": self._time(event.get("timeUnixNano")),
            "attributes": attributes,
        }

    def _link(self, link: dict[str, Any], ordinal: int) -> dict[str, Any]:
        return {
            "ordinal": ordinal,
            "linked_trace_id": self._id(link["traceId"], _TRACE_ID),
            "linked_span_id": self._id(link["spanId"], _SPAN_ID),
            "attributes": texts(link.get("attributes"), self.notes, self.line),
        }

    def _id(self, given: Any, pattern: re.Pattern[str]) -> str:
        """An id in lower hex.

        Raises:
            ValueError: there is none.
        """
        if type(given) is str and pattern.fullmatch(given):
            return given
        if not isinstance(given, str) or not given:
            raise ValueError(f"the id is {given!r}")
        lower = given.lower()
        if not pattern.fullmatch(lower):
            self.notes.add("an id is not 16 or 32 hex digits", "it was taken as it is", "notice", line=self.line, detail=repr(given[:60]))
        return lower

    def _time(self, given: Any) -> int | None:
        """A time in ns; None for none: missing, 0, or no time."""
        if given is None:
            return None
        try:
            time = int(given)
        except (TypeError, ValueError, OverflowError):
            time = -1
        if 0 < time < 2**63 - 1:
            return time
        if time:
            done = "it counts as missing"
            self.notes.add("a time is no nanoseconds since 1970", done, "data_loss", line=self.line, detail=repr(given)[:60])
        return None

    def _lost(self, kind: str, error: Exception) -> None:
        self.notes.add(kind, "it was left out", "data_loss", line=self.line, detail=why(error)[:200])


_SELDOM: Final = (
    ("traceState", "trace_state"),
    ("flags", "flags"),
    ("droppedAttributesCount", "dropped_attributes"),
    ("droppedEventsCount", "dropped_events"),
    ("droppedLinksCount", "dropped_links"),
)


def _count(given: Any) -> int:
    """A whole number that fits a BIGINT; 0 for what is none."""
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if -(2**63) <= number < 2**63 else 0
