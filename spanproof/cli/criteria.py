"""`spanproof criteria`: the catalogue."""

from __future__ import annotations

from typing import Final

from .. import config, terminal
from .listing import Column, listing
from .options import CriteriaFolders, Quiet

COLUMNS: Final = (Column("id"), Column("name"), Column("severity"), Column("violated when", "text"), Column("parameters", "text"))


def criteria(criteria: CriteriaFolders = None, quiet: Quiet = False) -> int:
    """List the criteria, with their parameters.

    \b
    Examples:
      spanproof criteria
      spanproof criteria --criteria my-criteria/     with those of your own
    """
    from ..analyzers import catalogue

    settings = config.resolve({"criteria": criteria})
    rows: list[list[str]] = []
    for each in catalogue(settings.criteria).values():
        parameters = " ".join(f"{name}={parameter.default:g}" for name, parameter in each.header.parameters.items())
        rows.append([each.id, each.header.name, each.header.severity, each.header.texts["says"], parameters])
    terminal.show(listing(COLUMNS, rows))
    terminal.note("spanproof explain ID tells one in full")
    return 0
