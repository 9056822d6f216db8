"""`spanproof criteria`: the catalogue, and whether the criteria do what they must on small traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .. import config, terminal
from . import failure
from .listing import Column, listing
from .options import CriteriaFolders, Quiet
from .wording import count

if TYPE_CHECKING:
    from ..analyzers.cataloguing import Criterion
    from ..analyzers.trying import Tried

COLUMNS: Final = (Column("id"), Column("name"), Column("severity"), Column("violated when", "text"), Column("parameters", "text"))


def criteria(
    criteria: CriteriaFolders = None,
    *,
    try_: Annotated[bool, typer.Option("--try", help="Judge the small traces (.traces) of each criterion, and say how it did.")] = False,
    cases: Annotated[
        list[Path] | None,
        typer.Option(
            "--cases",
            metavar="DIR",
            show_default=False,
            help="With --try: a folder of traces for the whole catalogue; may be repeated. [default: those beside your own criteria]",
        ),
    ] = None,
    pages: Annotated[bool, typer.Option("--pages", help="Write the page (.md) of each criterion of your own, beside it.")] = False,
    quiet: Quiet = False,
) -> int:
    """List the criteria, with their parameters; or try them on small traces.

    With --try exit 1 when one does not do what it must, or lacks a kind of trace.

    \b
    Examples:
      spanproof criteria
      spanproof criteria --criteria my-criteria/            with those of your own
      spanproof criteria --criteria my-criteria/ --try      do yours fire, stay silent, and know what they cannot know?
    """
    from ..analyzers import catalogue

    settings = config.resolve({"criteria": criteria})
    every = catalogue(settings.criteria)
    own = [each for each in every.values() if any(each.path.is_relative_to(folder) for folder in settings.criteria)]
    if ((try_ and not cases) or pages) and not own:
        raise failure.Failure(
            "there are no criteria of your own. Name their folder: --criteria DIR. `spanproof new-criterion X01` writes one."
        )
    if cases and not try_:
        raise failure.Failure("--cases: says where the traces are that --try judges. Add --try.")
    if pages:
        return _pages(own)
    if try_:
        return _try(list(every.values()) if cases else own, cases or list(settings.criteria), settings)
    terminal.show(listing(COLUMNS, [_row(each) for each in every.values()]))
    terminal.note("spanproof explain ID tells one in full")
    return 0


def _row(criterion: Criterion) -> list[str]:
    header = criterion.header
    parameters = " ".join(f"{name}={parameter.default:g}" for name, parameter in header.parameters.items())
    says = header.texts["says"] if criterion.broken is None else f"cannot be used: {criterion.broken}"
    return [criterion.id, header.name, header.severity, says, parameters]


def _pages(own: list[Criterion]) -> int:
    from ..analyzers import template

    for each in own:
        if each.broken is not None:
            terminal.complain(f"no page: {each.broken}")
        else:
            terminal.write(f"{template.write_page(each)}\n")
    return failure.VIOLATED if any(each.broken for each in own) else 0


def _try(chosen: list[Criterion], folders: list[Path], settings: config.Settings) -> int:
    from ..analyzers import cases, trying

    try:
        tried = trying.try_cases(
            cases.read(folders),
            chosen,
            settings.criteria,
            progress=lambda criterion, done, of: terminal.progress(f"{done}/{of} {criterion}"),
        )
    finally:
        terminal.progress("")
    _show(tried)
    return failure.VIOLATED if any(not each.ok for each in tried) else 0


def _show(tried: list[Tried]) -> None:
    """The table, what is wrong below it, and the sum."""
    from rich.text import Text

    from ..analyzers.trying import COLUMNS as KINDS_OF_CASES
    from ..analyzers.trying import KINDS

    columns = (Column("criterion"), *(Column(name) for name in KINDS_OF_CASES))
    rows: list[list[str | Text]] = []
    for each in tried:
        cells: list[str | Text] = [each.criterion.title]
        for kind in KINDS:
            right, total = each.right[kind], each.total[kind]
            fine = right == total and total > 0
            sign = terminal.HOLDS if fine else terminal.VIOLATED
            cells.append(Text(f"{sign} {right} of {total}" if total else f"{sign} no case", style="green" if fine else "red"))
        rows.append(cells)
    terminal.show(listing(columns, rows))
    wrong = [line for each in tried for line in each.wrong]
    if wrong:
        terminal.show(Text(""), *(Text(line) for line in wrong))
    cases = sum(sum(each.total.values()) for each in tried)
    number = sum(1 for each in tried if not each.ok)
    told = f"{number} of {count(len(tried), 'criterion', 'criteria')} not as they must be" if number else "all as they must be"
    terminal.show(Text(""), Text(f"{count(len(tried), 'criterion', 'criteria')}, {count(cases, 'case')}: {told}.", style="bold"))
