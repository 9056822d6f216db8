"""Traces judged in buckets, in parallel, give the findings that one database gives, as sets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.buckets import assign, opened, split
from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace_otlp import write
from tests.criteria.cases import all_cases
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

APART = [id_ for id_, criterion in catalogue().items() if criterion.header.scope == "trace"]
TWO_TRACES = "m::0-100:main,w=b@5-95  b::0-400  x::0-50:!20#7@m  y::0-60:!21^7#8@x  z::0-9"
"""m waits for b, cancels x, and that goes on to y: four traces that belong together. z stands alone."""


def findings(con: duckdb.DuckDBPyConnection) -> set[tuple[object, ...]]:
    """What `scope: trace` criteria find, without what is told of other traces."""
    report = judge(con, select=APART)
    broken = [result.reason for result in report if "could not be run" in str(result.reason)]
    assert not broken
    return {
        (f.criterion, f.trace_id, f.span_id, f.subject, f.measured, f.severity, f.note, f.fingerprint, f.cause) for f in report.findings
    }


def in_buckets(con: duckdb.DuckDBPyConnection, count: int, folder: Path) -> set[tuple[object, ...]]:
    """The same, bucket by bucket, two at a time."""

    def of_one(home: Path) -> set[tuple[object, ...]]:
        bucket = opened(home)
        try:
            return findings(bucket)
        finally:
            bucket.close()

    with ThreadPoolExecutor(2) as pool:
        return set[tuple[object, ...]]().union(*pool.map(of_one, split(con, count, folder)))


def test_traces_that_refer_to_each_other_stay_together(tmp_path: Path) -> None:
    con = load([write(tmp_path / "t.json", TWO_TRACES)])
    assign(con, 1000)
    buckets = dict(con.execute("select distinct u.name, b.bucket from units u join bucket_of b using (trace_id)").fetchall())
    con.close()
    assert buckets["task m"] == buckets["task b"] == buckets["task x"] == buckets["task y"] != buckets["task z"]


@pytest.mark.parametrize("source", ["small traces", "golden"])
def test_the_same_findings(source: str, tmp_path: Path) -> None:
    if source == "golden":
        paths = sorted((ROOT / "traces" / "golden").glob("*.json"))
    else:
        paths = [write(tmp_path / f"{c.number:04}.json", f"{c.trace} %n={c.number} %rec=case-{c.number}") for c in all_cases()]
    con = load(paths)
    whole = findings(con)
    (tmp_path / "buckets").mkdir()
    assert in_buckets(con, 5, tmp_path / "buckets") == whole
    assert len(whole) >= 5
    con.close()
