"""Says what a file is, by its content, never by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from .formats import FORMATS

if TYPE_CHECKING:
    from .formats import Format

READABLE: Final = "OTLP JSON (JSON Lines, one document or several, plain or gzip)"
"""What this build reads, for messages."""

_BOM: Final = b"\xef\xbb\xbf"

# Trace formats of others: enough of each to call it by its name. Tried in this order, on the first 64 KiB.
_FOREIGN: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("zstd-compressed data", re.compile(rb"\A(.{4})?\x28\xb5\x2f\xfd", re.DOTALL)),
    ("Jaeger JSON", re.compile(rb'"(operationName|traceID)"\s*:')),
    ("Chrome trace JSON", re.compile(rb'"traceEvents"\s*:|\A\s*\[\s*\{[^{}]*"ph"\s*:')),
    ("Zipkin JSON", re.compile(rb'\A\s*\[.*"traceId"\s*:.*"(localEndpoint|timestamp)"\s*:|\A\s*\[.*"localEndpoint"\s*:', re.DOTALL)),
    ("the OpenTelemetry console exporter's output", re.compile(rb'"trace_id"\s*:\s*"0x')),
    ("OTLP JSON in another program's envelope or spelling", re.compile(rb'"(batches|resource_spans|instrumentationLibrarySpans)"\s*:')),
    ("OTLP protobuf", re.compile(rb"\A(\0.{3})?\x0a.{1,5}\x0a.{1,400}service\.name", re.DOTALL)),
)

# What is certainly no trace; a folder is walked past these without a word.
_OTHER: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("a report of `spanproof check`", re.compile(rb'\A\s*\{.*"exit_code"\s*:.*"findings"\s*:', re.DOTALL)),
    ("a DuckDB database", re.compile(rb"\A.{8}DUCK", re.DOTALL)),
    ("Parquet", re.compile(rb"\APAR1")),
    ("a zip archive", re.compile(rb"\APK\x03\x04")),
    ("HTML", re.compile(rb"\A\s*<(!doctype|html)", re.IGNORECASE)),
)


class Look(NamedTuple):
    """What a file looks like.

    Attributes:
        format: who reads it; None: nobody.
        what: what it looks like, for a message; empty for what is readable or empty.
        candidate: a folder that is walked should mention it: a trace, or perhaps a damaged one.
    """

    format: Format | None
    what: str
    candidate: bool


def look(head: bytes, *, named_json: bool = False) -> Look:
    """Recognise the file that begins with `head` (decompressed).

    An empty head is a candidate without format and without `what`. `named_json`: its name says JSON, so that unreadable
    content is worth a word.
    """
    body = head.removeprefix(_BOM).lstrip()
    if not body:
        return Look(None, "", named_json)
    for form in FORMATS:
        if form.recognises(body):
            return Look(form, "", True)
    for what, pattern in _FOREIGN:
        if pattern.search(head):
            return Look(None, what, True)
    for what, pattern in _OTHER:
        if pattern.search(head):
            return Look(None, what, False)
    begin = body[:24].split(b"\n", 1)[0].decode("utf-8", "replace")
    if body[:1] in (b"{", b"["):
        return Look(None, f"JSON without spans (it begins with {begin!r})", False)
    return Look(None, f"no JSON (it begins with {begin!r})", named_json)
