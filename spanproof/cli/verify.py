"""`spanproof verify`: whether a study's report still follows from its traces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import terminal
from ..analyzers.words import plural
from .options import Quiet


def verify(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder that `spanproof study` has written.")],
    *,
    quiet: Quiet = False,
) -> int:
    """Say whether the report of a study still follows from its traces.

    The traces are hashed and judged again, the answers drawn again and the pages written again, in memory; each is compared with what
    the folder has. Exit 0: everything is what the traces give. Exit 1: something is not, and is named. Exit 2: no study.

    \b
    Examples:
      spanproof verify traces/study-20261201T095308.415299Z
    """
    from ..scenarios.discovery import catalogue
    from ..study import verify as study_verify

    terminal.progress("hashing and judging again")
    try:
        found = study_verify.verify(study, catalogue())
    finally:
        terminal.progress("")
    lines = [*(f"changed: {each}" for each in found.changed), *(f"differs: {each}" for each in found.differs)]
    lines += [f"not compared: {each}" for each in found.remarks]
    if found.holds:
        lines.append(f"{plural(found.traces, 'trace')} unchanged; findings, answers and pages are what they give.")
    else:
        lines.append("The report does not follow from these traces.")
    terminal.write("\n".join(lines) + "\n")
    return 0 if found.holds else 1
