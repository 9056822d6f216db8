"""Collects what was recorded about the subjects of findings and their causes: the evidence, in order."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .finding import Code, Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import duckdb

    Where = Callable[[str | None, int | None], Code | None]

PER_FINDING: Final = 16
"""Facts kept for one finding; those of its life and of cancellation go first."""

_LAST: Final = {"end": 1, "open": 1, "unheard": 2}
"""Of facts with one place in the order: an end comes after what led to it, and after that who had not heard of it."""

FACTS: Final = Path(__file__).with_name("evidence.sql")
"""One row a fact about the spans in `wanted`, at most $1 of each span."""


def collect(con: duckdb.DuckDBPyConnection, spans: Iterable[tuple[str, str]], where: Where) -> dict[tuple[str, str], list[Evidence]]:
    """The facts about each of `spans` (trace and span id), in their order. `where` makes a line of code from file and line."""
    fill(con, spans)
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for row in con.execute(FACTS.read_text(encoding="utf-8"), [PER_FINDING]).fetchall():
        found[row[0], row[1]].append(_evidence(row, where))
    return found


def fill(con: duckdb.DuckDBPyConnection, spans: Iterable[tuple[str, str]]) -> None:
    """Make the table `wanted` of the spans."""
    con.execute("create or replace temp table wanted (trace_id VARCHAR, span_id VARCHAR)")
    pairs = sorted(set(spans))
    if pairs:
        con.execute(
            "insert into wanted select unnest($1::VARCHAR[]), unnest($2::VARCHAR[])", [[p[0] for p in pairs], [p[1] for p in pairs]]
        )


def merged(subject: list[Evidence], cause: list[Evidence]) -> list[Evidence]:
    """The facts about a subject and its cause as one story; the same fact is told once."""
    seen: set[tuple[int, str, str, str | None, str | None]] = set()
    story: list[Evidence] = []
    for item in sorted([*cause, *subject], key=lambda item: (item.time_ns, item.seq, _LAST.get(item.event, 0))):
        key = (item.time_ns, item.span_id, item.event, item.actor_span_id, item.detail)
        if key not in seen:
            seen.add(key)
            story.append(item)
    return story


def _evidence(row: tuple[Any, ...], where: Where) -> Evidence:
    _, span_id, time_ns, event, actor, file, line, detail, unit, actor_name, seq = row
    return Evidence(time_ns, span_id, event, actor, where(file, line), detail, unit or "", actor_name, seq or 0)
