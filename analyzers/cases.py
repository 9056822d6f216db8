"""Reads cases: small traces for a criterion, each with the verdict that it must get. They stand in `<ID>.traces` files.

A case is a line `verdict: what it shows | option`, below it, indented, the trace in the language of `tinytrace.py`. Options: `also P03
L01` are the other criteria that have findings, all others must stay silent; `severity info` is that of the findings. Below `story:` stands
the trace whose explanation people read. Lines that begin with `#` are remarks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import AnalyzerError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STORY: Final = "story:"

_HEAD: Final = re.compile(r"(?P<verdict>holds|violated|unknown|not_exercised): (?P<shows>[^|]+?)(?P<options>( \|.*)?)")


class CaseError(AnalyzerError):
    """A file of cases that cannot be read; the message names the file, the line and what was expected."""


@dataclass(frozen=True)
class Case:
    """One small trace with what every criterion must say of it. `number` counts the cases of all files; `line` is that of its head."""

    criterion: str
    verdict: str
    shows: str
    trace: str
    also: frozenset[str]
    severity: str | None
    number: int
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.criterion} {self.verdict}: {self.shows}"

    @property
    def firing(self) -> frozenset[str]:
        """Ids of the criteria that have findings: the others stay silent."""
        return self.also | ({self.criterion} if self.verdict == "violated" else set[str]())


def read(folders: Iterable[Path]) -> list[Case]:
    """Every case of the `.traces` files in these folders, in the order of files and lines.

    Raises:
        CaseError: a folder does not exist, or a line is neither a head, a trace nor a remark.
    """
    cases: list[Case] = []
    for path in _files(folders):
        for head, trace, line in _blocks(path):
            if head == STORY:
                continue
            found = _HEAD.fullmatch(head)
            if found is None:
                raise CaseError(
                    f"{path}:{line}: {head!r} is no head of a case. Expected `verdict: what it shows`, the verdict being holds, violated, "
                    "unknown or not_exercised, and the trace below it, indented by four blanks."
                )
            if not trace:
                raise CaseError(f"{path}:{line}: this case has no trace. Write one below it, indented by four blanks.")
            options = [option.split() for option in found["options"].split("|") if option.strip()]
            also = frozenset(word for name, *words in options if name == "also" for word in words)
            severity = next((words[0] for name, *words in options if name == "severity" and words), None)
            number = len(cases) + 1
            cases.append(Case(path.stem, found["verdict"], found["shows"].strip(), trace, also, severity, number, path, line))
    return cases


def stories(folders: Iterable[Path]) -> dict[str, str]:
    """The trace of each criterion whose explanation people read, by id."""
    return {path.stem: trace for path in _files(folders) for head, trace, _ in _blocks(path) if head == STORY}


def _files(folders: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise CaseError(f"{folder}: no such folder. `--cases` takes a folder that holds .traces files.")
        files += sorted(folder.glob("*.traces"))
    return files


def _blocks(path: Path) -> list[tuple[str, str, int]]:
    """(head, trace, line of the head)."""
    blocks: list[tuple[str, str, int]] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(f"{path}: cannot be read ({error}). Cases are text in UTF-8.") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith("    "):
            blocks.append((line, "", number))
        elif blocks:
            head, trace, begin = blocks.pop()
            blocks.append((head, f"{trace} {line.strip()}".strip(), begin))
        else:
            raise CaseError(f"{path}:{number}: a trace before the first head. Write `verdict: what it shows` above it.")
    return blocks
