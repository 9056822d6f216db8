"""Run a statement and write its rows: a table to read, or csv, json and parquet for other programs."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .. import terminal
from . import failure
from .listing import Column, records
from .wording import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection
    from rich.console import RenderableType

EXACT: Final = 2**53
"""Integers beyond this lose digits in programs that read JSON numbers as doubles, so they are written as text."""

SHOWN: Final = 500
"""Rows that a table on the terminal shows."""

Rows = list[tuple[Any, ...]]

T = TypeVar("T")


def run(connection: DuckDBPyConnection, statement: str) -> tuple[list[str], Rows]:
    """Column names and rows; no columns when the statement gives no rows at all.

    Raises:
        Failure: DuckDB refuses the statement.
    """
    import duckdb

    def ask() -> tuple[list[str], Rows]:
        result = connection.execute(statement)
        return [str(column[0]) for column in result.description or ()], result.fetchall()

    try:
        return _interruptible(connection, ask)
    except duckdb.Error as error:
        raise failure.Failure(explain(error)) from error


def _interruptible(connection: DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Do `work` in a thread of its own: while DuckDB computes, Python's main thread would not hear Ctrl-C."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def explain(error: Exception) -> str:
    """DuckDB's message, which names the place; and where the names can be looked up."""
    text = str(error).strip()
    hint = "" if "syntax" in text.lower() else "\nTables and columns: spanproof query -c .tables, -c '.help units'"
    return f"the SQL does not run. {text}{hint}"


def write(connection: DuckDBPyConnection, statement: str, format: str, output: Path | None) -> None:
    """Run the statement and write its rows to a file or to stdout.

    Raises:
        Failure: the statement does not run, or the file cannot be written.
    """
    if format == "parquet":
        data = parquet(connection, statement)
        if output is None:
            terminal.write_bytes([data])
        else:
            _into(output, data)
        return
    names, found = run(connection, statement)
    if output is None:
        tell(names, found, format)
        return
    _into(output, {"csv": as_csv, "json": as_json, "table": as_text}[format](names, found).encode())


def tell(names: list[str], found: Rows, format: str) -> None:
    """Write rows to stdout: a table, csv or json. On a terminal a table ends after `SHOWN` rows."""
    if format != "table":
        terminal.write({"csv": as_csv, "json": as_json}[format](names, found))
        return
    shown = found[:SHOWN] if terminal.console().is_terminal else found
    terminal.show(table(names, shown))
    if len(shown) < len(found):
        terminal.note(f"{count(len(found) - len(shown), 'more row')}; --format csv writes all")
    if names and not found:
        terminal.note("no rows")


def _into(output: Path, data: bytes) -> None:
    try:
        output.write_bytes(data)
    except OSError as error:
        raise failure.Failure(
            f"{output}: cannot be written ({error.strerror}). Check the folder, its rights and the space left."
        ) from error


def table(names: list[str], found: Rows, width: int | None = None) -> RenderableType:
    """The rows as a table; numbers to the right, nothing shortened. Where it does not fit, a line a value."""
    columns: list[Column] = []
    for place, name in enumerate(names):
        numeric = any(isinstance(row[place], int | float) and not isinstance(row[place], bool) for row in found[:50])
        columns.append(Column(name, "number" if numeric else "text"))
    return records(columns, [[cell(value) for value in row] for row in found], width)


def as_text(names: list[str], found: Rows) -> str:
    """The table as plain text, for a file."""
    from rich.console import Console

    sink = io.StringIO()
    Console(file=sink, width=terminal.PIPE_WIDTH, markup=False, emoji=False, highlight=False, color_system=None).print(
        table(names, found, terminal.PIPE_WIDTH)
    )
    return sink.getvalue()


def cell(value: object) -> str:
    """A value for a table. Null is empty; booleans are as in SQL; lists and structures are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict | tuple):
        return json.dumps(plain(cast("object", value)), ensure_ascii=False)
    return str(value)


def as_csv(names: list[str], found: Rows) -> str:
    """RFC 4180 with a header line."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([cell(value) for value in row] for row in found)
    return sink.getvalue()


def as_json(names: list[str], found: Rows) -> str:
    """A list of objects, one a line."""
    lines = [json.dumps(dict(zip(names, map(plain, row), strict=True)), ensure_ascii=False) for row in found]
    return "[" + ",\n ".join(lines) + "]\n"


def plain(value: object) -> object:
    """A value of DuckDB as JSON can carry it without loss."""
    if value is None or isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("list[object]", value)]
    return str(value)


def parquet(connection: DuckDBPyConnection, statement: str) -> bytes:
    """The rows as a Parquet file, written by DuckDB."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        # The end of the line: the statement may end with a comment.
        query = statement.strip().rstrip(";")
        try:
            _interruptible(connection, lambda: connection.execute(f"copy ({query}\n) to '{file}' (format parquet, compression zstd)"))
        except duckdb.Error as error:
            raise failure.Failure(explain(error)) from error
        return file.read_bytes()


def save(connection: DuckDBPyConnection, file: Path) -> None:
    """Keep all tables and views in a new DuckDB database, which DuckDB 1.0 and all later versions open."""
    import duckdb

    path = str(file).replace("'", "''")
    here = connection.execute("select current_database()").fetchone()
    source = str(here[0]) if here else "memory"
    try:
        connection.execute(f"attach '{path}' as kept (storage_version 'v1.0.0')")
        connection.execute(f'copy from database "{source}" to kept')
        connection.execute("detach kept")
    except duckdb.Error as error:
        raise failure.Failure(f"{file}: cannot be written as a database. {error}") from error
