"""Every kind of bad input: one clear message, the exit code of the design, no traceback of ours, and what was recorded stays readable."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.cli import programs
from tests.cli.test_look import demo

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.cli.conftest import Command, Snapshot
    from tests.conftest import RunPython

READERS = (["check"], ["ls"], ["show"], ["query", "-c", "select 1"])


def files(folder: Path) -> None:
    """One file of each bad kind, and a folder without traces."""
    (folder / "empty.json").write_text("")
    (folder / "notes.json").write_text("these are notes, not a trace\n")
    (folder / "other.json").write_text('{"a": 1}\n')
    (folder / "bare").mkdir()
    (folder / "bare" / "readme.txt").write_text("nothing here\n")
    text = demo(folder).read_text()
    later = json.dumps({"key": "spanproof.format", "value": {"intValue": "1"}}, separators=(",", ":"))
    assert later in text
    (folder / "later.json").write_text(text.replace(later, later.replace('"1"', '"99"')))


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("missing.json", "error-no-such-file.txt"),
        ("empty.json", "error-empty-file.txt"),
        ("bare", "error-folder-without-traces.txt"),
        ("notes.json", "error-not-json.txt"),
        ("other.json", "error-not-a-trace.txt"),
        ("later.json", "error-format-of-the-future.txt"),
        ("none-*.json", "error-pattern-without-match.txt"),
    ],
)
def test_what_cannot_be_read(spanproof: Command, snapshot: Snapshot, tmp_path: Path, command: list[str], path: str, name: str) -> None:
    files(tmp_path)
    shown = spanproof(*command, path)
    assert shown.returncode == (0 if command[0] == "query" and path == "empty.json" else 2)
    assert "Traceback" not in shown.stderr
    if command == ["ls"]:
        snapshot(shown.stderr, name)


def test_half_a_last_line_costs_that_line_alone(spanproof: Command, tmp_path: Path) -> None:
    text = demo(tmp_path).read_text()
    (tmp_path / "cut.json").write_text(text + text[:100])
    last = text.count("\n") + 1
    shown = spanproof("ls", "cut.json")
    assert shown.returncode == 0
    assert "pipeline shop" in shown.stdout
    assert shown.stderr.startswith(f"cut.json:{last}: half a last line")
    told = spanproof("query", "-c", "select line, what from problems", "cut.json", "--format", "csv").stdout
    assert f"\n{last},half a last line" in told


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--select", "P99"], "error-unknown-criterion.txt"),
        (["--param", "P04.hop=3"], "error-unknown-parameter.txt"),
        (["--param", "D01.tolerance_ms=100ms"], "error-parameter-with-unit.txt"),
        (["--criteria", "missing"], "error-no-criteria-folder.txt"),
        (["--format", "json=missing/f.json"], "error-report-not-writable.txt"),
    ],
)
def test_check_with_something_that_is_not_there(
    spanproof: Command, snapshot: Snapshot, tmp_path: Path, arguments: list[str], name: str
) -> None:
    shown = spanproof("check", demo(tmp_path), *arguments)
    assert shown.returncode == 2
    snapshot(shown.stderr, name)


def test_a_criterion_of_the_users_with_an_error(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "X01_mine.sql").write_text("select 1\n")
    shown = spanproof("check", demo(tmp_path), "--criteria", "own", "--select", "X01,D01")
    assert shown.returncode == 2
    assert "own/X01_mine.sql:1: the header lacks 'id'." in " ".join(shown.stdout.split())
    assert shown.stderr == ""


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit for the size of files stands in for the full disk: the program goes on, and what was written before can be read."""
    (tmp_path / "app.py").write_text(programs.MANY_TASKS)
    # What measures coverage in the child would find the disk full as well, and say so on stderr.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    shown = subprocess.run(
        [sys.executable, "-m", "spanproof", "trace", "app.py"],
        cwd=tmp_path,
        env=unmeasured,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    assert (shown.returncode, shown.stdout) == (0, "done\n")
    assert "Traceback" not in shown.stderr
    assert re.search("File too large", shown.stderr)
    listed = subprocess.run(
        [sys.executable, "-m", "spanproof", "ls"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert listed.returncode == 0, listed.stderr


@contextmanager
def begun(folder: Path, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """The command while it runs; it is killed when the test fails."""
    command = [sys.executable, "-m", "spanproof", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.realtime
def test_ctrl_c_in_the_middle_of_a_traced_program(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import asyncio\nprint('up', flush=True)\nasyncio.run(asyncio.sleep(60))\n")
    with begun(tmp_path, "trace", "app.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGINT
        assert "KeyboardInterrupt" in told
        assert "spanproof/cli" not in told
        assert "spanproof check" in told.splitlines()[-1]
        assert "cancelled" in spanproof("ls").stdout


@pytest.mark.realtime
def test_a_killed_program_leaves_a_file_that_shows_what_was_open(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import asyncio\nprint('up', flush=True)\nasyncio.run(asyncio.sleep(60))\n")
    with begun(tmp_path, "trace", "app.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(1.6)
        process.kill()
        process.communicate(timeout=30)
        shown = spanproof("ls")
        assert shown.returncode == 0, shown.stderr
        assert re.search(r"task sleep.*open.*torn", shown.stdout)


@pytest.mark.realtime
@pytest.mark.parametrize("command", ["run", "study"])
def test_ctrl_c_in_the_middle_of_scenarios(spanproof: Command, tmp_path: Path, command: str) -> None:
    with begun(tmp_path, command, "--clock", "real", *(["--all"] if command == "run" else [])) as process:
        until = time.monotonic() + 40
        while time.monotonic() < until and len(list(tmp_path.glob("traces/**/*.json"))) < 2:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130, told
        assert "Traceback" not in told
        assert spanproof("ls", "traces").returncode == 0


def test_ctrl_c_while_reading(tmp_path: Path) -> None:
    """A pipe that nobody writes to keeps the command reading for as long as we like."""
    os.mkfifo(tmp_path / "pipe")
    with begun(tmp_path, "check", "pipe") as process:
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        os.close(writer)
        shown, told = process.communicate(timeout=30)
        assert (process.returncode, shown) == (130, "")
        assert told == "Interrupted. What was written until now stays as it is.\n"


RAISES = '''
"""A scenario that raises: its own fault, not the library's."""

from spanproof.scenarios.scenario import Scenario

scenario = Scenario(__name__, __doc__, must="nothing", hypotheses=("H1",))


@scenario.variant()
async def broken() -> None:
    """It divides by zero."""
    print(1 / 0)


@scenario.control
async def fine() -> None:
    """It does nothing."""
'''


def test_a_scenario_that_raises_stops_no_other(run_python: RunPython, spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "mine" / "family").mkdir(parents=True)
    for folder in (tmp_path / "mine", tmp_path / "mine" / "family"):
        (folder / "__init__.py").write_text("")
    (tmp_path / "mine" / "family" / "raises.py").write_text(RAISES)
    program = (
        "import sys; from pathlib import Path; from spanproof.cli.rehearsal import rehearse\n"
        "sys.exit(rehearse([], clock='virtual', repeat=1, seed=0, out=Path('traces'), package='mine'))\n"
    )
    shown = run_python("-c", program)
    assert shown.returncode == 2
    assert re.search(r"family/raises/broken: raised: .*ZeroDivisionError", shown.stderr)
    assert "Traceback" not in shown.stderr
    assert re.search(r"family/raises/fine +virtual +ran", shown.stdout)
    assert spanproof("ls", "traces").returncode == 0
