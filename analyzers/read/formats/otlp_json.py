"""OTLP JSON: TracesData objects, one a line (our own files), one document, or several; in lists and in the envelopes of others.

What is written as the specification says takes the short way here. The rest is spelled anew by `otlp_odd`, and tried again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..counts import count
from ..documents import documents
from ..ids import Ids
from ..origin import resource_id
from ..plain import label
from ..shapes import MALFORMED, is_map, items, shown, why
from ..texts import joined
from ..times import time_ns
from ..values import texts
from .otlp_envelopes import unwrapped
from .otlp_odd import COMMON, EVENT, KINDS, LINK, PART, RESOURCE, SCOPE, SCOPE_SPANS, SELDOM, SPAN, STATUSES, Odd, scope_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging

_BEGIN: Final = b'{"resourceSpans"'
_MEMBER: Final = re.compile(
    rb'"(resource(Spans|Logs|Metrics)|resource_spans|instrumentationLibrarySpans|scopeSpans|scope_spans)"\s*:'
    rb'|\A\s*\{\s*"batches"\s*:\s*[{\[]'
)
_OTHER_SIGNALS: Final = frozenset(("resourceLogs", "resourceMetrics", "resourceProfiles", "resource_logs", "resource_metrics"))
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}").fullmatch
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}").fullmatch
# Read for every span, and an attribute of a module is slower.
_REV: Final = v.REV
_SEQ: Final = v.SEQ
_OUTCOME: Final = v.OUTCOME
_MICROSECOND: Final = 1_000


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
        self._ids = Ids(notes)
        self._odd = Odd(notes)
        self._resource: Any = self
        self._resource_id: int | None = None
        self._ours = False
        self._scope: Mapping[str, str | None] = {}
        """What the spans of the scope at hand get as attributes."""

    def document(self, value: Any, line: int) -> None:
        """One TracesData, a list of them, or an envelope."""
        self.line = self._odd.line = line
        for data in value if value.__class__ is list else (value,):
            if data.__class__ is dict and "resourceSpans" in data:
                self._data(data, data["resourceSpans"])
                continue
            for holder, parts in unwrapped(data):
                if holder is None:
                    self._no_traces(parts)
                else:
                    self._data(holder, parts)

    def _data(self, holder: dict[str, Any], parts: Any) -> None:
        self.traces += 1
        for part in parts if parts.__class__ is list else items(parts):
            try:
                self._part(part if PART.issuperset(part) else self._odd.part(part))
            except MALFORMED as error:
                self._lost("an element of resourceSpans is malformed", error)
        if len(holder) > 1 and not _OTHER_SIGNALS.isdisjoint(holder):
            self._other_signals()

    def _other_signals(self) -> None:
        self.others += 1
        self.notes.add("metrics or logs in between", "they were left out: only traces are read", "info", line=self.line)

    def _no_traces(self, data: Any) -> None:
        members = sorted(data) if is_map(data) else None
        if members == []:
            return
        if members is not None and _OTHER_SIGNALS.issuperset(members):
            self._other_signals()
            return
        if members == ["error"]:
            what = "a server answered with an error instead of spans"
            self.notes.add(what, "there is nothing to read of it", "data_loss", line=self.line, detail=shown(data["error"], 200))
            return
        what = f"an object with {', '.join(members[:5])}" if members is not None else shown(data, 40)
        self.notes.add("a JSON value without resourceSpans", "it was left out", "data_loss", line=self.line, detail=what)

    def _part(self, part: dict[str, Any]) -> None:
        resource = part.get("resource")
        if resource is not self._resource:
            self._take(resource)
        if self._resource_id is None:
            return
        given: Any = part.get("scopeSpans")
        for spans in given if given.__class__ is list else items(given):
            try:
                self._scope_spans(spans if SCOPE_SPANS.issuperset(spans) else self._odd.scope_spans(spans), self._resource_id)
            except MALFORMED as error:
                self._lost("an element of scopeSpans is malformed", error)

    def _take(self, resource: Any) -> None:
        """What follows is of this resource."""
        attributes: dict[str, str | None] = {}
        if resource is not None:
            try:
                known = resource if RESOURCE.issuperset(resource) else self._odd.resource(resource)
                attributes = texts(known.get("attributes"), self.notes, self.line)
            except MALFORMED as error:
                self._lost("a resource is malformed", error)
        self._resource = resource
        self._resource_id = resource_id(attributes, self.staging, self.notes)
        self._ours = v.RES_FORMAT in attributes

    def _scope_spans(self, given: dict[str, Any], resource: int) -> None:
        self._scope = {}
        if not self._ours and (scope := given.get("scope")):
            try:
                scope = scope if SCOPE.issuperset(scope) else self._odd.scope(scope)
                self._scope = scope_texts(scope, texts(scope.get("attributes"), self.notes, self.line))
            except MALFORMED as error:
                self._lost("a scope is malformed", error)
        spans: Any = given.get("spans")
        for span in spans if spans.__class__ is list else items(spans):
            try:
                if COMMON.issuperset(span):
                    self._span(span, resource, ())
                    continue
                if SPAN.issuperset(span):
                    self._span(span, resource)
                    continue
            except MALFORMED:
                pass
            try:
                self._span(self._odd.span(span), resource)
            except MALFORMED as error:
                self._lost("a span is malformed", error)

    def _span(self, span: dict[str, Any], resource: int, seldom: tuple[tuple[str, str], ...] = SELDOM) -> None:
        trace_id, span_id = span["traceId"], span["spanId"]
        if trace_id.__class__ is not str or not _TRACE_ID(trace_id):
            trace_id = self._ids.trace(trace_id, self.line)
        if span_id.__class__ is not str or not _SPAN_ID(span_id):
            span_id = self._ids.span(span_id, self.line)
        attributes = texts(span.get("attributes"), self.notes, self.line)
        if self._scope:
            attributes = joined(self._scope, attributes)
        status: dict[str, Any] = span.get("status") or {}
        row: dict[str, Any] = {
            "resource_id": resource,
            "line": self.line,
            "trace_id": trace_id,
            "span_id": span_id,
            "name": name if (name := span.get("name")).__class__ is str else label(name),
            "span_kind": KINDS[span.get("kind")],
            "start_ns": self._time(span.get("startTimeUnixNano")),
            "end_ns": self._time(span.get("endTimeUnixNano")),
            "status_code": STATUSES[status.get("code")],
            "rev": count(attributes.get(_REV)),
            "attributes": attributes,
        }
        if parent := span.get("parentSpanId"):
            if parent.__class__ is not str or not _SPAN_ID(parent):
                parent = self._ids.span(parent, self.line)
            row["parent_span_id"] = parent if parent.strip("0") else None
        if message := status.get("message"):
            row["status_message"] = label(message)
        for member, column in seldom:
            if content := span.get(member):
                row[column] = label(content) if column == "trace_state" else count(content)
        if attributes.get(_OUTCOME) == "unfinished":
            self._reopen(row)
        place = {"record": self.staging.span(row), "trace_id": trace_id, "span_id": span_id}
        if "events" in span or "links" in span:
            self._below(span, place)

    def _below(self, span: dict[str, Any], place: dict[str, Any]) -> None:
        """The events and links of a span; `place` is what their rows have in common."""
        for ordinal, event in enumerate(items(span.get("events"))):
            try:
                found = self._event(event if EVENT.issuperset(event) else self._odd.event(event), ordinal)
                found.update(place)
                self.staging.event(found)
            except MALFORMED as error:
                self._lost("an event is malformed", error)
        for ordinal, link in enumerate(items(span.get("links"))):
            try:
                self.staging.link(place | self._link(link if LINK.issuperset(link) else self._odd.link(link), ordinal))
            except MALFORMED as error:
                self._lost("a link is malformed", error)

    def _reopen(self, row: dict[str, Any]) -> None:
        """Jaeger gives every span an end, a nanosecond after its start if need be."""
        start, end = row["start_ns"], row["end_ns"]
        if start is not None and end is not None and end - start <= _MICROSECOND:
            row["end_ns"] = None
            self.notes.add("an unfinished unit has an end as long as nothing", "the end counts as missing", "info", line=self.line)

    def _event(self, event: dict[str, Any], ordinal: int) -> dict[str, Any]:
        attributes = texts(event.get("attributes"), self.notes, self.line)
        seq = attributes.get(_SEQ)
        return {
            "ordinal": ordinal,
            "seq": None if seq is None else count(seq),
            "name": name if (name := event.get("name")).__class__ is str else label(name),
            "time_ns": self._time(event.get("timeUnixNano")),
            "attributes": attributes,
        }

    def _link(self, link: dict[str, Any], ordinal: int) -> dict[str, Any]:
        return {
            "ordinal": ordinal,
            "linked_trace_id": self._ids.trace(link["traceId"], self.line),
            "linked_span_id": self._ids.span(link["spanId"], self.line),
            "attributes": texts(link.get("attributes"), self.notes, self.line),
        }

    def _time(self, given: Any) -> int | None:
        """A time in ns; None for none: missing, 0, or no time."""
        if given is None:
            return None
        try:
            time = int(given)
        except (TypeError, ValueError, OverflowError):
            time = -1
        return time if 0 < time < _NEVER else time_ns(given, 1, self.notes, self.line)

    def _lost(self, kind: str, error: Exception) -> None:
        self.notes.add(kind, "it was left out", "data_loss", line=self.line, detail=why(error)[:200])


_NEVER: Final = 2**63 - 1
