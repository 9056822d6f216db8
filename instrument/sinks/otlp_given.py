"""Spans that were read from a file as the spans that OpenTelemetry's exporters send."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from .. import vocabulary as v

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KINDS = {
    None: SpanKind.INTERNAL,
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class GivenResource(Protocol):
    """A process, by its attributes."""

    @property
    def attributes(self) -> Mapping[str, Any]: ...


class GivenEvent(Protocol):
    """An event of a span."""

    @property
    def name(self) -> str: ...
    @property
    def time_ns(self) -> int | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


class GivenLink(Protocol):
    """A link of a span."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


class Given(Protocol):
    """A span with plain values: ids as hex, times in ns, kinds as words."""

    @property
    def resource(self) -> GivenResource: ...
    @property
    def scope(self) -> Mapping[str, Any]: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_span_id(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def start_ns(self) -> int | None: ...
    @property
    def end_ns(self) -> int | None: ...
    @property
    def status_code(self) -> int: ...
    @property
    def status_message(self) -> str | None: ...
    @property
    def trace_state(self) -> str | None: ...
    @property
    def flags(self) -> int | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def events(self) -> Sequence[GivenEvent]: ...
    @property
    def links(self) -> Sequence[GivenLink]: ...


class _SameResource(Resource):
    """A resource that is equal to itself alone: the exporters group spans by it, and comparing it by value takes long."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class Converter:
    """Makes spans to send. One for a whole push, for it remembers the resources."""

    def __init__(self) -> None:
        self._resources: dict[int, tuple[GivenResource, Resource]] = {}

    def convert(self, span: Given) -> ReadableSpan:
        """The span. One without an end says so in `spanproof.outcome`, for a backend gives it one."""
        attributes = _sendable(span.attributes)
        if span.end_ns is None:
            attributes[v.OUTCOME] = "unfinished"
        state = TraceState.from_header([span.trace_state]) if span.trace_state else None
        flags = TraceFlags((span.flags if span.flags is not None else TraceFlags.SAMPLED) & 0xFF)
        trace_id = int(span.trace_id, 16)
        context = SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=flags, trace_state=state)
        parent = SpanContext(trace_id, int(span.parent_span_id, 16), is_remote=False, trace_flags=flags) if span.parent_span_id else None
        return ReadableSpan(
            name=span.name,
            context=context,
            parent=parent,
            resource=self._resource(span.resource),
            attributes=attributes,
            events=[Event(event.name, _sendable(event.attributes), event.time_ns or 0) for event in span.events],
            links=[_link(link) for link in span.links],
            kind=_KINDS.get(span.kind, SpanKind.INTERNAL),
            status=_status(span),
            start_time=span.start_ns or 0,
            end_time=span.end_ns,
            instrumentation_scope=_scope(span.scope),
        )

    def _resource(self, given: GivenResource) -> Resource:
        known = self._resources.get(id(given))
        if known is None:
            # The given one is kept, so that its id stays its own.
            known = self._resources[id(given)] = given, _SameResource(_sendable(given.attributes))
        return known[1]


def _status(span: Given) -> Status:
    code = StatusCode(span.status_code) if span.status_code in {0, 1, 2} else StatusCode.UNSET
    return Status(code, span.status_message or None) if code is StatusCode.ERROR else Status(code)


def _scope(given: Mapping[str, Any]) -> InstrumentationScope:
    name, version = given.get("name"), given.get("version")
    more = {key: value for key, value in given.items() if key not in {"name", "version", "schema_url", "dropped_attributes_count"}}
    return InstrumentationScope(str(name or ""), str(version) if version else None, given.get("schema_url"), _sendable(more) or None)


def _link(given: GivenLink) -> Link:
    attributes = dict(given.attributes)
    state = attributes.pop("otel.link.trace_state", None)
    attributes.pop("otel.link.flags", None)
    header = TraceState.from_header([str(state)]) if state else None
    context = SpanContext(int(given.trace_id, 16), int(given.span_id, 16), is_remote=False, trace_state=header)
    return Link(context, _sendable(attributes))


def _sendable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that exporters and servers take: nothing goes as text, and so does a number that JSON has none for."""
    return {key: _value(value) for key, value in attributes.items()}


def _value(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        # Jaeger answers 500 for a trace that has one, and for every search that meets it.
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, list):
        return [_value(item) for item in value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return _sendable(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
