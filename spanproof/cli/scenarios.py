"""`spanproof scenarios`: what `run` can run."""

from __future__ import annotations

from typing import Final

from .. import terminal
from .listing import Column, listing
from .options import Quiet

COLUMNS: Final = (Column("scenario"), Column("serves"), Column("variants", "text"), Column("situation", "text"))


def scenarios(quiet: Quiet = False) -> int:
    """List the scenarios and their variants.

    Also the hypotheses that each serves. A variant with a * is a control: its trace must be clean.

    \b
    Example:
      spanproof scenarios
    """
    from ..scenarios import catalogue

    rows: list[list[str]] = []
    for each in catalogue():
        variants = ", ".join(f"{variant.name}{'*' if variant.control else ''}" for variant in each.variants.values())
        rows.append([each.name, " ".join(each.hypotheses), variants, each.title])
    terminal.show(listing(COLUMNS, rows))
    terminal.note("spanproof run NAME, or NAME/VARIANT, or --all")
    return 0
