"""What a row of the drawing says of its unit beside its deadline and its requests: what it blocked, held, left open, or left running."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from ..analyzers.words import duration
from .wording import since

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PLACE: Final = "coalesce(file, ''), line"

BLOCKED: Final = f"""
select span_id, duration_ns, machine_stalled, {_PLACE} from blocked
where trace_id = ? and duration_ns >= 100_000_000 order by seq
"""

FLAGGED: Final = f"select span_id, time_ns, mechanism, first_read_ns, {_PLACE} from flags where trace_id = ? order by seq"

HELD: Final = f"""
select span_id, name, how, {_PLACE} from holdings
where trace_id = ? and (released_seq is null or how = 'collected') order by acquired_seq
"""

GENERATORS: Final = f"""
select span_id, name, how, {_PLACE} from generators
where trace_id = ? and (closed_seq is null or how in ('hook', 'shutdown')) order by opened_seq
"""

THREADS: Final = f"""
select t.span_id, t.name, t.finished_ns - u.end_ns, {_PLACE}
from threads t join units u on u.trace_id = t.trace_id and u.span_id = t.span_id
where t.trace_id = ? and t.outcome is distinct from 'never_ran' and u.end_seq is not null
    and (t.finished_seq is null or t.finished_seq > u.end_seq) and t.clock = u.clock
order by t.started_seq
"""


def told(connection: DuckDBPyConnection, trace_id: str, start_ns: int) -> dict[str, list[str]]:
    """Phrases by span id, in the order in which things happened."""
    phrases: defaultdict[str, list[str]] = defaultdict(list)

    def rows(sql: str) -> list[tuple[object, ...]]:
        return connection.execute(sql, [trace_id]).fetchall()

    for span_id, length, stalled, file, line in rows(BLOCKED):
        what = "the machine stood still for" if stalled else "blocked the loop for"
        phrases[str(span_id)].append(f"{what} {duration(_int(length))}{_at(file, line)}")
    for span_id, time_ns, mechanism, read_ns, file, line in rows(FLAGGED):
        read = f"first read {since(_int(read_ns), start_ns)}" if read_ns is not None else "nobody looked"
        phrases[str(span_id)].append(f"flagged {since(_int(time_ns), start_ns)} by {mechanism}{_at(file, line)}, {read}")
    for span_id, name, how, file, line in rows(HELD):
        phrases[str(span_id)].append(f"{name}{_at(file, line)} {'left to the garbage collector' if how else 'not given back'}")
    for span_id, name, how, file, line in rows(GENERATORS):
        end = {"hook": "closed late by the loop", "shutdown": "closed by the loop's end"}.get(str(how), "left open")
        phrases[str(span_id)].append(f"generator {name}{_at(file, line)} {end}")
    for span_id, name, beyond_ns, file, line in rows(THREADS):
        went_on = f"went on for {duration(_int(beyond_ns))}" if beyond_ns is not None else "is still at work"
        phrases[str(span_id)].append(f"thread {name}{_at(file, line)} {went_on}")
    return phrases


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _at(file: object, line: object) -> str:
    return f" at {PurePath(str(file)).name}:{line}" if file and line is not None else ""
