"""Jaeger's own JSON: what its API `/api/traces` answers. Made of OTLP as Jaeger itself makes it."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..source import json_bytes
from ..values import text_of
from .shared import micros, note_counts, note_times

if TYPE_CHECKING:
    from pathlib import Path

    from ..losses import Losses
    from ..source import Event, Link, Resource, Source, Span
    from ..values import Value

_HEAD: Final = b'{"data":['
_TAIL: Final = b'],"total":0,"limit":0,"offset":0,"errors":null}\n'
_STATUSES: Final = {1: "OK", 2: "ERROR"}
_EXACT: Final = 2**53
"""Whole numbers beyond it become text: JavaScript does not hold them."""
_INT64: Final = range(-(2**63), 2**63)
_REF_TYPE: Final = "opentracing.ref_type"
"""OpenTelemetry's name for what a link was as a reference."""
_NO_SERVICE: Final = "missing-service-name"
_EMPTY_SERVICE: Final = "empty-service-name"


class JaegerJson:
    """Writes Jaeger JSON."""

    def write(self, source: Source, target: Path, lost: Losses) -> None:
        """See `Format`."""
        writing = _Writing(lost)
        with target.open("xb") as file:
            file.write(_HEAD)
            for number, spans in enumerate(source.traces()):
                file.write((b",\n" if number else b"\n") + json_bytes(writing.trace(spans)))
            file.write(_TAIL)


class _Writing:
    """The writing of one file."""

    def __init__(self, lost: Losses) -> None:
        self._lost = lost
        self._processes: dict[int, dict[str, Any]] = {}

    def trace(self, spans: list[Span]) -> dict[str, Any]:
        names: dict[int, str] = {}
        processes: dict[str, Any] = {}
        made: list[dict[str, Any]] = []
        for span in spans:
            key = id(span.resource)
            if key not in names:
                names[key] = f"p{len(names) + 1}"
                processes[names[key]] = self._process(span.resource)
            made.append(self._span(span) | {"processID": names[key], "warnings": None})
        return {"traceID": _trace_id(spans[0].trace_id), "spans": made, "processes": processes, "warnings": None}

    def _process(self, resource: Resource) -> dict[str, Any]:
        known = self._processes.get(id(resource))
        if known is None:
            tags = self._tags({key: content for key, content in resource.attributes.items() if key != v.RES_SERVICE})
            known = self._processes[id(resource)] = {"serviceName": self._service(resource), "tags": tags}
        return known

    def _service(self, resource: Resource) -> str:
        if v.RES_SERVICE in resource.attributes:
            return text_of(resource.attributes[v.RES_SERVICE]) or _EMPTY_SERVICE
        self._lost.add("resources without a service", f"called {_NO_SERVICE}")
        return _NO_SERVICE

    def _span(self, span: Span) -> dict[str, Any]:
        note_times(span, self._lost)
        note_counts(span, self._lost)
        start = micros(span.start_ns)
        return {
            "traceID": _trace_id(span.trace_id),
            "spanID": span.span_id,
            "operationName": span.name,
            "references": self._references(span),
            "startTime": start,
            "duration": self._duration(span),
            "tags": self._span_tags(span),
            "logs": [self._log(event) for event in span.events],
        }

    def _duration(self, span: Span) -> int:
        if span.end_ns is None:
            # The reader knows one of ours that is unfinished by its outcome.
            self._lost.add("ends that were not recorded", "the start", int(span.attributes.get(v.OUTCOME) != "unfinished"))
            return 0
        took = span.end_ns - (span.start_ns or 0)
        self._lost.add("ends before the start", "the start", int(took < 0))
        return max(took, 0) // 1_000

    def _references(self, span: Span) -> list[dict[str, str]]:
        above = [_reference("CHILD_OF", span.trace_id, span.parent_span_id)] if span.parent_span_id else []
        return above + [self._link(link) for link in span.links]

    def _link(self, link: Link) -> dict[str, str]:
        child = link.attributes.get(_REF_TYPE) == "child_of"
        self._lost.add("attributes of links", "left out", sum(1 for key in link.attributes if key != _REF_TYPE))
        return _reference("CHILD_OF" if child else "FOLLOWS_FROM", link.trace_id, link.span_id)

    def _span_tags(self, span: Span) -> list[dict[str, Any]]:
        scope = {f"otel.scope.{key}": span.scope[key] for key in ("name", "version") if span.scope.get(key)}
        self._lost.add("attributes of scopes", "left out", sum(1 for key in span.scope if key not in {"name", "version"}))
        more: dict[str, Value] = {}
        if span.kind is not None:
            more["span.kind"] = span.kind
        if span.status_code in _STATUSES:
            more["otel.status_code"] = _STATUSES[span.status_code]
        if span.status_code == 2:
            more["error"] = True
        if span.status_message:
            more["otel.status_description"] = span.status_message
        if span.trace_state:
            more["w3c.tracestate"] = span.trace_state
        return self._tags(scope) + self._tags(span.attributes) + self._tags(more)

    def _log(self, event: Event) -> dict[str, Any]:
        name = self._tags({"event": event.name}) if event.name else []
        return {"timestamp": micros(event.time_ns), "fields": name + self._tags(event.attributes)}

    def _tags(self, attributes: dict[str, Value]) -> list[dict[str, Any]]:
        return [{"key": key, **self._value(content)} for key, content in attributes.items()]

    def _value(self, value: Value) -> dict[str, Any]:
        if isinstance(value, bool):
            return {"type": "bool", "value": value}
        if isinstance(value, int) and value in _INT64:
            return {"type": "int64", "value": value if -_EXACT < value < _EXACT else str(value)}
        if isinstance(value, float) and math.isfinite(value):
            return {"type": "float64", "value": value}
        if isinstance(value, bytes):
            return {"type": "binary", "value": base64.b64encode(value).decode()}
        if value is None:
            self._lost.add("attributes without a value", "an empty text")
        elif isinstance(value, list | dict):
            self._lost.add("lists and maps", "JSON text")
        elif not isinstance(value, str):
            self._lost.add("numbers that Jaeger does not take", "text")
        return {"type": "string", "value": text_of(value)}


def _reference(kind: str, trace_id: str, span_id: str) -> dict[str, str]:
    return {"refType": kind, "traceID": _trace_id(trace_id), "spanID": span_id}


def _trace_id(trace_id: str) -> str:
    """Jaeger writes an id of 64 bits with 16 digits."""
    return trace_id[16:] if trace_id.startswith("0" * 16) else trace_id
