"""Reads the cases of `cases/*.traces`: small traces for every criterion, with the verdict that they must get.

A case is a line `verdict: what it shows | option`, below it, indented, the trace. Options: `also P03 L01` are the other criteria that have
findings, all others must stay silent; `severity info` is that of the findings. Below `story:` stands the trace whose explanation is kept
as a snapshot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent / "cases"

STORY = "story:"

_HEAD = re.compile(r"(?P<verdict>holds|violated|unknown|not_exercised): (?P<shows>[^|]+?)(?P<options>( \|.*)?)")


@dataclass(frozen=True)
class Case:
    """One small trace with what every criterion must say of it."""

    criterion: str
    verdict: str
    shows: str
    trace: str
    also: frozenset[str]
    severity: str | None
    number: int

    def __str__(self) -> str:
        return f"{self.criterion} {self.verdict}: {self.shows}"

    @property
    def firing(self) -> frozenset[str]:
        """Ids of the criteria that have findings: the others stay silent."""
        return self.also | ({self.criterion} if self.verdict == "violated" else set[str]())


def all_cases() -> list[Case]:
    """Every case, in the order of files and lines."""
    cases: list[Case] = []
    for path in sorted(HOME.glob("*.traces")):
        for head, trace in _blocks(path):
            if head == STORY:
                continue
            found = _HEAD.fullmatch(head)
            assert found is not None, f"{path.name}: {head!r} is no head of a case"
            options = [option.split() for option in found["options"].split("|") if option.strip()]
            also = frozenset(word for name, *words in options if name == "also" for word in words)
            severity = next((words[0] for name, *words in options if name == "severity" and words), None)
            cases.append(Case(path.stem, found["verdict"], found["shows"].strip(), trace, also, severity, len(cases) + 1))
    return cases


def stories() -> dict[str, str]:
    """The trace of each criterion whose explanation is kept as a snapshot, by id."""
    return {path.stem: trace for path in sorted(HOME.glob("*.traces")) for head, trace in _blocks(path) if head == STORY}


def _blocks(path: Path) -> list[tuple[str, str]]:
    blocks: list[tuple[str, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("    "):
            head, trace = blocks.pop()
            blocks.append((head, f"{trace} {line.strip()}".strip()))
        else:
            blocks.append((line, ""))
    return blocks
