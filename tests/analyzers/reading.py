"""Reads bytes as a file, without what `load` derives afterwards: tables of what was read, again and again on one database."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from spanproof.analyzers.loading import connect, create_schema
from spanproof.analyzers.read.notes import Notes
from spanproof.analyzers.read.opened import Opened
from spanproof.analyzers.read.recognise import look
from spanproof.analyzers.read.staging import Staging, scratch
from tests.analyzers.traces import table

if TYPE_CHECKING:
    from collections.abc import Generator

    import duckdb

Content: TypeAlias = "bytes | str | list[Any] | dict[str, Any]"

TABLES = ("spans", "events", "links", "resources")


class Read(NamedTuple):
    """What came out of a file."""

    con: duckdb.DuckDBPyConnection
    format: str | None
    problems: str
    """A line each: line, severity, what, what was done."""

    def rows(self, sql: str) -> str:
        """The rows of a query, a line each."""
        return table(self.con, sql)


class Reader:
    """A database that is emptied before each file."""

    def __init__(self, folder: Path) -> None:
        self.con = connect()
        create_schema(self.con)
        self._folder = folder

    def read(self, content: Content) -> Read:
        """Read one file: its bytes, its text, or a value that is written as JSON."""
        for name in TABLES:
            self.con.execute(f"delete from {name}")
        with self.many() as files:
            form, notes = files.add(content)
        problems = "\n".join(f"{problem.line or '-'} | {problem.severity} | {problem.what} | {problem.done}" for problem in notes.rows())
        return Read(self.con, form, problems)

    @contextmanager
    def many(self) -> Generator[Files]:
        """Read many files and bring their rows into the tables at the end, all at once."""
        staging = Staging(self.con, self._folder, lambda: None)
        yield Files(staging)
        staging.finish()


class Files:
    """Reads files into one staging."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    @property
    def spans(self) -> int:
        """Spans of the last file."""
        return self._staging.spans

    def add(self, content: Content) -> tuple[str | None, Notes]:
        """Read one file. Returns the name of its format and what was odd."""
        text = content if isinstance(content, bytes | str) else json.dumps(content)
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        source, notes = Opened(io.BytesIO(data), len(data)), Notes()
        form = look(source.head(), named_json=True).format
        if form is None:
            return None, notes
        self._staging.begin(1)
        form.read(source, self._staging, notes)
        for problem in notes.rows():
            problem.what.encode()  # what no UTF-8 has could not be inserted
        return form.name, notes


@contextmanager
def reader() -> Generator[Reader]:
    """A database for the files of one test, or of many."""
    with scratch() as folder:
        one = Reader(Path(folder))
        try:
            yield one
        finally:
            one.con.close()
