"""Sends spans that were recorded earlier to an OTLP endpoint, in requests that servers take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from opentelemetry.instrumentation.utils import suppress_instrumentation

from .sinks.otlp_exporter import Exporter
from .sinks.otlp_given import Converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .exporting import Endpoint
    from .sinks.otlp_given import Given

BATCH: Final = 256
"""Spans in one request, at most."""

BATCH_BYTES: Final = 3 << 20
"""Bytes in one request, at most, unless one span alone has more: gRPC servers take 4 MiB, HTTP ones 20 MiB."""

_FRAME: Final = 24
"""Bytes that protobuf needs around one value, at most; numbers included."""


@dataclass(slots=True)
class Pushed:
    """What became of it.

    Attributes:
        sent: spans that the endpoint took.
        refused: spans of answered requests that it did not take.
        unsent: spans of the request that could not be delivered; those behind it were not tried.
        large: bytes of the span that could not be delivered, where it was alone in its request because it is that large; else 0.
        why: the reason, empty when all were taken.
    """

    sent: int = 0
    refused: int = 0
    unsent: int = 0
    large: int = 0
    why: str = ""


def push(spans: Iterable[Given], endpoint: Endpoint, progress: Callable[[int], None]) -> Pushed:
    """Send spans, in their order.

    The environment's OTEL_EXPORTER_OTLP_* variables say headers, compression, certificates and how long a request is repeated. A request
    that could not be delivered ends it: so a dead endpoint costs one request's time, and what was taken is known.

    Args:
        spans: what to send; each once.
        endpoint: where to.
        progress: called with the number of spans that were dealt with.

    Raises:
        EndpointError: no exporter can be made of what the environment says.
    """
    done = Pushed()
    convert = Converter().convert
    exporter = Exporter(endpoint)
    try:
        with suppress_instrumentation(), exporter.quietly():
            for batch, size in _batches(spans):
                refused, why = exporter.export([convert(span) for span in batch])
                done.why = done.why or why
                if refused == len(batch) and not exporter.rejected:
                    done.unsent = len(batch)
                    done.large = size if size > BATCH_BYTES else 0
                    break
                done.sent += len(batch) - refused
                done.refused += refused
                progress(done.sent + done.refused)
    finally:
        exporter.close()
    return done


def _batches(spans: Iterable[Given]) -> Iterator[tuple[list[Given], int]]:
    """The spans of each request, and how many bytes they have at most."""
    batch: list[Given] = []
    filled = 0
    resources: set[int] = set()
    for span in spans:
        own = _bytes_of(span)
        size = own if id(span.resource) in resources else own + _bytes(span.resource.attributes)
        if batch and (len(batch) == BATCH or filled + size > BATCH_BYTES):
            yield batch, filled
            batch, filled, size = [], 0, own + _bytes(span.resource.attributes)
            resources.clear()
        batch.append(span)
        resources.add(id(span.resource))
        filled += size
    if batch:
        yield batch, filled


def _bytes_of(span: Given) -> int:
    # Twelve frames: ids, times, flags, counts and enums.
    size = 12 * _FRAME + _bytes(span.name) + _bytes(span.status_message or "") + _bytes(span.trace_state or "")
    size += _bytes(span.scope) + _bytes(span.attributes)
    size += sum(2 * _FRAME + _bytes(event.name) + _bytes(event.attributes) for event in span.events)
    return size + sum(4 * _FRAME + _bytes(link.attributes) for link in span.links)


def _bytes(value: object) -> int:
    """At most so many bytes has a value in a request."""
    if isinstance(value, str):
        return _FRAME + len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return _FRAME + len(value)
    if isinstance(value, Mapping):
        return _FRAME + sum(_bytes(key) + _bytes(item) for key, item in cast("Mapping[str, object]", value).items())
    if isinstance(value, list):
        return _FRAME + sum(_bytes(item) for item in cast("list[object]", value))
    # A number beyond 64 bits goes as text, of a digit for each three bits or so.
    return _FRAME + (value.bit_length() // 3 if isinstance(value, int) else 0)
