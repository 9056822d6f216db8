"""Sends spans that were recorded earlier to an OTLP endpoint, in requests that servers take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from .sinks.otlp_exporter import Exporter
from .sinks.otlp_given import Converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .exporting import Endpoint
    from .sinks.otlp_given import Given

BATCH: Final = 256
"""Spans in one request, at most."""

BATCH_PARTS: Final = 4_096
"""Attributes and events in one request, at most: gRPC servers take 4 MiB, HTTP ones 20 MiB."""


@dataclass(slots=True)
class Pushed:
    """What became of it.

    Attributes:
        sent: spans that the endpoint took.
        refused: spans of answered requests that it did not take.
        unsent: spans of the request that could not be delivered; those behind it were not tried.
        why: the reason, empty when all were taken.
    """

    sent: int = 0
    refused: int = 0
    unsent: int = 0
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
            for batch in _batches(spans):
                refused, why = exporter.export([convert(span) for span in batch])
                done.why = done.why or why
                if refused == len(batch) and not exporter.rejected:
                    done.unsent = len(batch)
                    break
                done.sent += len(batch) - refused
                done.refused += refused
                progress(done.sent + done.refused)
    finally:
        exporter.close()
    return done


def _batches(spans: Iterable[Given]) -> Iterator[list[Given]]:
    batch: list[Given] = []
    parts = 0
    for span in spans:
        size = len(span.attributes) + sum(1 + len(event.attributes) for event in span.events) + len(span.links)
        if batch and (len(batch) == BATCH or parts + size > BATCH_PARTS):
            yield batch
            batch, parts = [], 0
        batch.append(span)
        parts += size
    if batch:
        yield batch
