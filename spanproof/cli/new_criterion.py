"""`spanproof new-criterion`: a criterion of one's own, to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import config, terminal
from .options import CriteriaFolders, Quiet

FOLDER = Path("criteria")


def new_criterion(
    id: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="A capital letter and two digits; X01 to Z99 are for you.")],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Lower-case words that say the defect, joined by '-'.")
    ] = "slow-stage",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", show_default=False, help="Folder to write to. [default: criteria]")
    ] = None,
    criteria: CriteriaFolders = None,
    quiet: Quiet = False,
) -> int:
    """Write a criterion of your own to begin with: its query, small traces to try it on, and its page.

    What is written works as it is: replace it part by part. A file that is there is never overwritten.

    \b
    Examples:
      spanproof new-criterion X01 --name slow-fanout
      spanproof new-criterion X02 -o rules/
    """
    from ..analyzers import template

    settings = config.resolve({"criteria": criteria})
    folder = out or FOLDER
    query, traces, page = template.write(id, name, folder, [path for path in settings.criteria if path != folder])
    terminal.write("".join(f"{path}\n" for path in (query, traces, page)))
    for line in (
        f"1. {query}: say what it judges in the fields at the top, then change the SELECT below them",
        f"2. {traces}: for each verdict a small trace",
        f"3. spanproof criteria --criteria {folder} --try      judges them",
        f"4. spanproof criteria --criteria {folder} --pages    writes {page.name} anew",
    ):
        terminal.note(line)
    terminal.next_command("check", "--criteria", folder)
    return 0
