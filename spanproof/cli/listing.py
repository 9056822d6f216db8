"""Tables that can be read in any width: side by side where there is room, else row below row.

A table that is squeezed cuts what matters or breaks words at every letter. So a table is drawn only when its short columns fit as they
are and each text has room for a few words; otherwise each row becomes a block of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .. import terminal

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Rows: TypeAlias = "Sequence[Sequence[str | Text]]"

GAP: Final = 2
"""Blanks between columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `short` and `number` are never broken; a `text` folds between words, and can be read in `least` columns."""

    heading: str
    kind: Literal["short", "number", "text"] = "short"
    least: int = 24


def listing(columns: Sequence[Column], rows: Rows, width: int | None = None) -> RenderableType:
    """Rows as a table; where there is no room for one, short cells on a line and the texts below it."""
    width = terminal.console().width if width is None else width
    return _table(columns, rows) if _fits(columns, rows, width) else _blocks(columns, rows)


def records(columns: Sequence[Column], rows: Rows, width: int | None = None) -> RenderableType:
    """Rows as a table; where there is no room for one, a line `heading  value` for each value."""
    width = terminal.console().width if width is None else width
    return _table(columns, rows) if _fits(columns, rows, width) else _named(columns, rows)


def _size(cell: str | Text) -> int:
    """Columns that a cell takes unbroken."""
    from rich.cells import cell_len

    return max((cell_len(line) for line in str(cell).splitlines()), default=0)


def _fits(columns: Sequence[Column], rows: Rows, width: int) -> bool:
    needed = GAP * (len(columns) - 1)
    for place, column in enumerate(columns):
        widest = max((_size(row[place]) for row in rows), default=0)
        needed += max(len(column.heading), widest if column.kind != "text" else min(widest, column.least))
    return needed <= width


def _table(columns: Sequence[Column], rows: Rows) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for column in columns:
        if column.kind == "text":
            table.add_column(column.heading, overflow="fold")
        else:
            table.add_column(column.heading, no_wrap=True, justify="right" if column.kind == "number" else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _blocks(columns: Sequence[Column], rows: Rows) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = []
    for row in rows:
        pairs = list(zip(columns, row, strict=True))
        head = Text((" " * GAP).join(_short(column, cell) for column, cell in pairs if column.kind != "text" and str(cell)), style="bold")
        parts.append(head)
        parts += [
            Padding(cell if isinstance(cell, Text) else Text(cell), (0, 0, 0, GAP))
            for column, cell in pairs
            if column.kind == "text" and str(cell)
        ]
    return Group(*parts)


def _short(column: Column, cell: str | Text) -> str:
    """A cell on the first line of a block; a bare number does not say what it counts."""
    return f"{column.heading} {cell}" if column.kind == "number" else str(cell)


def _named(columns: Sequence[Column], rows: Rows) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for row in rows:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, GAP, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for column, cell in zip(columns, row, strict=True):
            table.add_row(column.heading, cell)
        parts += [Text("")] if parts else []
        parts.append(table)
    return Group(*parts)
