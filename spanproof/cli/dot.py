"""The commands of `spanproof query` that begin with a dot: what there is to ask, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final

from .. import terminal
from . import failure, rows

if TYPE_CHECKING:
    from ..analyzers.schema_docs import Table

HELP: Final = """\
  select ... ;        run a statement; it may take several lines
  .tables             the tables and views, each in one line
  .schema [NAME]      the columns of one, or of all, with their types
  .help [NAME]        what a table and its columns mean; without a name, this
  .format [FORMAT]    how rows are written: table, csv, json
  .quit               leave (or Ctrl-D)"""

FORMATS: Final = ("table", "csv", "json")
"""What a prompt can write; parquet is binary and needs `-o FILE`."""

COMMANDS: Final = (".tables", ".schema", ".help", ".format", ".quit", ".exit")


@dataclass(slots=True)
class Manner:
    """How answers are written; `.format` changes it."""

    format: str = "table"


@cache
def documented() -> dict[str, Table]:
    """Every table and view by name, in the order of the reference page."""
    from ..analyzers import schema_docs

    return {table.name: table for script in schema_docs.scripts() for table in script.tables}


def run(line: str, manner: Manner) -> bool:
    """Run one command. Whether a conversation goes on after it.

    Raises:
        Failure: there is no such command, table or format.
    """
    match line.strip().rstrip(";").split():
        case [".quit" | ".exit"]:
            return False
        case [".tables"]:
            _show(manner, ["name", "what"], [(table.name, _short(table.meaning)) for table in documented().values()])
        case [".schema"]:
            columns = [(table.name, column.name, column.type) for table in documented().values() for column in table.columns]
            _show(manner, ["table", "column", "type"], columns)
        case [".schema", name]:
            _show(manner, ["column", "type"], [(column.name, column.type) for column in _find(name).columns])
        case [".help"]:
            terminal.write(f"{HELP}\n")
        case [".help", name]:
            table = _find(name)
            if manner.format == "table":
                terminal.write(f"{table.name} ({table.kind})\n{table.meaning}\n\n")
            _show(manner, ["column", "type", "meaning"], [(column.name, column.type, column.meaning) for column in table.columns])
        case [".format"]:
            terminal.write(f"{manner.format}\n")
        case [".format", name] if name in FORMATS:
            manner.format = name
        case [".format", name]:
            raise failure.Failure(f"no format {name!r} at the prompt. One of: {', '.join(FORMATS)}; parquet needs --format and -o.")
        case words:
            raise failure.Failure(f"no command {' '.join(words)!r}.\n{HELP}")
    return True


def _show(manner: Manner, names: list[str], found: rows.Rows) -> None:
    rows.tell(names, found, manner.format)


def _find(name: str) -> Table:
    known = documented()
    if name.lower() not in known:
        close = get_close_matches(name.lower(), known, 3)
        hint = f"Closest: {', '.join(close)}. " if close else ""
        raise failure.Failure(f"no table or view {name!r}. {hint}.tables lists them all.")
    return known[name.lower()]


def _short(meaning: str) -> str:
    """The first sentence."""
    head, dot, _ = meaning.partition(". ")
    return head + "." if dot else head
