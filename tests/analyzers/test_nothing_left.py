"""A recording of which nothing but the program was left is no clean one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanproof.analyzers import check
from tests.analyzers.traces import PROGRAM_TRACE, RESOURCE, recording, unit, write

if TYPE_CHECKING:
    from pathlib import Path

SEAMS = ("task", "cancel", "delivery", "deadline", "await", "runner", "watchdog", "stageflow", "cleanup", "flag")
HELD = RESOURCE | {"spanproof.seams": [f"{seam}=held" for seam in SEAMS]}


def status(tmp_path: Path, *spans: dict[str, object]) -> str:
    return check([write(tmp_path / "left.json", *spans, resource=HELD)]).status()


def test_killed_before_anything_was_written(tmp_path: Path) -> None:
    program = unit("program", "e" * 16, 0, None, trace=PROGRAM_TRACE, name="program app", outcome="")
    assert status(tmp_path, program, recording(50, ended_by=None)) == "unknown"


def test_everything_was_lost(tmp_path: Path) -> None:
    program = unit("program", "e" * 16, 0, 100, trace=PROGRAM_TRACE, name="program app")
    assert status(tmp_path, program, recording(100, dropped=40)) == "unknown"


def test_a_program_in_which_there_was_nothing_to_judge(tmp_path: Path) -> None:
    program = unit("program", "e" * 16, 0, 100, trace=PROGRAM_TRACE, name="program app")
    assert status(tmp_path, program, recording(100)) == "empty"
