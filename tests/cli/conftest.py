"""Run the real command in a process of its own, and compare what users read with what was reviewed.

`UPDATE_SNAPSHOTS=1 pytest tests/cli` writes the snapshots anew; review them as a diff.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = bool(os.environ.get("UPDATE_SNAPSHOTS"))


class Command(Protocol):
    """`spanproof ARGUMENTS...` in an empty folder."""

    def __call__(
        self, *arguments: str | Path, env: dict[str, str] | None = None, stdin: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]: ...


class Snapshot(Protocol):
    """Compare a text with the file of that name in `snapshots/`."""

    def __call__(self, text: str, name: str) -> None: ...


@pytest.fixture
def spanproof(tmp_path: Path) -> Command:
    def run(
        *arguments: str | Path, env: dict[str, str] | None = None, stdin: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "spanproof", *map(str, arguments)],
            cwd=cwd or tmp_path,
            env={**os.environ, "COLUMNS": "90", **(env or {})},
            input=stdin if stdin is not None else "",
            capture_output=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )

    return run


@pytest.fixture
def snapshot() -> Snapshot:
    def compare(text: str, name: str) -> None:
        file = SNAPSHOTS / name
        if UPDATE:
            file.write_text(text, encoding="utf-8")
        assert file.is_file(), f"no snapshot {name}; UPDATE_SNAPSHOTS=1 writes it"
        assert text == file.read_text(encoding="utf-8"), f"{name} has changed; UPDATE_SNAPSHOTS=1 writes it anew, then review the diff"

    return compare


def steady(text: str, folder: Path) -> str:
    """The text without what differs from run to run: the folder, times, process ids, trace ids."""
    text = text.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER")
    text = re.sub(r"-\d{8}T\d{6}\.\d{6}Z-\d+\.json", "-TIME-PID.json", text)
    return re.sub(r"\b[0-9a-f]{8}\b(?=[ \n])", "TRACE-ID", text)
