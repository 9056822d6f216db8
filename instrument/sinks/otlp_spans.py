"""A unit as the span that OpenTelemetry's exporters send: with our ids, and without the SDK's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from .. import vocabulary as v
from ..version import VERSION
from .plain import facts_of, plain_resource, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records import Unit

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class _SameResource(Resource):
    """A resource that is equal to itself alone: the exporters group spans by it, and comparing it by value costs 20 us a span."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class Shared:
    """What all spans of a request have in common.

    Attributes:
        attributes: the resource's, as they were given.
    """

    def __init__(self, attributes: Mapping[str, object]) -> None:
        self.attributes = attributes
        self.resource = _SameResource(plain_resource(attributes))  # type: ignore[arg-type,unused-ignore] # pyright: ignore[reportArgumentType]
        self.scope = InstrumentationScope(v.SCOPE_NAME, VERSION)


def readable(unit: Unit, shared: Shared) -> ReadableSpan:
    """The unit as a span. One that has no end gets none: `spanproof.outcome` says so, whatever a backend makes of it."""
    attributes, events = facts_of(unit)
    error = unit.status == StatusCode.ERROR.value
    return ReadableSpan(
        name=plain_text(unit.name),
        context=_context(unit.trace_id, unit.span_id),
        parent=None if unit.parent_id is None else _context(unit.trace_id, unit.parent_id),
        resource=shared.resource,
        attributes=attributes,  # type: ignore[arg-type,unused-ignore] # pyright: ignore[reportArgumentType]
        events=[Event(name, attrs, time_ns) for name, time_ns, attrs in events],  # type: ignore[arg-type,unused-ignore] # pyright: ignore[reportArgumentType]
        links=[Link(_context(trace_id, span_id)) for trace_id, span_id in list(unit.links)],
        status=Status(StatusCode.ERROR, plain_text(unit.status_message) or None) if error else Status(StatusCode.UNSET),
        start_time=unit.start_ns,
        end_time=unit.end_ns,
        instrumentation_scope=shared.scope,
    )


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
