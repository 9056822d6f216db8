"""`ls`, `show`, `query`, `explain`, `criteria`, `scenarios`, `doctor`: what they draw, and where they draw it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import duckdb
import pytest

from spanproof.analyzers.tinytrace_facts import EPOCH
from spanproof.analyzers.tinytrace_otlp import span_ids, write
from tests.cli import programs
from tests.cli.conftest import steady

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Snapshot

FAN = " ".join(f"s.fan#{attempt}:stock:2-10" for attempt in range(1, 21))
DEMO = f"p.shop::0-60=f s.price:shop:0-52=t:d50!,!50/timer s.stock:shop:1-:r=result/failed@55 {FAN} häkeln::5-7"
"""A run in which a stage times out and another never ends, with twenty alike below it; and a task in a trace of its own."""

MANY = " ".join(f"t{number}::{number}-{number + 1}" for number in range(30))


def demo(folder: Path) -> Path:
    return write(folder / "demo.json", DEMO)


def test_show(spanproof: Command, snapshot: Snapshot, tmp_path: Path) -> None:
    shown = spanproof("show", demo(tmp_path))
    assert (shown.returncode, shown.stderr) == (0, "")
    snapshot(shown.stdout, "show.txt")


def test_show_on_a_terminal_without_our_characters(spanproof: Command, snapshot: Snapshot, tmp_path: Path) -> None:
    shown = spanproof("show", demo(tmp_path), env={"PYTHONIOENCODING": "ascii"})
    assert shown.returncode == 0
    assert shown.stdout.isascii()
    snapshot(shown.stdout, "show-ascii.txt")


def test_show_one_trace_or_everything(spanproof: Command, tmp_path: Path) -> None:
    file = demo(tmp_path)
    listed = spanproof("query", file, "--format", "csv", "-c", "select trace_id from units where name = 'task häkeln'").stdout
    one = spanproof("show", file, "--trace", listed.split()[1].upper()).stdout
    assert "häkeln" in one
    assert "shop" not in one
    assert spanproof("show", file).stdout.count("stage fan") == 8
    assert spanproof("show", file, "--all").stdout.count("stage fan") == 20
    missing = spanproof("show", file, "--trace", "dead")
    assert (missing.returncode, missing.stderr) == (
        2,
        "Error: no trace begins with 'dead'. `spanproof ls` lists the traces with their ids.\n",
    )


def test_many_traces_are_not_a_wall(spanproof: Command, tmp_path: Path) -> None:
    shown = spanproof("show", write(tmp_path / "many.json", MANY))
    assert shown.stdout.count("trace ") == 10
    assert "and 20 more traces: --trace ID-PREFIX picks one" in shown.stderr


def test_units_that_are_their_own_ancestors_are_drawn_once(spanproof: Command, tmp_path: Path) -> None:
    file = write(tmp_path / "odd.json", "a::0-5 b:a:0-5 c:b:0-5")
    text = file.read_text()
    first, last = span_ids("a::0-5 b:a:0-5 c:b:0-5")["a"], span_ids("a::0-5 b:a:0-5 c:b:0-5")["c"]
    start = f'"spanId":"{first}",'
    assert start in text
    file.write_text(text.replace(start, f'{start}"parentSpanId":"{last}",'))
    shown = spanproof("show", file)
    assert shown.returncode == 0
    assert sorted(re.findall(r"task [abc]", shown.stdout)) == ["task a", "task b", "task c"]


def test_ls(spanproof: Command, snapshot: Snapshot, tmp_path: Path) -> None:
    demo(tmp_path)
    shown = spanproof("ls", "demo.json")
    assert (shown.returncode, shown.stderr) == (0, "")
    snapshot(shown.stdout, "ls.txt")
    write(tmp_path / "other.json", "x::0-5 %torn %n=2 %rec=other")
    several = spanproof("ls", ".").stdout
    assert "other.json" in several
    assert "torn" in several


def test_narrow_terminals(spanproof: Command, tmp_path: Path) -> None:
    file = demo(tmp_path)
    for command in ("ls", "show"):
        shown = spanproof(command, file, env={"COLUMNS": "30"})
        assert shown.returncode == 0
        assert max(map(len, shown.stdout.splitlines())) <= 40


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1", "TERM": "xterm-256color"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}, False),
    ],
)
def test_colours_are_for_who_wants_them(spanproof: Command, tmp_path: Path, env: dict[str, str], coloured: bool) -> None:
    assert bool(re.search("\x1b\\[[0-9;]*3[0-9]m", spanproof("show", demo(tmp_path), env=env).stdout)) is coloured


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    write(tmp_path / "many.json", " ".join(f"t{number}::{number}-{number + 1}" for number in range(3000)))
    script = f"{sys.executable} -m spanproof ls many.json | head -1; echo ${{PIPESTATUS[0]}}"
    shown = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert shown.stderr == ""
    assert shown.stdout.splitlines()[-1] == "0"


# --- query ---------------------------------------------------------------------------------------------------------------

ASK = "select name, outcome, start_ns, is_open from units where name in ('stage price', 'stage stock') order by name"


def test_query_formats(spanproof: Command, snapshot: Snapshot, tmp_path: Path) -> None:
    file = demo(tmp_path)
    snapshot(spanproof("query", "-c", ASK, file).stdout, "query-table.txt")
    rows = list(csv.reader(io.StringIO(spanproof("query", "-c", ASK, file, "--format", "csv").stdout)))
    assert rows[:2] == [["name", "outcome", "start_ns", "is_open"], ["stage price", "timed_out", str(EPOCH), "false"]]
    found = json.loads(spanproof("query", "-c", ASK, file, "--format", "json").stdout)
    assert found[0] == {"name": "stage price", "outcome": "timed_out", "start_ns": str(EPOCH), "is_open": False}
    assert spanproof("query", "-c", ASK, file, "--format", "parquet", "-o", "rows.parquet").returncode == 0
    assert duckdb.read_parquet(str(tmp_path / "rows.parquet")).fetchall()[0][0] == "stage price"
    assert spanproof("query", "-c", ASK, file, "-o", "rows.txt").returncode == 0
    assert (tmp_path / "rows.txt").read_text().startswith("name ")
    none = spanproof("query", "-c", "select name from units where false", file)
    assert (none.returncode, none.stdout.strip(), none.stderr) == (0, "name", "no rows\n")


def test_query_reads_its_statement_from_a_file_or_from_stdin(spanproof: Command, tmp_path: Path) -> None:
    file = demo(tmp_path)
    (tmp_path / "ask.sql").write_text("select count(*) as n from units", encoding="utf-8")
    assert spanproof("query", "-f", "ask.sql", file, "--format", "csv").stdout == "n\n25\n"
    assert spanproof("query", file, "--format", "csv", stdin="select 1 as one").stdout == "one\n1\n"
    assert spanproof("query", "-c", "select count(*) as n from units", "-", "--format", "csv", stdin=file.read_text()).stdout == "n\n25\n"


def test_query_saves_a_database(spanproof: Command, tmp_path: Path) -> None:
    file = demo(tmp_path)
    shown = spanproof("query", "--save", "all.duckdb", file)
    assert (shown.returncode, shown.stdout) == (0, "")
    with duckdb.connect(str(tmp_path / "all.duckdb"), read_only=True) as kept:
        assert kept.execute("select count(*) from units").fetchone() == (25,)
        for view in ("busy", "gaps", "receipts", "critical_path"):
            assert kept.execute(f"select count(*) from {view}").fetchone() != (0,)
        # A key would be written in a form that DuckDB 1.0 cannot read, whatever the version of the file.
        assert kept.execute("select count(*) from duckdb_constraints() where constraint_type <> 'NOT NULL'").fetchone() == (0,)
    # The version of the format follows the checksum and the magic word: 64 is that of DuckDB 1.0.
    head = (tmp_path / "all.duckdb").read_bytes()[:20]
    assert (head[8:12], int.from_bytes(head[12:20], "little")) == (b"DUCK", 64)
    again = spanproof("query", "--save", "all.duckdb", file)
    assert again.returncode == 2
    assert "all.duckdb exists, and nothing is overwritten" in again.stderr


@pytest.mark.parametrize(
    ("statement", "name"),
    [("selct 1", "error-sql-syntax.txt"), ("select nme from units", "error-sql-column.txt"), ("select * from unit", "error-sql-table.txt")],
)
def test_sql_with_an_error(spanproof: Command, snapshot: Snapshot, tmp_path: Path, statement: str, name: str) -> None:
    shown = spanproof("query", "-c", statement, demo(tmp_path))
    assert (shown.returncode, shown.stdout) == (2, "")
    snapshot(shown.stderr, name)
    parquet = spanproof("query", "-c", statement, demo(tmp_path), "--format", "parquet", "-o", "x")
    assert parquet.returncode == 2
    assert "the SQL does not run" in parquet.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-c", " "], "the statement is empty"),
        (["-c", "select 1", "-o", "missing/rows.csv"], "missing/rows.csv: cannot be written (No such file or directory)"),
        (["--save", "missing/all.duckdb"], "there is no folder"),
        (["-"], "stdin holds the traces"),
    ],
)
def test_query_with_something_wrong(spanproof: Command, tmp_path: Path, arguments: list[str], told: str) -> None:
    file = demo(tmp_path)
    shown = spanproof("query", *arguments, *([] if "-" in arguments else [file]), stdin=file.read_text())
    assert shown.returncode == 2
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr


def converse(folder: Path, *lines: str) -> str:
    """Type lines at the prompt of a real terminal; returns all that it shows."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spanproof", "query", "demo.json"],
        cwd=folder,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        close_fds=True,
    )
    os.close(follower)
    shown = b""
    waiting = list(lines)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                got = os.read(leader, 65536)
            except OSError:
                break
            shown += got
        elif waiting and shown.rstrip().endswith(b">"):
            os.write(leader, f"{waiting.pop(0)}\n".encode())
            shown += b"\n"
    process.wait(10)
    os.close(leader)
    return shown.decode()


