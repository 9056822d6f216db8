"""A criterion whose query explodes takes neither the machine's memory nor its disk, and stops nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import connect, create_schema, finish
from spanproof.analyzers.verdicts import Verdict
from tests.criteria.test_guard import GOOD, HEADER, own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

SPANS = """
insert into resources by name select 1 as resource_id, 1 as file_id, 'r' as recording_id, 1 as format, 1 as pid;
insert into spans by name
select 1 as resource_id, 1 as file_id, repeat('0', 32) as trace_id, format('{:016x}', i) as span_id, 'stage s' as name, 1 as rev,
    1 as start_ns, 2 as end_ns, map {'spanproof.unit': 'stage', 'spanproof.outcome': 'completed'} as attributes
from range(5000) numbers(i)
"""


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """5,000 stages in a database with little room."""
    found = connect(memory="200MB", spill="100MB")
    create_schema(found)
    found.execute(SPANS)
    finish(found)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(
            GOOD.replace("from units where", "from units, (from units b select b.name || ' ' || b.span_id as more) c, range(20) where"),
            "Out of Memory Error",
            id="a cartesian product",
        ),
        pytest.param(GOOD.replace("1 as measured", "1 // (start_ns - 1) as measured"), "Division by zero", id="a division by zero"),
    ],
)
def test_it_is_unknown_and_the_rest_is_judged(con: duckdb.DuckDBPyConnection, tmp_path: Path, body: str, reason: str) -> None:
    began = time.perf_counter()
    report = judge(con, criteria_dirs=[own(tmp_path, body, HEADER)], select=["X01", "R05"])
    assert time.perf_counter() - began < 30
    assert report["X01"].verdict is Verdict.UNKNOWN
    assert reason in (report["X01"].reason or "")
    assert (report["R05"].verdict, report["R05"].subjects) == (Verdict.HOLDS, 5000)
