"""Options and arguments that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import terminal


def _quiet(on: bool) -> bool:
    if on:
        terminal.be_quiet()
    return on


Quiet = Annotated[bool, typer.Option("--quiet", "-q", callback=_quiet, help="No remarks and no progress; errors are still told.")]

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH...]", show_default=False, help="Files, folders, globs or - for stdin. Default: the newest recording."),
]

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", show_default=False, help="Folder for the trace file. [SPANPROOF_TRACES; default: traces]"),
]

CriteriaFolders = Annotated[
    list[Path] | None,
    typer.Option("--criteria", metavar="DIR", show_default=False, help="A folder with criteria of your own (.sql); may be repeated."),
]

Repeat = Annotated[int, typer.Option("--repeat", min=1, metavar="N", help="Run each variant so many times.")]

Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the first repetition; the others count on.")]