def test_the_prompt(tmp_path: Path) -> None:
    demo(tmp_path)
    shown = converse(tmp_path, ".tables", ".schema runs", "select count(*) as n", "from units;", "selct;", ".nonsense", ".help", ".quit")
    assert "cancellations" in shown
    assert "abort_at_ns" in shown
    assert re.search(r"n\s+25", shown)
    assert "the SQL does not run" in shown
    assert "no command '.nonsense'" in shown
    assert "Ctrl-D" in shown
    assert "Traceback" not in shown


# --- catalogues ----------------------------------------------------------------------------------------------------------


def test_criteria_and_explain(spanproof: Command) -> None:
    listed = spanproof("criteria")
    assert listed.returncode == 0
    assert {"D01", "P04", "R07"} <= set(re.findall(r"^([A-Z]\d\d) ", listed.stdout, flags=re.MULTILINE))
    by_id, by_name = spanproof("explain", "P04"), spanproof("explain", "sibling-not-cancelled")
    assert by_id.stdout == by_name.stdout
    assert by_id.stdout.startswith("P04 sibling-not-cancelled  (error)\n")
    for heading in ("Why it matters", "How to fix it", "Wrong", "Right", "Unknown when"):
        assert heading in by_id.stdout
    missing = spanproof("explain", "P4")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "Error: no criterion 'P4'. Closest: P04 sibling-not-cancelled. `spanproof criteria` lists them all.\n"


