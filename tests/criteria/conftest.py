"""Judging a line of the tiny language; snapshots of what people read.

`UPDATE_SNAPSHOTS=1 pytest tests/criteria` writes the snapshots anew; review them as a diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from spanproof.analyzers.judging import check
from spanproof.analyzers.tinytrace_otlp import write

if TYPE_CHECKING:
    from spanproof.analyzers.report import Report

SNAPSHOTS = Path(__file__).parent / "snapshots"


class JudgeLines(Protocol):
    """Write lines of the tiny language as files of one folder, a recording each, and judge them together."""

    def __call__(self, *lines: str, **options: Any) -> Report: ...


@pytest.fixture
def judge_lines(tmp_path: Path) -> JudgeLines:
    def judge_lines(*lines: str, **options: Any) -> Report:
        paths = [write(tmp_path / f"{n}.json", f"{line} %n={n} %rec=r{n}") for n, line in enumerate(lines, 1)]
        options.setdefault("source_root", tmp_path)
        return check(paths, **options)

    return judge_lines


class Snapshot(Protocol):
    """Compare a text with the file of that name in `snapshots/`."""

    def __call__(self, name: str, text: str) -> None: ...


@pytest.fixture
def snapshot() -> Snapshot:
    def compare(name: str, text: str) -> None:
        file = SNAPSHOTS / f"{name}.txt"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.is_file(), f"no snapshot {name}; UPDATE_SNAPSHOTS=1 writes it"
        assert text == file.read_text(encoding="utf-8")

    return compare
