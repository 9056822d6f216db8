"""An application's own TracerProvider as a second place for units: each is a live span, made and ended by the public API.

So the application's sampler and processors act on our units as on its own spans, its spans and ours form one trace, and W3C
context goes out and comes in. While a unit's code runs, its span is the current one of the task's context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from .. import vocabulary as v
from ..clocks import now_ns
from ..version import VERSION
from .plain import plain_attributes, plain_text

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

    from ..records import Attributes, Unit
    from ..seams import Seam


class _LeftOut(NonRecordingSpan):
    """The current span of a unit that the sampler left out; one of ours, as its scope cannot tell."""


def _is_ours(span: Span) -> bool:
    """Whether it is a unit's, of an ended one too: a callback of the loop inherits the context of a unit that is over."""
    scope = getattr(span, "instrumentation_scope", None)
    return isinstance(span, _LeftOut) or (scope is not None and scope.name == v.SCOPE_NAME)


_NO_ATTRIBUTES: Attributes = {}
_NONE: tuple[Context | None, Context | None] = (None, None)


class LiveSpans:
    """The live spans of open units. A `Sink`; what it does is guarded by the seam `export`."""

    def __init__(self, provider: TracerProvider, seam: Seam) -> None:
        self._tracer = provider.get_tracer(v.SCOPE_NAME, VERSION)
        self._seam = seam
        self._spans: dict[int, tuple[Span, Attributes]] = {}
        self._contexts: dict[int, tuple[Context, Context]] = {}

    # --- a unit's beginning, called by the recorder ----------------------------------------------------------------

    def start(self, unit: Unit, *, alone: bool = False) -> None:
        """Start the unit's span and give the unit its ids. `alone`: in a trace of its own, whatever span is current.

        Nothing changes where the provider makes no spans, and inside of an exporter's own work: its spans would never end.
        """
        current, parent_id = get_current(), unit.parent_id
        above: SpanContext | None = None
        if parent_id is not None and self._contexts.get(parent_id, _NONE)[0] is current:
            context = current  # as we made it for the parent: the common case, and the cheap one
        else:
            if not is_instrumentation_enabled():
                return
            span = get_current_span(current)
            found = span.get_span_context()
            if found.is_valid and not alone and not _is_ours(span) and v.DETACHED not in (unit.own or ()):
                above = found
            context = current if above is not None else self._context_for(unit, current)
        name, attributes = _beginning(unit)
        links = [Link(SpanContext(trace_id, span_id, is_remote=False)) for trace_id, span_id in unit.links] if unit.links else None
        started_with = dict(unit.own) if unit.own else _NO_ATTRIBUTES
        span = self._tracer.start_span(name, context=context, attributes=attributes, links=links, start_time=unit.start_ns)
        made = span.get_span_context()
        if not made.is_valid or made.span_id == parent_id or (above is not None and made.span_id == above.span_id):
            return  # the API without an SDK: it hands back what was current
        if above is not None:
            if parent_id is not None:
                unit.attrs[v.PARENT_UNIT] = f"{parent_id:016x}"
            unit.parent_id = above.span_id
        unit.trace_id, unit.span_id = made.trace_id, made.span_id
        if not made.trace_flags.sampled:
            unit.attrs[v.SAMPLED] = False
            if not span.is_recording():
                span = _LeftOut(made)
        self._spans[unit.span_id] = (span, started_with)

    def _context_for(self, unit: Unit, current: Context) -> Context:
        if unit.parent_id is None:
            return set_span_in_context(INVALID_SPAN, current)
        parent = self._spans.get(unit.parent_id)
        if parent is not None:
            return set_span_in_context(parent[0], current)
        # Our parent has no span: the provider came later than it.
        flags = TraceFlags(TraceFlags.SAMPLED)
        return set_span_in_context(
            NonRecordingSpan(SpanContext(unit.trace_id, unit.parent_id, is_remote=False, trace_flags=flags)), current
        )

    # --- while its code runs ---------------------------------------------------------------------------------------

    def enter(self, unit: Unit) -> None:
        """Make the unit's span the current one. Called in the context of the unit's task."""
        known = self._spans.get(unit.span_id)
        if known is not None:
            before = get_current()
            ours = set_span_in_context(known[0], before)
            self._contexts[unit.span_id] = (ours, before)
            attach(ours)

    def leave(self, unit: Unit) -> None:
        """Make the span current again that was before, unless the unit is left in another context or in another order.

        Not by a token: that may belong to another context (a generator that was closed elsewhere), and OpenTelemetry would
        log it as an error.
        """
        kept = self._contexts.pop(unit.span_id, None)
        if kept is None:
            return
        ours, before = kept
        current = get_current()
        if current is ours:
            attach(before)
        elif get_current_span(current) is get_current_span(ours):
            # The unit's code left other values there, baggage say; those stay as they would without us.
            attach(set_span_in_context(get_current_span(before), current))

    # --- Sink ------------------------------------------------------------------------------------------------------

    def opened(self, unit: Unit) -> None:
        """The span was started before the unit had its ids."""

    def changed(self, unit: Unit) -> None:
        """What has changed goes into the span at its end."""

    def ended(self, unit: Unit) -> None:
        """Give the span what the unit knows, and end it."""
        known = self._spans.pop(unit.span_id, None)
        if known is not None:
            with self._seam:
                _finish(unit, *known)

    def close(self, ended_by: v.EndedBy, open_units: list[Unit]) -> None:
        """End the spans of units that are still open, and leave those of the task that is running."""
        for unit in sorted(open_units, key=_start_seq, reverse=True):  # the innermost first
            with self._seam:
                self.leave(unit)
            self.ended(unit)
        self._contexts.clear()
        while self._spans:
            span, _ = self._spans.popitem()[1]
            with self._seam:
                span.end()


def _start_seq(unit: Unit) -> int:
    return unit.start_seq


def _beginning(unit: Unit) -> tuple[str, dict[str, Any]]:
    """Name and attributes of a unit that has just opened; what it shares with others is made plain once."""
    origin = unit.origin
    shared = origin.plain
    if shared is None:
        shared = origin.plain = (plain_text(origin.name), plain_attributes(origin.attrs))
    attributes: dict[str, Any] = {**shared[1], v.START_SEQ: unit.start_seq}
    if unit.creator is not None:
        attributes[v.CREATOR] = f"{unit.creator:016x}"
    if unit.own:
        attributes.update(plain_attributes(unit.own))
    return shared[0], attributes


def _finish(unit: Unit, span: Span, started_with: Attributes) -> None:
    if span.is_recording():
        news: dict[str, Any] = {}
        if unit.end_seq is not None:
            news[v.END_SEQ] = unit.end_seq
        if unit.outcome is not None:
            news[v.OUTCOME] = unit.outcome
        if unit.own:
            # What a processor has changed since the start stays as it made it.
            news.update(plain_attributes({key: value for key, value in unit.own.items() if not _is_same(value, started_with.get(key))}))
        span.set_attributes(news)
        for name, time_ns, seq, attrs in unit.all_events():
            plain: Any = {v.SEQ: seq} if name == v.STARTED else plain_attributes(attrs)
            span.add_event(plain_text(name), plain, timestamp=time_ns)
        if unit.status == StatusCode.ERROR.value:
            span.set_status(Status(StatusCode.ERROR, plain_text(unit.status_message) or None))
    span.end(end_time=unit.end_ns if unit.end_ns is not None else now_ns())


def _is_same(value: object, former: object) -> bool:
    # Texts that are put together anew each time are compared; no code of the program may run for other types.
    return value is former or (type(value) is str and type(former) is str and value == former)
