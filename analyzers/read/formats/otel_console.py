"""What the console exporter of OpenTelemetry's Python SDK prints: one JSON object a span, with ids like 0x… and times in ISO 8601."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..documents import documents
from ..handing import Hand
from ..ids import Ids
from ..origin import resource_id
from ..plain import json_text, label, plain_texts
from ..shapes import MALFORMED, as_list, is_map, items, shown
from ..times import time_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging

_MEMBER: Final = re.compile(rb'"context"\s*:\s*\{\s*"(trace_id|span_id)"\s*:|"trace_id"\s*:\s*"0x')
_KINDS: Final = {f"SpanKind.{name.upper()}": name for name in ("internal", "server", "client", "producer", "consumer")}
_STATUSES: Final[dict[object, int]] = {None: 0, "UNSET": 0, "OK": 1, "ERROR": 2}
_STATE: Final = re.compile(r"\{key=([^,]{0,256}), value=([^,]{0,256}?)\}")


class OtelConsole:
    """Reads the output of `ConsoleSpanExporter`, with whatever else the program printed around it."""

    name = "otel-console"

    def recognises(self, head: bytes) -> bool:
        """See `Format`."""
        return head[:1] in (b"{", b"[") and _MEMBER.search(head) is not None

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        reading = _Reading(staging, notes)
        for document in documents(source.stream, notes):
            reading.document(document.value, document.line)
        if reading.others and not staging.spans:
            notes.refuse("holds logs or metrics of a console exporter, and no spans; this build reads traces. Name a file with traces")


class _Reading:
    """The reading of one file."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self._hand = Hand(staging, notes)
        self._notes = notes
        self._ids = Ids(notes, usual=frozenset(("0x", "short")))
        self._resources: dict[str, int | None] = {}
        """Number of each resource, by its JSON text: every span repeats it."""
        self._line = 0
        self.others = 0
        """Objects of the exporters for logs and metrics, which print to the same place."""

    def document(self, value: Any, line: int) -> None:
        """A span, or a list of them."""
        self._line = line
        for given in as_list(value):
            if not is_map(given) or "context" not in given:
                self._no_span(given)
                continue
            try:
                self._span(given)
            except MALFORMED as error:
                self._hand.lost("a span is malformed", error, line)

    def _no_span(self, given: Any) -> None:
        if is_map(given) and ("resource_metrics" in given or "severity_number" in given):
            self.others += 1
            self._notes.add("metrics or logs in between", "they were left out: only traces are read", "info", line=self._line)
        elif given != {}:
            what = f"an object with {', '.join(sorted(given)[:5])}" if is_map(given) else shown(given, 40)
            self._notes.add("a JSON value that is no span", "it was left out", "data_loss", line=self._line, detail=what)

    def _span(self, span: dict[str, Any]) -> None:
        context = span["context"]
        row: dict[str, Any] = {
            "line": self._line,
            "trace_id": self._ids.trace(context["trace_id"], self._line),
            "span_id": self._ids.span(context["span_id"], self._line),
            "parent_span_id": self._ids.parent(span.get("parent_id"), self._line),
            "name": label(span.get("name")),
            "span_kind": self._known(_KINDS, span.get("kind"), "the kind of a span"),
            "start_ns": time_ns(span.get("start_time"), 1, self._notes, self._line),
            "end_ns": time_ns(span.get("end_time"), 1, self._notes, self._line),
            "trace_state": _trace_state(context.get("trace_state")),
            "attributes": plain_texts(span.get("attributes"), self._notes, self._line),
        }
        status = span.get("status")
        status = status if is_map(status) else {"status_code": status}
        row["status_code"] = self._known(_STATUSES, status.get("status_code"), "the status of a span")
        if (message := status.get("description")) is not None:
            row["status_message"] = label(message)
        row["resource_id"] = self._resource(span.get("resource"))
        if row["resource_id"] is not None:
            self._hand.span(row, self._events(span.get("events")), self._links(span.get("links")))

    def _known(self, known: dict[Any, Any], given: Any, what: str) -> Any:
        if given is None or isinstance(given, str):
            name = given.removeprefix("StatusCode.") if given else None
            if name is None or name in known:
                return known.get(name)
        detail = shown(given)
        self._notes.add(f"{what} is unknown", "it counts as not said", "data_loss", line=self._line, detail=detail)
        return known.get(None)

    def _resource(self, given: Any) -> int | None:
        """The number of a resource: an object with attributes, or, of older SDKs, the attributes alone."""
        key = json_text(given)
        if key not in self._resources:
            self._resources[key] = self._numbered(given)
        return self._resources[key]

    def _numbered(self, given: Any) -> int | None:
        inner = given.get("attributes") if is_map(given) else None
        attributes = plain_texts(inner if is_map(inner) else given, self._notes, self._line)
        if is_map(inner) and is_map(given) and (url := given.get("schema_url")):
            attributes["otel.resource.schema_url"] = label(url)
        return resource_id(attributes, self._hand.staging, self._notes)

    def _events(self, events: Any) -> Iterator[dict[str, Any]]:
        for event in items(events):
            try:
                yield {
                    "name": label(event.get("name")),
                    "time_ns": time_ns(event.get("timestamp"), 1, self._notes, self._line),
                    "attributes": plain_texts(event.get("attributes"), self._notes, self._line),
                }
            except MALFORMED as error:
                self._hand.lost("an event is malformed", error, self._line)

    def _links(self, links: Any) -> Iterator[dict[str, Any]]:
        for link in items(links):
            try:
                context = link["context"]
                yield {
                    "linked_trace_id": self._ids.trace(context["trace_id"], self._line),
                    "linked_span_id": self._ids.span(context["span_id"], self._line),
                    "attributes": plain_texts(link.get("attributes"), self._notes, self._line),
                }
            except MALFORMED as error:
                self._hand.lost("a link is malformed", error, self._line)


def _trace_state(given: Any) -> str | None:
    """W3C trace state out of what Python prints of it: `["{key=a, value=b}"]` as text."""
    text = label(given)
    pairs = _STATE.findall(text)
    if pairs:
        return ",".join(f"{key}={value}" for key, value in pairs)
    return None if text in {"", "[]"} else text
