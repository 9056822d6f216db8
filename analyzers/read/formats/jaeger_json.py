"""Jaeger's own JSON: what its pages save and its API `/api/traces` answers. The inverse of what Jaeger makes of OTLP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..counts import count
from ..documents import documents
from ..handing import Hand
from ..ids import Ids
from ..origin import resource_id
from ..plain import label
from ..shapes import MALFORMED, is_list, is_map, items, shown
from ..texts import Texts, by_key, joined
from ..times import MICRO, end_ns, time_ns
from .jaeger_references import Reader, References
from .jaeger_tags import Tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging

_MEMBER: Final = re.compile(rb'"(traceID|operationName)"\s*:')
_WRAPPERS: Final = ("data", "traces", "result")
_EVENT: Final = "event"
"""Field of a log that has the name of the event."""


class JaegerJson:
    """Reads Jaeger JSON: `{"data": [trace, …]}`, a trace, a list of traces, spans with their process inside."""

    name = "jaeger-json"

    def recognises(self, head: bytes) -> bool:
        """See `Format`."""
        return head[:1] in (b"{", b"[") and _MEMBER.search(head) is not None and b'"traceEvents"' not in head

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        reading = _Reading(staging, notes)
        for document in documents(source.stream, notes):
            reading.document(document.value, document.line)


class _Reading:
    """The reading of one file."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self._hand = Hand(staging, notes)
        self._notes = notes
        self._ids = Ids(notes, usual=frozenset(("short",)))
        self._tags = Tags(notes)
        self._references = Reader(self._ids, notes)
        self._line = 0

    def document(self, value: Any, line: int) -> None:
        """A trace, a span, or a list or wrapper of them."""
        self._line = line
        waiting = [value]
        while waiting:
            content = waiting.pop()
            if is_list(content):
                waiting += reversed(content)
            elif not is_map(content):
                self._strange(shown(content, 40))
            elif is_list(content.get("spans")):
                self._trace(content)
            elif "spanID" in content:
                self._trace({"spans": [content]})
            elif inner := [content[member] for member in _WRAPPERS if is_list(content.get(member)) or is_map(content.get(member))]:
                waiting += reversed(inner)
                self._errors(content)
            elif content and not self._errors(content):
                self._strange(f"an object with {', '.join(sorted(content)[:5])}")

    def _strange(self, what: str) -> None:
        self._notes.add("a JSON value that is no trace of Jaeger's", "it was left out", "data_loss", line=self._line, detail=what)

    def _errors(self, answer: dict[str, Any]) -> bool:
        """Whether Jaeger answered with errors; each is said."""
        errors = items(answer.get("errors"))
        for error in errors:
            what = "Jaeger answered with an error"
            self._notes.add(what, "what came with it was read", "data_loss", line=self._line, detail=label(error)[:200])
        return bool(errors)

    def _trace(self, trace: dict[str, Any]) -> None:
        self._warnings(trace, "a trace")
        processes = trace.get("processes")
        resources: dict[object, int | None] = {}
        spans = References(trace["spans"], self._notes, self._line)
        for span in spans.all():
            try:
                resource = self._resource(span, processes if is_map(processes) else {}, resources)
                if resource is not None:
                    self._span(span, resource, spans.starts)
            except MALFORMED as error:
                self._hand.lost("a span is malformed", error, self._line)

    def _resource(self, span: dict[str, Any], processes: dict[str, Any], known: dict[object, int | None]) -> int | None:
        """The number of the span's process: that of the trace by this name, or the one inside the span."""
        name = span.get("processID")
        name = name if isinstance(name, str) else None
        process = processes.get(name) if name is not None else None
        if process is None:
            return self._numbered(span.get("process"))
        if name not in known:
            known[name] = self._numbered(process)
        return known[name]

    def _numbered(self, process: Any) -> int | None:
        attributes = Texts()
        if is_map(process):
            attributes = self._tags.texts(process.get("tags"), self._line)
            if process.get("serviceName") is not None:
                attributes = joined(attributes, {v.RES_SERVICE: label(process["serviceName"])})
        else:
            self._notes.add("a span without its process", "it has no resource", "notice", line=self._line)
        return resource_id(attributes, self._hand.staging, self._notes)

    def _span(self, span: dict[str, Any], resource: int, starts: dict[object, Any]) -> None:
        trace_id = self._ids.trace(span["traceID"], self._line)
        tags = self._tags.of_span(span.get("tags"), self._line)
        parent, links = self._references.parent_and_links(span, trace_id, starts, self._line)
        start = time_ns(span.get("startTime"), MICRO, self._notes, self._line)
        self._warnings(span, "a span")
        row: dict[str, Any] = {
            "resource_id": resource,
            "line": self._line,
            "trace_id": trace_id,
            "span_id": self._ids.span(span["spanID"], self._line),
            "parent_span_id": parent,
            "name": label(span.get("operationName")),
            "span_kind": tags.kind,
            "start_ns": start,
            "end_ns": end_ns(start, span.get("duration"), MICRO, self._notes, self._line),
            "status_code": tags.status,
            "status_message": tags.message,
            "trace_state": tags.trace_state,
            "attributes": tags.attributes,
        }
        if flags := span.get("flags"):
            row["flags"] = count(flags)
        self._hand.span(row, self._events(span.get("logs")), links)

    def _events(self, logs: Any) -> Iterator[dict[str, Any]]:
        for log in items(logs):
            try:
                attributes = self._tags.texts(log.get("fields"), self._line)
                time = time_ns(log.get("timestamp"), MICRO, self._notes, self._line)
            except MALFORMED as error:
                self._hand.lost("a log is malformed", error, self._line)
                continue
            kinds = by_key(attributes)
            yield {"name": attributes.pop(_EVENT, None) or "", "time_ns": time, "attributes": Texts(attributes, kinds)}

    def _warnings(self, given: dict[str, Any], what: str) -> None:
        for warning in items(given.get("warnings")):
            detail = label(warning)[:200]
            self._notes.add(f"Jaeger warned about {what}", "it was read as it stands", "notice", line=self._line, detail=detail)