def test_scenarios(spanproof: Command) -> None:
    shown = spanproof("scenarios")
    assert shown.returncode == 0
    assert "propagation/parallel_cancellation" in shown.stdout


def test_doctor(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.spanproof]\ntraces = 'out'\nfail-on = 'error'\nignore = ['R', 'D01']\nparams = { 'D01.hops' = 9 }\n"
    )
    shown = spanproof("doctor")
    assert shown.returncode == 0, shown.stdout
    assert "traces" in shown.stdout
    words = " ".join(shown.stdout.split())
    assert "fail-on error (from" in words
    assert "ignore R, D01 (from" in words
    assert "params D01.hops=9 (from" in words
    assert "stageflow-core" in shown.stdout
    (tmp_path / "pyproject.toml").write_text("[tool.spanproof]\ntrace = 'out'\n")
    wrong = spanproof("doctor")
    assert wrong.returncode == 2
    assert "trace is not a setting. Did you mean traces?" in wrong.stdout.replace("\n", " ").replace("  ", "")


def test_the_newest_recording_is_what_is_meant(spanproof: Command, tmp_path: Path) -> None:
    nothing = spanproof("ls")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "no recording yet" in nothing.stderr
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(programs.WORKS)
        spanproof("trace", f"{name}.py")
    shown = spanproof("ls")
    assert "program second" in shown.stdout
    assert "program first" not in shown.stdout
    assert "program first" in spanproof("ls", "traces").stdout
    assert steady(shown.stdout, tmp_path).count("TRACE-ID") >= 2
