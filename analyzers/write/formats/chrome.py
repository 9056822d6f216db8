"""Chrome's trace event format, which Perfetto, Chrome's `about:tracing` and Speedscope draw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import orjson

from ..source import json_bytes
from ..values import text_of
from .chrome_lanes import lanes
from .shared import note_counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..losses import Losses
    from ..source import Resource, Source, Span
    from ..values import Value

_HEAD: Final = b'{"displayTimeUnit":"ns","traceEvents":['
_STATUSES: Final = {1: "OK", 2: "ERROR"}


class Chrome:
    """Writes Chrome's trace events: a process for each trace of each resource, a thread for each lane."""

    def write(self, source: Source, target: Path, lost: Losses) -> None:
        """See `Format`."""
        writing = _Writing(lost)
        between = b"\n"
        with target.open("xb") as file:
            file.write(_HEAD)
            for spans in source.traces():
                for event in writing.trace(spans):
                    file.write(between + json_bytes(event))
                    between = b",\n"
            file.write(b"\n]}\n")


class _Writing:
    """The writing of one file."""

    def __init__(self, lost: Losses) -> None:
        self._lost = lost
        self._processes = 0

    def trace(self, spans: list[Span]) -> Iterator[dict[str, Any]]:
        by_resource: dict[int, list[Span]] = {}
        for span in spans:
            by_resource.setdefault(id(span.resource), []).append(span)
        for some in by_resource.values():
            self._processes += 1
            yield self._process(some[0].resource, some[0].trace_id)
            for span, lane in lanes(some):
                yield from self._span(span, {"pid": self._processes, "tid": lane})

    def _process(self, resource: Resource, trace_id: str) -> dict[str, Any]:
        name = f"{resource.service or 'unknown service'}, trace {trace_id[:8]}"
        args = self._args(resource.attributes) | {"name": name}
        return {"ph": "M", "name": "process_name", "pid": self._processes, "tid": 0, "args": args}

    def _span(self, span: Span, place: dict[str, int]) -> Iterator[dict[str, Any]]:
        note_counts(span, self._lost)
        self._lost.add("links", "left out", len(span.links))
        self._lost.add("trace states", "left out", int(bool(span.trace_state)))
        self._lost.add("ids, parents, kinds and statuses", "arguments of the slice")
        start = span.start_ns or 0
        slice_: dict[str, Any] = {"ph": "B", "name": span.name, "cat": text_of(span.scope.get("name")) or "span", "ts": _micros(start)}
        if span.end_ns is not None:
            slice_ |= {"ph": "X", "dur": _micros(max(span.end_ns - start, 0))}
        yield slice_ | place | {"args": _facts(span) | self._args(span.attributes)}
        for event in span.events:
            at = _micros(event.time_ns if event.time_ns is not None else start)
            yield {
                "ph": "i",
                "s": "t",
                "name": event.name,
                "ts": at,
                **place,
                "args": {"span_id": span.span_id} | self._args(event.attributes),
            }

    @staticmethod
    def _args(attributes: dict[str, Value]) -> dict[str, Value]:
        """The attributes as JSON has them: no bytes, and no numbers that are none."""
        return {key: text_of(content) if _is_strange(content) else content for key, content in attributes.items()}


def _is_strange(content: Value) -> bool:
    return isinstance(content, bytes) or (isinstance(content, float) and not math.isfinite(content))


def _facts(span: Span) -> dict[str, Value]:
    facts: dict[str, Value] = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "kind": span.kind,
        "status": _STATUSES.get(span.status_code),
        "status_message": span.status_message,
    }
    return {key: content for key, content in facts.items() if content}


def _micros(time_ns: int) -> orjson.Fragment:
    """A time in microseconds with all its nanoseconds, which a double does not hold."""
    whole, rest = divmod(time_ns, 1_000)
    return orjson.Fragment(f"{whole}.{rest:03}" if rest else str(whole))
