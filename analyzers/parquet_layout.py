"""The layout of traces in Parquet, which one part writes and another reads.

    FOLDER/format=1/date=2026-11-30/bucket=0/spans.parquet

A file has a row a span, with its events and links inside, sorted by trace and start. The resources stand in the file's own metadata, so
that each file can be read alone. Traces that refer to each other are in one bucket.
"""

from __future__ import annotations

from typing import Final

FORMAT: Final = 1
"""Version of the layout. A reader refuses others."""

KEY: Final = "spanproof"
"""Key of our metadata in a file: a JSON object with `format` and `resources`."""

FILE: Final = "spans.parquet"

COLUMNS: Final = (
    "record",
    "resource_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "span_kind",
    "start_ns",
    "end_ns",
    "status_code",
    "status_message",
    "trace_state",
    "flags",
    "rev",
    "attributes",
    "kinds",
    "dropped_attributes",
    "dropped_events",
    "dropped_links",
)
"""Of `spans`. `record` counts from 1 in each file."""

EVENT: Final = ("ordinal", "seq", "name", "time_ns", "attributes", "kinds")
"""Members of the column `events`."""

LINK: Final = ("ordinal", "linked_trace_id", "linked_span_id", "attributes", "kinds")
"""Members of the column `links`."""
