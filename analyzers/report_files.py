"""The part of a report that is about the input: which files, and what was odd about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from .findings import Places

_FILES = """
with clocks as (
    select file_id, list(distinct clock order by clock) filter (clock is not null) as clocks
    from units where unit is distinct from 'program' group by file_id
),
programs as (
    select file_id, list(distinct python order by python) filter (python is not null) as pythons, flatten(list(libraries)) as libraries
    from resources group by file_id
)
select f.path, f.sha256, f.bytes, f.format, f.format_version, c.clocks, f.spans, f.problems, p.pythons,
    list_sort(list_distinct(p.libraries))
from files f
left join clocks c on c.file_id = f.file_id
left join programs p on p.file_id = f.file_id
order by f.path, f.file_id
"""


def describe(con: duckdb.DuckDBPyConnection, places: Places) -> list[dict[str, Any]]:
    """One entry a file, as the JSON contract has it."""
    found: list[dict[str, Any]] = []
    for path, sha256, size, kind, version, clocks, spans, count, pythons, libraries in con.execute(_FILES).fetchall():
        found.append({
            "path": places.shown(path),
            "sha256": sha256,
            "bytes": size,
            "format": kind,
            "format_version": version,
            "clock": None if not clocks else clocks[0] if len(clocks) == 1 else "mixed",
            "spans": spans,
            "problems": count or 0,
            "python": ", ".join(pythons) if pythons else None,
            "libraries": libraries or [],
        })  # fmt: skip
    return found


def problems(con: duckdb.DuckDBPyConnection, places: Places) -> list[dict[str, Any]]:
    """One entry a problem, the worst first."""
    rows = con.execute(
        "select path, line, byte_offset, what, done, severity from problems "
        "order by list_position(['error', 'data_loss', 'notice', 'info'], severity), path, line, byte_offset, what"
    ).fetchall()
    return [
        {"path": places.shown(path) if path else None, "line": line, "byte": offset, "what": what, "done": done, "severity": severity}
        for path, line, offset, what, done, severity in rows
    ]
