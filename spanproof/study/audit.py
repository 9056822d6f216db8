"""`audit.jsonl`: one line for each timeout and cancellation that happened, with everything that is known of it, and what was found.

The rows are those of the view `audit`; times are nanoseconds since the epoch, on the clock that `clock` names.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from ..analyzers.report import Report

_ROWS: Final = """
select a.* exclude (resource_id), u.scenario, u.clock
from audit a join units u on u.trace_id = a.trace_id and u.span_id = a.span_id
order by a.path, coalesce(a.requested_ns, a.expired_ns), a.request_id, a.span_id
"""


def records(con: duckdb.DuckDBPyConnection, report: Report) -> tuple[dict[str, Any], ...]:
    """The lines, as mappings. `findings`: fingerprints, by criterion, of what was found on the unit; files go by their names."""
    found: defaultdict[tuple[str, str | None], list[str]] = defaultdict(list)
    for finding in report.findings:
        found[finding.trace_id, finding.span_id].append(f"{finding.criterion} {finding.fingerprint}")
    cursor = con.execute(_ROWS)
    columns = [str(column[0]) for column in cursor.description or ()]
    rows = (dict(zip(columns, values, strict=True)) for values in cursor.fetchall())
    return tuple(_record(row, found.get((row["trace_id"], row["span_id"]), [])) for row in rows)


def _record(row: dict[str, Any], findings: list[str]) -> dict[str, Any]:
    code = {"file": row.pop("file"), "line": row.pop("line"), "function": row.pop("function")}
    return {**row, "path": Path(row["path"]).name, "code": code if code["file"] else None, "findings": sorted(findings)}


def to_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of `audit.jsonl`."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
