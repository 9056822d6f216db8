"""OTLP JSON: one TracesData object a line, as the Collector's file exporter writes it."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import orjson

from .otlp_parts import DROPPED, KINDS, messages, part

if TYPE_CHECKING:
    from pathlib import Path

    from ..losses import Losses
    from ..source import Event, Link, Source, Span
    from ..values import Value
    from .otlp_parts import Group


class OtlpJson:
    """Writes OTLP JSON, which holds whatever the tables hold."""

    def write(self, source: Source, target: Path, lost: Losses) -> None:  # noqa: ARG002 - the interface; nothing is lost
        """See `Format`."""
        with target.open("xb") as file:
            for message in messages(source):
                file.write(orjson.dumps({"resourceSpans": [_resource(groups) for groups in message]}) + b"\n")


def _resource(groups: list[Group]) -> dict[str, Any]:
    given = groups[0].resource
    refs = given.text("refs")
    resource = {"attributes": _pairs(given.attributes), "droppedAttributesCount": given.number("dropped")}
    if refs:
        resource["entityRefs"] = orjson.loads(refs)
    return {"resource": _said(resource), "scopeSpans": [_scope(group) for group in groups]} | _said({"schemaUrl": given.text("url")})


def _scope(group: Group) -> dict[str, Any]:
    given = group.scope
    scope = {
        "name": given.text("name"),
        "version": given.text("version"),
        "attributes": _pairs(given.attributes),
        "droppedAttributesCount": given.number("dropped"),
    }
    return {"scope": _said(scope), "spans": [_span(span) for span in group.spans]} | _said({"schemaUrl": given.text("url")})


def _span(span: Span) -> dict[str, Any]:
    made = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "traceState": span.trace_state,
        "parentSpanId": span.parent_span_id,
        "flags": span.flags,
        "name": span.name,
        "kind": KINDS.get(span.kind, 0),
        "startTimeUnixNano": _time(span.start_ns),
        "endTimeUnixNano": _time(span.end_ns),
        "attributes": _pairs(span.attributes),
        "droppedAttributesCount": span.dropped_attributes,
        "events": [_event(event) for event in span.events],
        "droppedEventsCount": span.dropped_events,
        "links": [_link(link) for link in span.links],
        "droppedLinksCount": span.dropped_links,
    }
    return _said(made) | {"status": _said({"message": span.status_message, "code": span.status_code})}


def _event(event: Event) -> dict[str, Any]:
    given = part(event.attributes, dropped=DROPPED)
    made = {"timeUnixNano": _time(event.time_ns), "name": event.name, "attributes": _pairs(given.attributes)}
    return _said(made | {"droppedAttributesCount": given.number("dropped")})


def _link(link: Link) -> dict[str, Any]:
    given = part(link.attributes, state="otel.link.trace_state", flags="otel.link.flags", dropped=DROPPED)
    made = {
        "traceId": link.trace_id,
        "spanId": link.span_id,
        "traceState": given.text("state"),
        "attributes": _pairs(given.attributes),
        "droppedAttributesCount": given.number("dropped"),
        "flags": given.number("flags"),
    }
    return _said(made)


def _said(members: dict[str, Any]) -> dict[str, Any]:
    """Without those that say nothing, as the rules of the format have it."""
    return {member: content for member, content in members.items() if content}


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else str(time_ns)


def _pairs(attributes: dict[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(content)} for key, content in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _not_finite(value)}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {} if value is None else {"kvlistValue": {"values": _pairs(value)}}


def _not_finite(value: float) -> str:
    """The names that protobuf's JSON has for them."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
