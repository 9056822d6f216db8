"""Zipkin's JSON, second format: a list of spans. Made as OpenTelemetry's exporters make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ...read.handing import SCOPE_PREFIX
from ..source import json_bytes
from ..values import text_of
from .shared import micros, note_counts, note_times

if TYPE_CHECKING:
    from pathlib import Path

    from ..losses import Losses
    from ..source import Event, Source, Span
    from ..values import Value

_KINDS: Final = frozenset(("client", "server", "producer", "consumer"))


class Zipkin:
    """Writes Zipkin's second format."""

    def write(self, source: Source, target: Path, lost: Losses) -> None:
        """See `Format`."""
        writing = _Writing(lost)
        with target.open("xb") as file:
            file.write(b"[")
            for number, span in enumerate(source.spans()):
                file.write((b",\n" if number else b"\n") + json_bytes(writing.span(span)))
            file.write(b"]\n")
        for resource in source.resources().values():
            lost.add("attributes of resources", "left out", sum(1 for key in resource.attributes if key != v.RES_SERVICE))


class _Writing:
    """The writing of one file."""

    def __init__(self, lost: Losses) -> None:
        self._lost = lost

    def span(self, span: Span) -> dict[str, Any]:
        note_times(span, self._lost)
        note_counts(span, self._lost)
        self._lost.add("links", "left out", len(span.links))
        self._lost.add("trace states", "left out", int(bool(span.trace_state)))
        self._lost.add("spans of kind internal", "of no kind", int(span.kind == "internal"))
        made: dict[str, Any] = {"traceId": span.trace_id, "id": span.span_id}
        if span.parent_span_id:
            made["parentId"] = span.parent_span_id
        made |= {"name": span.name, "timestamp": micros(span.start_ns)}
        if span.end_ns is not None:
            # Zipkin takes 0 for "not known" and rounds what is shorter up.
            made["duration"] = max((span.end_ns - (span.start_ns or 0)) // 1_000, 1)
            self._lost.add("spans shorter than a microsecond", "a microsecond long", int(span.end_ns - (span.start_ns or 0) < 1_000))
        if span.kind in _KINDS:
            made["kind"] = span.kind.upper()
        if span.resource.service:
            made["localEndpoint"] = {"serviceName": span.resource.service}
        return made | {"tags": self._tags(span), "annotations": [self._annotation(event) for event in span.events]}

    def _tags(self, span: Span) -> dict[str, str]:
        scope = {f"{SCOPE_PREFIX}{key}": content for key, content in span.scope.items()}
        tags = self._texts(scope | span.attributes)
        if span.status_code == 1:
            tags["otel.status_code"] = "OK"
        elif span.status_code == 2:
            tags |= {"otel.status_code": "ERROR", "error": span.status_message or "true"}
        elif "error" in span.attributes:
            self._lost.add("attributes called error, of spans without an error", "an error, as Zipkin takes it")
        return tags

    def _annotation(self, event: Event) -> dict[str, Any]:
        made = micros(event.time_ns)
        if not event.attributes:
            return {"timestamp": made, "value": event.name}
        # As the Collector writes it: the name, the attributes, how many were dropped.
        return {"timestamp": made, "value": f"{event.name}|{json_bytes(self._texts(event.attributes)).decode()}|0"}

    def _texts(self, attributes: dict[str, Value]) -> dict[str, str]:
        self._lost.add("attributes that are no text", "text", sum(1 for content in attributes.values() if not isinstance(content, str)))
        return {key: text_of(content) for key, content in attributes.items()}
