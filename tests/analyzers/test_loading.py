"""Loading as a whole: the default recording, progress, what it leaves behind, and what the result can be trusted with."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest

from spanproof.analyzers import InputError, load, loading
from spanproof.analyzers.read import staging
from tests.analyzers.traces import event, line, recording, table, unit, write

SPANS = (unit("pipeline", 1, 0, 50), unit("stage", 2, 10, 20, event("started", 10), parent=1), recording(60))


def test_without_paths_the_newest_recording_below_the_root_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "run.json", *SPANS)
    (tmp_path / ".last-run.json").write_text(json.dumps({"files": ["run.json"]}))
    assert table(load(root=tmp_path), "select count(*) from units") == "2"
    monkeypatch.setenv("SPANPROOF_TRACES", str(tmp_path))
    assert table(load(), "select count(*) from units") == "2"
    monkeypatch.delenv("SPANPROOF_TRACES")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no recording yet: there is no traces/\.last-run\.json"):
        load()


def test_several_files_and_batches_are_one_set_of_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "BATCH", 2_000)
    for file in range(3):
        write(tmp_path / f"{file}.json", *(unit("stage", 100 * file + number, 0, 10, event("started", 1)) for number in range(1, 40)))
    seen: list[tuple[int, int]] = []
    con = load([tmp_path], progress=lambda done, of: seen.append((done, of)))
    assert table(con, "select count(*), count(started_ns), count(distinct file_id) from units") == "117 | 117 | 3"
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == (size, size)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    current = tmp_path / "current"
    scratch.mkdir()
    current.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(current)
    con = load([write(tmp_path / "t.json", *SPANS)])
    assert list(scratch.iterdir()) == []
    con.execute("set memory_limit = '20MB'")
    con.execute("select count(*) from (select i, hash(i) as h, i::VARCHAR as t from range(2000000) as r(i) order by h)").fetchall()
    con.close()
    assert list(scratch.iterdir()) == []
    assert list(current.iterdir()) == []


def test_the_result_can_be_locked_and_still_be_asked(tmp_path: Path) -> None:
    con = load([write(tmp_path / "t.json", *SPANS)])
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")
    assert table(con, "select count(*) from ancestry") == "1"
    with pytest.raises(duckdb.PermissionException):
        con.execute("select * from read_text('/etc/hostname')")
    with pytest.raises(duckdb.InvalidInputException):
        con.execute("set enable_external_access = true")


def test_no_table_of_the_building_remains(tmp_path: Path) -> None:
    con = load([write(tmp_path / "t.json", *SPANS)])
    assert table(con, "select table_name from duckdb_tables() where temporary") == ""


def test_an_interrupted_load_closes_what_it_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[duckdb.DuckDBPyConnection] = []

    def connect() -> duckdb.DuckDBPyConnection:
        opened.append(duckdb.connect())
        return opened[0]

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "connect", connect)
    with pytest.raises(KeyboardInterrupt):
        load([write(tmp_path / "t.json", *SPANS)], progress=interrupt)
    with pytest.raises(duckdb.ConnectionException):
        opened[0].execute("select 1")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf8_is_shown_as_far_as_possible(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path / "t") + b"\xff.json"))
    path.write_bytes(line(SPANS[0]))
    assert table(load([path]), "select path from files").endswith("t\ufffd.json")
    path.write_bytes(b"text")
    with pytest.raises(InputError, match="t\ufffd\\.json: looks like no JSON"):
        load([path])


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    path = write(tmp_path / "t.json", *SPANS)
    before = staging.Table.__init__

    def full(self: staging.Table, con: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
        before(self, con, name, folder)
        self._path = Path("/dev/full")

    monkeypatch.setattr(staging.Table, "__init__", full)
    with pytest.raises(InputError, match=r"No space left on device.*TMPDIR"):
        load([path])
