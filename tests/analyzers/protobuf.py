"""OTLP protobuf for the reader's tests, written by OpenTelemetry's own classes."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import ParseDict
from google.protobuf.proto import serialize_length_prefixed
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanproof.analyzers.read.shapes import is_list, is_map

if TYPE_CHECKING:
    from collections.abc import Callable

IDS = frozenset(("traceId", "spanId", "parentSpanId"))


def message(value: Any) -> bytes:
    """TracesData out of OTLP JSON."""
    data = TracesData()
    ParseDict(with_bytes(value), data)
    return bytes(data.SerializeToString())


def with_bytes(value: Any) -> Any:
    """OTLP JSON with its ids in base64, as protobuf's own JSON has them."""
    if is_list(value):
        return [with_bytes(item) for item in value]
    if not is_map(value):
        return value
    return {key: base64.b64encode(bytes.fromhex(item)).decode() if key in IDS else with_bytes(item) for key, item in value.items()}


def fixed(content: bytes) -> bytes:
    """As the collector's file exporter frames a message."""
    return len(content).to_bytes(4, "big") + content


def varied(content: bytes) -> bytes:
    """As protobuf's own libraries delimit a message."""
    out = io.BytesIO()
    serialize_length_prefixed(TracesData.FromString(content), out)
    return out.getvalue()


FRAMINGS: dict[str, Callable[[bytes], bytes]] = {"bare": lambda content: content, "a length of four bytes": fixed, "a varint": varied}
