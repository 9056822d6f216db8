"""Each row that a criterion says of its small traces, as a snapshot: whom it names, what it measures, whose fault it sees.

Verdicts are held by `test_cases.py`; here a change of anything else shows as a diff. Running this file with `UPDATE_SNAPSHOTS=1`
writes them anew.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers.cataloguing import SHARED, catalogue
from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace_otlp import write
from tests.criteria.cases import all_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from tests.criteria.conftest import Snapshot

NUMBERED = list(enumerate(all_cases(), 1))


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """All cases, each a recording of its own, with the shared views."""
    folder = tmp_path_factory.mktemp("rows")
    made = load([write(folder / f"{n:04}.json", f"{case.trace} %n={n} %rec=case-{n}") for n, case in NUMBERED])
    for script in sorted(SHARED.glob("*.sql")):
        made.execute(script.read_text(encoding="utf-8"))
    yield made
    made.close()


@pytest.mark.parametrize("criterion", sorted(catalogue()))
def test_rows(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, criterion: str) -> None:
    header = catalogue()[criterion].header
    values = {name: parameter.default for name, parameter in header.parameters.items()}
    found = con.execute(catalogue()[criterion].sql, values)
    columns = [column[0] for column in found.description or []]
    said: dict[int, list[str]] = defaultdict(list)
    for row in found.fetchall():
        values_of = dict(zip(columns, row, strict=True))
        said[int(str(values_of["trace_id"])[:16], 16)].append(line(values_of))
    parts = [
        "\n".join([f"{case.verdict}: {case.shows}", *(f"    {each}" for each in sorted(said[number]))])
        for number, case in NUMBERED
        if case.criterion == criterion
    ]
    snapshot(f"rows/{criterion}", "\n".join(parts) + "\n")


def line(row: dict[str, Any]) -> str:
    """`stage b: ok, 5 ms of 10 ms, by 3, code, note`; ids that count are told as their number."""
    words = [{True: "ok", False: "VIOLATED", None: "unknown"}[row["ok"]]]
    if row["measured"] is not None or row["bound"] is not None:
        words.append(f"{number(row['measured'], row['unit'])} of {number(row['bound'], row['unit'])}")
    words.append(f"by {str(row['cause_span_id']).lstrip('0')}" if row["cause_span_id"] else "by nobody")
    words += [str(row[name]) for name in ("fault", "severity", "note") if row.get(name)]
    return f"{row['subject']} ({str(row['span_id']).lstrip('0')}): {', '.join(words)}"


def number(value: float | None, unit: str | None) -> str:
    """All digits: `10.000001 ms`."""
    if value is None:
        return "none"
    if unit == "ns":
        return f"{value / 1_000_000:.6f}".rstrip("0").rstrip(".") + " ms"
    return f"{value:.10g} {unit or ''}".rstrip()
