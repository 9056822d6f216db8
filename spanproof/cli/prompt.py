"""The prompt of `spanproof query`: statements end with a semicolon, commands begin with a dot."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import terminal
from . import dot, failure, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

KEYWORDS: Final = (
    "select", "from", "where", "group by", "order by", "having", "limit", "join", "left join", "using", "on", "and", "or", "not",
    "is null", "is not null", "in", "like", "as", "with", "union all", "case", "when", "then", "else", "end", "count(*)", "sum(", "min(",
    "max(", "avg(", "distinct", "desc", "asc", "over (partition by", "describe", "summarize",
)  # fmt: skip

REMEMBERED: Final = 1_000
"""Lines that are kept from one conversation to the next."""


def converse(connection: DuckDBPyConnection, format: str) -> int:
    """Read and answer until the user leaves. Ctrl-C drops the statement that is being typed, or stops the one that runs."""
    close = _editing()
    terminal.note("SQL over the traces. A statement ends with ; and .help lists what else there is.")
    try:
        return _talk(connection, dot.Manner(format))
    finally:
        close()


def _talk(connection: DuckDBPyConnection, manner: dot.Manner) -> int:
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
            try:
                if not dot.run(line, manner):
                    return 0
            except failure.Failure as error:
                terminal.complain(str(error))
            continue
        typed.append(line)
        if line.rstrip().endswith(";"):
            _answer(connection, "\n".join(typed), manner)
            typed.clear()


def _answer(connection: DuckDBPyConnection, statement: str, manner: dot.Manner) -> None:
    try:
        rows.write(connection, statement, manner.format, None)
    except failure.Failure as error:
        terminal.complain(str(error))
    except KeyboardInterrupt:
        terminal.complain("interrupted")


def _editing() -> Callable[[], None]:
    """Give `input` its editing, completion and history, where Python has readline. Returns what keeps the history at the end."""
    try:
        readline: Any = import_module("readline")
    except ImportError:
        return lambda: None
    readline.set_completer(Completer().complete)
    # The dot stays part of a word, so that commands are completed too.
    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")
    # Python's readline may be libedit, which has another language for the same.
    edit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if edit else "tab: complete")
    file = history()
    try:
        readline.read_history_file(file)
    except OSError:
        readline.clear_history()

    def close() -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(REMEMBERED)
            readline.write_history_file(file)
        except OSError:
            return

    return close


def history() -> Path:
    """Where the lines of earlier conversations are: `$XDG_STATE_HOME/spanproof/query`, by default below `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME")
    return Path(state if state and os.path.isabs(state) else os.path.expanduser("~/.local/state"), "spanproof", "query")  # noqa: PTH111, PTH117


class Completer:
    """Completes what stands before the cursor: commands, tables, views, columns, keywords."""

    def __init__(self) -> None:
        tables = dot.documented()
        columns = {column.name for table in tables.values() for column in table.columns}
        self.words = [*dot.COMMANDS, *sorted({*tables, *columns, *KEYWORDS})]
        self.columns = {name: sorted(column.name for column in table.columns) for name, table in tables.items()}
        self.found: list[str] = []

    def complete(self, text: str, state: int) -> str | None:
        """The completion number `state` of `text`; None: there are no more. `units.` lists the columns of `units`."""
        if state == 0:
            table, stop, begun = text.rpartition(".")
            if stop and table in self.columns:
                self.found = [f"{table}.{name}" for name in self.columns[table] if name.startswith(begun)]
            else:
                self.found = [word for word in self.words if text and word.startswith(text.lower())]
        return self.found[state] if state < len(self.found) else None
