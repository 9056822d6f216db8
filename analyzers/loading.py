"""Loads trace files into an in-memory DuckDB: the tables of `docs/reference/tables.md`.

`load` does everything. A program that makes its own rows (a benchmark, a test) calls `create_schema`, fills `resources`, `spans` and
`events` by SQL, then calls `finish`, which derives every other table from them.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from .errors import InputError
from .lift import apply as lift
from .lift import find_map
from .read.notes import Notes
from .read.opened import opened
from .read.recognise import READABLE, look
from .read.staging import Staging, scratch
from .remote.jaeger import JaegerError
from .sources import default_root, find

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .read.opened import Opened
    from .remote.source import OnJaeger

    Progress = Callable[[int, int], None]
    """Called now and then with the bytes read and the bytes that there are to read."""

_SCHEMA: Final = Path(__file__).with_name("schema")


def load(
    paths: Sequence[str | Path] = (), *, root: Path | None = None, maps: Sequence[str] = (), progress: Progress | None = None
) -> duckdb.DuckDBPyConnection:
    """Read traces into the documented tables of a new in-memory database.

    Args:
        paths: files, folders, globs, `-`, `jaeger://HOST:PORT/ID`; none: the newest recording (see `sources.find`).
        root: where recordings are; None: `SPANPROOF_TRACES`, else `./traces`.
        maps: lift what other programs say into our vocabulary: names of maps that ship, or files with rules (see `lift`).
        progress: called with the bytes read and the bytes that there are to read.

    Returns:
        A connection. Everything that was odd is in its table `problems`. To run foreign SQL on it, first
        `set enable_external_access = false; set lock_configuration = true`.

    Raises:
        InputError: a path means no file, or not one of the files could be read.
        MapError: there is no such map, or it cannot be used.
    """
    chosen = [find_map(name) for name in maps]
    files = find(paths, root=root or default_root())
    con = connect()
    try:
        create_schema(con)
        _read_all(con, files, progress)
        _run(con, _SCHEMA / "merge.sql")
        if chosen:
            lift(con, chosen)
        finish(con)
    except BaseException:
        con.close()
        raise
    return con


MEMORY: Final = "60%"
"""Memory of the machine (or of the container) that the database may take before it spills to the disk."""

SPILL: Final = "32GB"
"""What it may spill. A query that needs more fails, and neither the machine's memory nor its disk is full."""


def connect(memory: str = MEMORY, spill: str = SPILL) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database that spills, if it must, to the system's temporary folder, not to the current one.

    Args:
        memory: what it may take, as a size (`2GB`) or a share of the machine's.
        spill: what it may write to the temporary folder.
    """
    con = duckdb.connect()
    con.execute("set temp_directory = $1", [str(Path(tempfile.gettempdir(), f"spanproof-spill-{uuid.uuid4().hex}"))])
    con.execute("set memory_limit = $1", [memory])
    con.execute("set max_temp_directory_size = $1", [spill])
    con.execute("set preserve_insertion_order = false")
    return con


def create_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Create all tables and views, empty."""
    for script in sorted(_SCHEMA.glob("[0-9]*.sql")):
        _run(con, script)


def finish(con: duckdb.DuckDBPyConnection) -> None:
    """Derive every other table from `resources`, `spans` and `events`. Call it once; a span has one row there (`load` merges)."""
    for script in sorted((_SCHEMA / "derive").glob("*.sql")):
        _run(con, script)


def _run(con: duckdb.DuckDBPyConnection, script: Path) -> None:
    con.execute(script.read_text(encoding="utf-8"))


def _read_all(con: duckdb.DuckDBPyConnection, files: list[Path | OnJaeger], progress: Progress | None) -> None:
    total = sum(file.stat().st_size for file in files if isinstance(file, Path) and file.is_file())
    before = 0
    source: Opened | None = None

    def flushed() -> None:
        if progress:
            progress(before + (source.position if source else 0), total)

    refusals: list[str] = []
    with scratch() as folder:
        staging = Staging(con, Path(folder), flushed)
        for file_id, path in enumerate(files, 1):
            notes = Notes()
            staging.begin(file_id)
            size = sha256 = form = None
            try:
                with opened(path) as source:
                    size = source.size
                    form = _read(source, staging, notes)
                    sha256 = source.sha256() if form else None
            except JaegerError as error:
                notes.refuse(str(error).rstrip("."))
            except OSError as error:
                notes.refuse(f"cannot be read ({error.strerror}). Check the path and its permissions")
            before, source = before + (size or 0), None
            _note_file(con, (file_id, _shown(path), sha256, size, form, staging.format_version, staging.spans), notes)
            if notes.refused and not staging.spans:
                refusals.append(f"{_shown(path)}: {notes.refused}.")
        staging.finish()
    if len(refusals) == len(files):
        more = f" ({len(refusals) - 1} more files could not be read either)" if len(refusals) > 1 else ""
        raise InputError(refusals[0] + more)


def _shown(path: Path | OnJaeger) -> str:
    """The path as text that every database and terminal takes: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _read(source: Opened, staging: Staging, notes: Notes) -> str | None:
    """Read one file. Returns the name of its format; None: it has none."""
    seen = look(source.head(), named_json=True)
    if seen.format is None:
        if seen.what:
            notes.refuse(f"looks like {seen.what}; this build reads {READABLE}. Name a trace that Spanproof recorded, or convert this one")
        else:
            damaged = source.damage
            notes.add(damaged.what if damaged else "an empty file", "nothing was read", "data_loss" if damaged else "notice")
        return None
    seen.format.read(source, staging, notes)
    if source.damage:
        notes.add(source.damage.what, source.damage.done, "data_loss")
    return seen.format.name


def _note_file(con: duckdb.DuckDBPyConnection, row: tuple[object, ...], notes: Notes) -> None:
    con.execute("insert into files values ($1, $2, $3, $4, $5, $6, $7, 0)", row)
    for problem in notes.rows():
        con.execute(
            "insert into problems values ($1, $2, $3, $4, $5, $6, $7)",
            [row[0], row[1], problem.line, problem.byte_offset, problem.what, problem.done, problem.severity],
        )
