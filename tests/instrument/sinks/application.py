"""An application with OpenTelemetry of its own, for tests of what its TracerProvider gets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanproof.instrument import attach
from spanproof.instrument.sinks import MemorySink

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.sdk.trace.sampling import Sampler

    from spanproof.instrument.records import Unit


class App:
    """An application with OpenTelemetry of its own.

    Attributes:
        units: what the recorder's other sink got.
    """

    def __init__(self, sampler: Sampler | None = None, processor: SpanProcessor | None = None, limits: SpanLimits | None = None) -> None:
        self.provider = TracerProvider(sampler=sampler, span_limits=limits, shutdown_on_exit=False)
        self._exporter = InMemorySpanExporter()
        if processor is not None:
            self.provider.add_span_processor(processor)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("app")
        self._sink = MemorySink()
        self.seams: list[str] = []

    @contextmanager
    def recorded(self) -> Generator[attach.Session]:
        """Record the block."""
        with attach.session(sink=self._sink, provider=self.provider, name="test") as session:
            yield session
        self.seams = session.recorder.seams.described()
        assert trace.get_current_span() is trace.INVALID_SPAN, "a unit's span is current after its end"

    def spans(self) -> tuple[ReadableSpan, ...]:
        """What was exported."""
        return self._exporter.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        """The only span of this name."""
        (found,) = [span for span in self.spans() if span.name == name]
        return found

    def parents(self) -> dict[str, str | None]:
        """Parents of all spans but the program's, by name; `upstream` is what came in from outside."""
        names = {context_of(span).span_id: span.name for span in self.spans()}
        assert len(names) == len(self.spans())
        return {
            span.name: None if span.parent is None else names.get(span.parent.span_id, "upstream")
            for span in self.spans()
            if span.name != "program test"
        }

    def unit(self, name: str) -> Unit:
        """The only unit of this name."""
        (found,) = [unit for unit in self._sink.units if unit.name == name]
        return found

    def units(self) -> list[Unit]:
        """All units."""
        return self._sink.units


def context_of(span: ReadableSpan) -> trace.SpanContext:
    """The ids of a span."""
    found = span.get_span_context()
    assert found is not None
    return found


def current() -> str:
    """The name of the current span."""
    return str(getattr(trace.get_current_span(), "name", "none"))
