"""Load what a command was pointed at: the paths that were typed, or the newest recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .. import terminal
from ..config import Settings
from . import failure
from .wording import count

LARGE: Final = 20_000_000
"""Bytes from which on reading takes long enough for progress."""

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def load(paths: list[str] | None, settings: Settings, *, remark: bool = True) -> DuckDBPyConnection:
    """A connection with the tables of these traces. What was odd about the files is remarked on stderr, unless the command tells it."""
    from ..analyzers import load as read

    connection = read(paths or [], root=settings.traces, maps=settings.map, progress=_progress)
    terminal.progress("")
    if not remark:
        return connection
    _remark(connection)
    return connection


def _remark(connection: DuckDBPyConnection) -> None:
    """One problem is told, of several their number."""
    found = connection.execute("select path, line, what, done from problems where severity <> 'notice' limit 2").fetchall()
    if len(found) == 1:
        terminal.note(problem(*found[0]))
    elif found:
        total = connection.execute("select count(*) from problems where severity <> 'notice'").fetchone() or (0,)
        terminal.note(f"{count(int(total[0]), 'problem')} with the files: spanproof query -c 'select * from problems'")


def nothing(connection: DuckDBPyConnection) -> failure.Failure:
    """What to raise when there are no traces in what was read."""
    found = connection.execute("select path, line, what, done from problems limit 1").fetchone()
    why = f"{problem(*found)}. " if found else ""
    return failure.Failure(f"{why}There are no traces to look at. Record some with `spanproof trace SCRIPT` or `spanproof run NAME`.")


def problem(path: str | None, line: int | None, what: str, done: str) -> str:
    """What was odd about a file, in one line."""
    place = f"{path or 'the traces'}{f':{line}' if line else ''}"
    return f"{place}: {what}; {done}"


def _progress(done: int, of: int) -> None:
    """How far reading has got; small inputs are read before anybody could look."""
    if of > LARGE:
        terminal.progress(f"reading {100 * done // of} %")
