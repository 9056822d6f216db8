"""OTLP protobuf as the Collector's file exporter frames it: the length of a TracesData in four bytes, big end first, and the TracesData."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from .otlp_parts import DROPPED, KINDS, messages, part

if TYPE_CHECKING:
    from pathlib import Path

    from .. import source as tables
    from ..losses import Losses
    from ..values import Value
    from .otlp_parts import Group

_INT64: Final = range(-(2**63), 2**63)


class OtlpProto:
    """Writes OTLP protobuf."""

    def write(self, source: tables.Source, target: Path, lost: Losses) -> None:
        """See `Format`."""
        writing = _Writing(lost)
        with target.open("xb") as file:
            for message in messages(source):
                data = TracesData(resource_spans=[writing.resource(groups) for groups in message]).SerializeToString()
                file.write(len(data).to_bytes(4, "big") + data)


class _Writing:
    """The writing of one file."""

    def __init__(self, lost: Losses) -> None:
        self._lost = lost

    def resource(self, groups: list[Group]) -> ResourceSpans:
        given = groups[0].resource
        resource = Resource(attributes=self._pairs(given.attributes), dropped_attributes_count=given.number("dropped"))
        for ref in orjson.loads(given.text("refs") or "[]"):
            self._ref(resource, ref)
        scopes = [self._scope(group) for group in groups]
        return ResourceSpans(resource=resource, scope_spans=scopes, schema_url=given.text("url"))

    def _ref(self, resource: Resource, ref: Any) -> None:
        try:
            resource.entity_refs.add(
                schema_url=ref.get("schemaUrl", ""),
                type=ref.get("type", ""),
                id_keys=ref.get("idKeys", ()),
                description_keys=ref.get("descriptionKeys", ()),
            )
        except (AttributeError, TypeError, ValueError):
            self._lost.add("entity references that are malformed", "left out")

    def _scope(self, group: Group) -> ScopeSpans:
        given = group.scope
        scope = InstrumentationScope(
            name=given.text("name"),
            version=given.text("version"),
            attributes=self._pairs(given.attributes),
            dropped_attributes_count=given.number("dropped"),
        )
        return ScopeSpans(scope=scope, spans=[self._span(span) for span in group.spans], schema_url=given.text("url"))

    def _span(self, span: tables.Span) -> Span:
        return Span(
            trace_id=self._id(span.trace_id, 16),
            span_id=self._id(span.span_id, 8),
            parent_span_id=self._id(span.parent_span_id, 8) if span.parent_span_id else b"",
            trace_state=span.trace_state or "",
            flags=_fits(span.flags),
            name=span.name,
            kind=cast("Span.SpanKind.ValueType", KINDS.get(span.kind, 0)),
            start_time_unix_nano=max(span.start_ns or 0, 0),
            end_time_unix_nano=max(span.end_ns or 0, 0),
            attributes=self._pairs(span.attributes),
            dropped_attributes_count=_fits(span.dropped_attributes),
            events=[self._event(event) for event in span.events],
            dropped_events_count=_fits(span.dropped_events),
            links=[self._link(link) for link in span.links],
            dropped_links_count=_fits(span.dropped_links),
            status=Status(code=cast("Status.StatusCode.ValueType", span.status_code), message=span.status_message or ""),
        )

    def _event(self, event: tables.Event) -> Span.Event:
        given = part(event.attributes, dropped=DROPPED)
        return Span.Event(
            time_unix_nano=max(event.time_ns or 0, 0),
            name=event.name,
            attributes=self._pairs(given.attributes),
            dropped_attributes_count=_fits(given.number("dropped")),
        )

    def _link(self, link: tables.Link) -> Span.Link:
        given = part(link.attributes, state="otel.link.trace_state", flags="otel.link.flags", dropped=DROPPED)
        return Span.Link(
            trace_id=self._id(link.trace_id, 16),
            span_id=self._id(link.span_id, 8),
            trace_state=given.text("state"),
            attributes=self._pairs(given.attributes),
            dropped_attributes_count=_fits(given.number("dropped")),
            flags=_fits(given.number("flags")),
        )

    def _id(self, text: str, size: int) -> bytes:
        try:
            known = bytes.fromhex(text)
        except ValueError:
            known = b""
        if len(known) == size:
            return known
        self._lost.add("ids that are not of OpenTelemetry's form", "ids made of them")
        return blake2b(text.encode(), digest_size=size).digest()

    def _pairs(self, attributes: dict[str, Value]) -> list[KeyValue]:
        return [KeyValue(key=key, value=self._value(content)) for key, content in attributes.items()]

    def _value(self, value: Value) -> AnyValue:
        if isinstance(value, str):
            return AnyValue(string_value=value)
        if isinstance(value, bool):
            return AnyValue(bool_value=value)
        if isinstance(value, int):
            if value in _INT64:
                return AnyValue(int_value=value)
            self._lost.add("whole numbers beyond 64 bits", "text")
            return AnyValue(string_value=str(value))
        if isinstance(value, float):
            return AnyValue(double_value=value)
        if isinstance(value, bytes):
            return AnyValue(bytes_value=value)
        if isinstance(value, list):
            return AnyValue(array_value=ArrayValue(values=[self._value(item) for item in value]))
        return AnyValue() if value is None else AnyValue(kvlist_value=KeyValueList(values=self._pairs(value)))


def _fits(number: int | None) -> int:
    """What 32 bits take of it."""
    return min(max(number or 0, 0), 2**32 - 1)
