"""The cases of our own criteria, `cases/*.traces`; how they are written says `spanproof.analyzers.cases`."""

from __future__ import annotations

from pathlib import Path

from spanproof.analyzers import cases
from spanproof.analyzers.cases import Case

__all__ = ["HOME", "Case", "all_cases", "stories"]

HOME = Path(__file__).parent / "cases"


def all_cases() -> list[Case]:
    """Every case, in the order of files and lines."""
    return cases.read([HOME])


def stories() -> dict[str, str]:
    """The trace of each criterion whose explanation is kept as a snapshot, by id."""
    return cases.stories([HOME])
