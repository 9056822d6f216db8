"""Small traces for the reader's tests, and tables as text.

Times are in ms after T0. Where a test does not say otherwise, order follows time: seq = 10 x ms, +1 for a start, +5 for an event,
+9 for an end.
"""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from spanproof.analyzers import load
from spanproof.analyzers.read.shapes import is_list

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

T0 = 1_000_000_000
TRACE = "a" * 32
PROGRAM_TRACE = "b" * 32


def ns(ms: float) -> int:
    """Nanoseconds since the epoch of a time in ms."""
    return T0 + round(ms * 1_000_000)


def sid(number: int | str) -> str:
    """The span id of a small number."""
    return number if isinstance(number, str) else f"{number:016x}"


def value(content: Any) -> dict[str, Any]:
    """A Python value as an OTLP value."""
    if isinstance(content, bool):
        return {"boolValue": content}
    if isinstance(content, int):
        return {"intValue": str(content)}
    if isinstance(content, float):
        return {"doubleValue": content}
    if is_list(content):
        return {"arrayValue": {"values": [value(item) for item in content]}}
    return {"stringValue": content}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP key-value pairs."""
    return [{"key": key, "value": value(content)} for key, content in attributes.items()]


def event(name: str, at: float, seq: int | None = None, **attributes: Any) -> dict[str, Any]:
    """An event. In the names of attributes `__` stands for a dot and `spanproof.` goes without saying, unless they begin with `code__`."""
    given = {"spanproof.seq": round(at * 10) + 5 if seq is None else seq}
    for key, content in attributes.items():
        dotted = key.replace("__", ".")
        given[dotted if dotted.startswith(("code.", "exception.")) else f"spanproof.{dotted}"] = content
    return {"timeUnixNano": str(ns(at)), "name": name, "attributes": pairs(given)}


def requested(number: int, at: float, mechanism: str = "task_cancel", **attributes: Any) -> dict[str, Any]:
    """A request; attributes as those of `event`, without `request__`."""
    more = {key if key.startswith("code__") or key == "seq" else f"request__{key}": content for key, content in attributes.items()}
    return event("cancel.requested", at, request__id=number, request__mechanism=mechanism, **more)


def delivered(at: float, *requests: int, **attributes: Any) -> dict[str, Any]:
    """A delivery that answers these requests; none: it is borrowed."""
    return event("cancel.delivered", at, delivery__requests=list(requests), delivery__borrowed=not requests, **attributes)


def unit(
    kind: str | None,
    number: int | str,
    start: float,
    end: float | None,
    *events: dict[str, Any],
    parent: int | str | None = None,
    name: str | None = None,
    trace: str = TRACE,
    outcome: str = "completed",
    rev: int = 1,
    clock: str | None = None,
    **attributes: Any,
) -> dict[str, Any]:
    """A span; attributes as those of `event`. `kind` None: a span of another program, without any attribute of ours."""
    given: dict[str, Any] = {}
    if kind:
        given = {"spanproof.unit": kind, "spanproof.rev": rev, "spanproof.outcome": outcome, "spanproof.start_seq": round(start * 10) + 1}
        given["spanproof.clock"] = clock or "monotonic"
        given["spanproof.loop"] = 1
        if end is not None:
            given["spanproof.end_seq"] = round(end * 10) + 9
    for key, content in attributes.items():
        dotted = key.replace("__", ".")
        given[dotted if dotted.startswith(("code.", "exception.", "error.")) else f"spanproof.{dotted}"] = content
    span: dict[str, Any] = {
        "traceId": trace,
        "spanId": sid(number),
        "name": name or f"{kind} {number}",
        "kind": 1,
        "startTimeUnixNano": str(ns(start)),
        "attributes": pairs(given),
    }
    if parent is not None:
        span["parentSpanId"] = sid(parent)
    if end is not None:
        span["endTimeUnixNano"] = str(ns(end))
    if events:
        span["events"] = list(events)
    return span


def recording(at: float, *events: dict[str, Any], ended_by: str | None = "process", rev: int = 1, **attributes: Any) -> dict[str, Any]:
    """The recorder's own record, as of the tick at `at`."""
    more: dict[str, Any] = {"ended_by": ended_by} if ended_by else {}
    more |= {"tick_ns": ns(at), "tick_seq": round(at * 10), "open_units": 0, "dropped": 0} | attributes
    return unit("recording", "f" * 16, 0, at if ended_by else None, *events, trace=PROGRAM_TRACE, rev=rev, name="recording", **more)


RESOURCE: dict[str, Any] = {
    "spanproof.format": 1,
    "spanproof.version": "0.1.0",
    "spanproof.recording_id": "rec-1",
    "service.name": "shop",
    "process.pid": 77,
}


def document(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    """One TracesData object."""
    attributes = pairs(RESOURCE if resource is None else resource)
    scopes = [{"scope": {"name": "spanproof", "version": "0.1.0"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scopes}]}


def line(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    """One line of a file, as our recorder writes it."""
    return json.dumps(document(*spans, resource=resource), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def write(path: Path, *spans: dict[str, Any], resource: dict[str, Any] | None = None) -> Path:
    """A file with one span a line."""
    path.write_bytes(b"".join(line(span, resource=resource) for span in spans))
    return path


def loaded(path: Path, *spans: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """The tables of a file with these spans, and a macro `ms` that shows times as they were given."""
    con = load([write(path / "trace.json", *spans)])
    con.execute("create macro ms(at_ns) as (at_ns - 1000000000) // 1000000")
    return con


def table(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The rows of a query as text, a line each; ids lose their leading zeros."""
    rows = con.execute(sql).fetchall()
    return "\n".join(" | ".join(_cell(cell) for cell in row) for row in rows)


def _cell(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = str(cell)
    return text.lstrip("0") or "0" if len(text) == 16 else text


def rows(text: str) -> str:
    """An expected table, as it stands in a test."""
    return dedent(text).strip("\n")
