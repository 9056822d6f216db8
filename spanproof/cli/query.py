"""`spanproof query`: SQL over the tables of the traces."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .. import config, terminal
from . import dot, failure, rows, sources
from .options import Maps, Paths, Quiet

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Format = Literal["table", "csv", "json", "parquet"]


def query(
    paths: Paths = None,
    *,
    sql: Annotated[
        str | None,
        typer.Option("-c", "--command", metavar="SQL", show_default=False, help="The statement to run, or a command such as .tables."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("-f", "--file", metavar="FILE", show_default=False, help="A file with the statement.")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How to write the rows.")] = "table",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Write there, not to stdout.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="F.duckdb", show_default=False, help="Keep all tables and views as a DuckDB database, a new file."),
    ] = None,
    map: Maps = None,
    quiet: Quiet = False,
) -> int:
    """Ask the traces in SQL. Without a statement, a prompt on a terminal; elsewhere the statement is read from stdin.

    `.tables` lists the tables and views, `.help NAME` tells what one means. In json, integers beyond 2^53 are text.
    Nothing is kept but by --save; a statement may read and write files, as any program of yours may.

    \b
    Examples:
      spanproof query -c "select name, outcome from units where is_open"
      spanproof query -c ".help critical_path"
      spanproof query -f slow.sql traces/ --format csv -o slow.csv
      spanproof query --save traces.duckdb traces/
    """
    if sql is not None and file is not None:
        raise failure.Failure("-c and -f were both given. Give the statement once.")
    if format == "parquet" and output is None and sys.stdout.isatty():
        raise failure.Failure("parquet is binary and stdout is a terminal. Add -o FILE, or redirect the output.")
    asked = sql is not None and sql.strip().startswith(".")
    if sql is not None and asked and save is None:
        return _command(sql, format, output)
    settings = config.resolve({"map": map})
    statement = sql if sql is not None else _read(file) if file is not None else None
    connection = sources.load(paths, settings)
    if save is not None:
        _save(connection, save)
        if statement is None:
            return 0
    if statement is None and sys.stdin.isatty():
        from . import prompt

        if format == "parquet":
            raise failure.Failure("parquet is binary and has no place at the prompt. Give the statement with -c or -f, and -o FILE.")
        return prompt.converse(connection, format)
    if statement is None:
        if paths and "-" in paths:
            raise failure.Failure("stdin holds the traces, so it cannot hold the statement. Give it with -c or -f.")
        statement = sys.stdin.read()
    if not statement.strip():
        raise failure.Failure("the statement is empty. For example: spanproof query -c 'select name, outcome from units'")
    if asked:
        return _command(statement, format, output)
    rows.write(connection, statement, format, output)
    return 0


def _command(line: str, format: Format, output: Path | None) -> int:
    """A command in the place of a statement."""
    if format == "parquet" or output is not None:
        raise failure.Failure(f"{line} writes table, csv or json to stdout. Leave out -o and parquet.")
    dot.run(line, dot.Manner(format))
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise failure.Failure(f"{file}: the statement cannot be read ({reason}).") from error


def _save(connection: DuckDBPyConnection, file: Path) -> None:
    if file.exists():
        raise failure.Failure(f"{file} exists, and nothing is overwritten. Name a new file.")
    if not file.absolute().parent.is_dir():
        raise failure.Failure(f"{file}: there is no folder {file.absolute().parent}. Make it first, or name another.")
    rows.save(connection, file)
    terminal.note(f"saved as {file}; duckdb {file} opens it")
