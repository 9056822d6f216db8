"""The prompt of `spanproof query`: statements end with a semicolon, commands begin with a dot."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Final

from .. import terminal
from . import failure, rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HELP: Final = """\
  select ... ;        run a statement; it may take several lines
  .tables             the tables
  .schema [TABLE]     columns and their types
  .help               this
  .quit               leave (or Ctrl-D)"""


def converse(connection: DuckDBPyConnection) -> int:
    """Read and answer until the user leaves. Ctrl-C drops the statement that is being typed."""
    with contextlib.suppress(ImportError):
        import_module("readline")  # its import is what gives input() its editing and history
    terminal.note("SQL over the traces. A statement ends with ; and .help lists what else there is.")
    typed: list[str] = []
    while True:
        try:
            line = input("spanproof> " if not typed else "      ...> ")
        except EOFError:
            terminal.note("")
            return 0
        except KeyboardInterrupt:
            terminal.note("")
            typed.clear()
            continue
        if not typed and line.strip().startswith("."):
            if not _command(connection, line.split()):
                return 0
            continue
        typed.append(line)
        if line.rstrip().endswith(";"):
            _answer(connection, "\n".join(typed))
            typed.clear()


def _answer(connection: DuckDBPyConnection, statement: str) -> None:
    try:
        rows.write(connection, statement, "table", None)
    except failure.Failure as error:
        terminal.complain(str(error))
    except KeyboardInterrupt:
        terminal.complain("interrupted")


def _command(connection: DuckDBPyConnection, words: list[str]) -> bool:
    """Whether the conversation goes on."""
    match words:
        case [".quit" | ".exit"]:
            return False
        case [".tables"]:
            _answer(
                connection,
                "select table_name, comment from duckdb_tables() where not internal union all "
                "select view_name, comment from duckdb_views() where not internal order by 1",
            )
        case [".schema"]:
            _answer(
                connection,
                "select table_name, column_name, data_type from duckdb_columns() where not internal order by table_name, column_index",
            )
        case [".schema", name]:
            _answer(connection, f"""describe "{name.replace('"', '""')}" """)
        case [".help"]:
            terminal.write(f"{HELP}\n")
        case _:
            terminal.complain(f"no command {' '.join(words)!r}.\n{HELP}")
    return True
