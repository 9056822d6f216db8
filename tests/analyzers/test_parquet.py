"""Parquet of ours: the same findings as from the files that it was made of; damage and strangers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from spanproof.analyzers import InputError, judge, load
from spanproof.analyzers.tinytrace_otlp import write
from spanproof.analyzers.write import convert
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = sorted((ROOT / "traces" / "golden").glob("*.json"))


def findings(con: duckdb.DuckDBPyConnection) -> set[tuple[object, ...]]:
    report = judge(con)
    found: set[tuple[object, ...]] = {(result.header.id, result.verdict) for result in report}
    for f in report.findings:
        found.add((f.criterion, f.trace_id, f.span_id, f.subject, f.measured, f.severity, f.fingerprint, f.cause))
    return found


def converted(con: duckdb.DuckDBPyConnection, folder: Path, to: str = "parquet") -> Path:
    target = folder / f"out.{to}"
    convert(con, to, target)
    return target


def test_the_same_findings(tmp_path: Path) -> None:
    con = load(GOLDEN)
    expected = findings(con)
    assert len(expected) > 60
    for to in ("otlp", "parquet"):
        again = load([converted(con, tmp_path, to)])
        assert findings(again) == expected, to
        again.close()
    con.close()


def test_traces_that_belong_together_are_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanproof.analyzers.write.formats.parquet.BUCKET", 1)
    # m waits for b and cancels x; the others stand alone.
    alone = "  ".join(f"z{number}::0-9" for number in range(20))
    con = load([write(tmp_path / "t.json", f"m::0-100:main,w=b@5-95  b::0-400  x::0-50:!20#7@m  {alone}")])
    target = converted(con, tmp_path)
    files = list(target.rglob("*.parquet"))
    homes = dict(con.execute(f"select name, filename from read_parquet('{target}/**/*.parquet', filename = true)").fetchall())
    assert len(files) > 3
    assert homes["task m"] == homes["task b"] == homes["task x"]
    assert all(file.parent.name.startswith("bucket=") and file.parent.parent.name.startswith("date=") for file in files)
    order = con.execute(f"select trace_id, start_ns from read_parquet('{files[0]}')").fetchall()
    assert order == sorted(order)
    assert load([target]).execute("select count(*) from spans").fetchone() == con.execute("select count(*) from spans").fetchone()
    assert (
        load(files).execute("select count(distinct record) from spans").fetchone() == con.execute("select count(*) from spans").fetchone()
    )


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    (file,) = converted(load(GOLDEN[:1]), tmp_path).rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="Parquet that cannot be read as traces"):
        load([tmp_path / "out.parquet"])


def test_a_damaged_page_costs_no_other_file(tmp_path: Path) -> None:
    con = load(GOLDEN[:1])
    (file,) = converted(con, tmp_path).rglob("*.parquet")
    data = bytearray(file.read_bytes())
    data[100:2000] = b"\xff" * 1900
    file.write_bytes(data)
    again = load([file, GOLDEN[1]])
    assert again.execute("select format from files order by file_id").fetchall() == [("parquet",), ("otlp-json",)]
    assert again.execute("select distinct severity from problems where file_id = 1").fetchall() == [("error",)]
    assert again.execute("select distinct file_id from spans").fetchall() == [(2,)]


def test_tables_of_others_are_walked_past_and_refused_when_named(tmp_path: Path) -> None:
    stranger = tmp_path / "prices.parquet"
    duckdb.sql(f"copy (select 1 as price) to '{stranger}'")
    with pytest.raises(InputError, match="a folder without traces"):
        load([tmp_path])
    with pytest.raises(InputError, match="Parquet that Spanproof did not write"):
        load([stranger])


def test_a_layout_of_the_future_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanproof.analyzers.write.formats.parquet.FORMAT", 2)
    target = converted(load(GOLDEN[:1]), tmp_path)
    with pytest.raises(InputError, match="has layout 2; this build reads 1"):
        load([target])


def test_a_name_that_duckdb_takes_for_a_pattern(tmp_path: Path) -> None:
    home = tmp_path / "a[1]*"
    home.mkdir()
    (file,) = converted(load(GOLDEN[:1]), home).rglob("*.parquet")
    assert load([file]).execute("select count(*) > 3 from spans").fetchone() == (True,)
