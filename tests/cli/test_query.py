"""`spanproof query`: its commands, and its prompt on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from spanproof.cli.prompt import Completer
from tests.cli.test_look import demo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command


def converse(folder: Path, *lines: str, interrupt: str = "") -> str:
    """Type lines at the prompt of a real terminal; returns all that it shows. Two seconds after the line `interrupt`, Ctrl-C is pressed."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "spanproof", "query", "demo.json"]
    process = subprocess.Popen(command, cwd=folder, stdin=follower, stdout=follower, stderr=follower, close_fds=True)
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
            line = waiting.pop(0)
            os.write(leader, f"{line}\n".encode())
            shown += b"\n"
            if line == interrupt:
                time.sleep(2)
                process.send_signal(signal.SIGINT)
    process.kill()
    process.wait(10)
    os.close(leader)
    return shown.decode()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (".tables", "critical_path"),
        (".schema busy", "took_ns"),
        (".schema", "abort_from"),
        (".help receipts", "The unit that it happened to."),
        (".HELP", "no command '.HELP'"),
        (".help unit", "Closest: units"),
        (".format yaml", "no format 'yaml'"),
    ],
)
def test_commands_instead_of_a_statement(spanproof: Command, command: str, told: str) -> None:
    shown = spanproof("query", "-c", command)
    assert told in shown.stdout + shown.stderr
    assert shown.returncode == (0 if told in shown.stdout else 2)


def test_a_command_writes_every_format_and_goes_with_save(spanproof: Command, tmp_path: Path) -> None:
    found = json.loads(spanproof("query", "-c", ".schema loops", "--format", "json").stdout)
    assert found[0] == {"column": "recording_id", "type": "VARCHAR"}
    assert spanproof("query", "-c", ".help loops", "--format", "csv").stdout.startswith("column,type,meaning\n")
    assert "Leave out -o" in spanproof("query", "-c", ".tables", "-o", "x").stderr
    shown = spanproof("query", "-c", ".tables", "--save", "kept.duckdb", demo(tmp_path))
    assert "cancellations" in shown.stdout
    assert (tmp_path / "kept.duckdb").is_file()


def test_the_prompt_writes_other_formats_completes_and_remembers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shown = converse(tmp_path, ".format csv", "select 1 as one, 2 as two;", ".form\t", ".help critical_p\t", ".quit")
    assert "one,two" in shown
    assert "column,type,meaning" in shown
    assert shown.count("csv") >= 2
    pytest.importorskip("readline", reason="this Python was built without readline. Next: install libreadline and build it anew")
    assert "select 1 as one, 2 as two;" in (tmp_path / "state" / "spanproof" / "query").read_text()


def test_ctrl_c_stops_the_statement_and_not_the_prompt(tmp_path: Path) -> None:
    demo(tmp_path)
    long = "select count(*) from range(10000000) a, range(10000000) b where a.range * b.range = -1;"
    began = time.monotonic()
    shown = converse(tmp_path, long, "select 40 + 2 as answer;", ".quit", interrupt=long)
    assert "interrupted" in shown
    assert re.search(r"answer\s+42", shown)
    assert time.monotonic() - began < 50


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runs.ab", ["runs.abort_at_ns", "runs.abort_at_seq", "runs.abort_cause_span_id", "runs.abort_from", "runs.aborted"]),
        ("crit", ["critical_path"]),
        (".sc", [".schema"]),
        ("ORDER", ["order by"]),
        ("", []),
        ("nothing.x", []),
    ],
)
def test_completion(text: str, words: list[str]) -> None:
    completer = Completer()
    found: list[str] = []
    while (word := completer.complete(text, len(found))) is not None:
        found.append(word)
    assert sorted(found) == words
