"""Standard streams that are closed, full, or belong to the traced program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spanproof.analyzers.tinytrace_otlp import write

FULL = Path("/dev/full")


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line for the shell, in which `$S` is our command and `$P` the interpreter."""
    write(folder / "one.json", "a::0-10")
    given = f"P={sys.executable}; S='{sys.executable} -m spanproof'; {line}"
    return subprocess.run(["bash", "-c", given], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "command", ["ls one.json", "check one.json", "--help", "check --help", "--version", "query one.json --format csv -c 'from units'"]
)
def test_a_full_disk_behind_stdout(tmp_path: Path, command: str) -> None:
    shown = shell(tmp_path, f"$S {command} > /dev/full")
    assert shown.returncode == 2
    assert shown.stderr == "Error: the output: No space left on device. Check the path, its rights and the space left.\n"


@pytest.mark.parametrize(("command", "code"), [("ls one.json", 0), ("ls missing.json", 2), ("--help", 0), ("query one.json", 2)])
def test_closed_streams(tmp_path: Path, command: str, code: int) -> None:
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        if closed != "<&-" and command == "query one.json":
            continue
        shown = shell(tmp_path, f"$S {command} {closed}")
        assert shown.returncode == code, (closed, shown.stderr)
        assert "Traceback" not in shown.stderr


def test_a_traced_program_finds_its_streams_as_its_caller_left_them(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys\nprint(sys.stdin, sys.stdout, file=sys.stderr)\n")
    alone = shell(tmp_path, "$P app.py <&- >&-")
    traced = shell(tmp_path, "$S trace app.py <&- >&-")
    assert traced.returncode == alone.returncode == 0
    assert traced.stderr.splitlines()[0] == alone.stderr.splitlines()[0] == "None None"
