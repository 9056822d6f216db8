"""`spanproof compare`: what is different between two studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import terminal
from .options import Quiet


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of a study.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of another one.")],
    *,
    quiet: Quiet = False,
) -> int:
    """Say what is different between two studies: of two versions of a library, of two Pythons, of two days.

    Answers, claims and findings; figures differ always and are not compared. Exit 0: they say the same. Exit 1: they do not. Exit 2: one
    of them is no study.

    \b
    Examples:
      spanproof compare studies/python-3.11 studies/python-3.13
    """
    from ..study.compare import compare as run
    from ..study.verify import read

    found = run(read(old), read(new))
    lines = list(found.surroundings)
    for title, entries in (
        ("Answers", found.answers), ("Claims", found.claims), ("Findings", found.findings), ("Runs", found.runs),
    ):  # fmt: skip
        if entries:
            lines += ["", f"{title}:", *(f"  {each}" for each in entries)]
    if found.same:
        lines.append("Both say the same.")
    terminal.write("\n".join(lines).lstrip("\n") + "\n")
    return 0 if found.same else 1
