"""What a criterion may do: one SELECT over the documented tables. Nothing else gets as far as being run.

DuckDB's own parser is asked, not a regular expression. Files, the network, other databases and Python's variables are all reached by a
table name or a table function that is not in the catalogue, so that is what is refused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

import duckdb

from .errors import AnalyzerError

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
REFUSED: Final = frozenset({"getenv", "current_setting", "nextval", "setseed", "write_log", "query", "query_table"})
"""Functions that see or change what is outside of the tables."""

_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)


class CriterionQueryError(AnalyzerError):
    """The query of a criterion may not, or cannot, be run; the text is the reason of its UNKNOWN.

    Attributes:
        line: of the file, from 1; None: it is not about one line.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def require_select(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Make sure that `sql` is one SELECT over tables, views and its own CTEs.

    Raises:
        CriterionQueryError: it is something else, or no SQL at all.
    """
    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise CriterionQueryError(first_line(error), line_of(error)) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise CriterionQueryError(f"a criterion is one SELECT, this file has: {kinds}")
    tree = _tree(con, sql)
    known = _tables(con) | _ctes(tree)
    for node in _nodes(tree):
        why = _refusal(node, known)
        if why is not None:
            raise CriterionQueryError(why, _place(node, sql))


def first_line(error: BaseException) -> str:
    """The message of a database error without the picture of the query below it."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def line_of(error: BaseException) -> int | None:
    """The line of the query that a database error names; None: it names none. The whole file is sent, so it is a line of the file."""
    found = _LINE.search(str(error))
    return int(found[1]) if found else None


def _place(node: dict[str, Any], sql: str) -> int | None:
    """The line of a node of the parsed query, which knows its place in bytes."""
    inner = cast("dict[str, Any]", node.get("function") or {})
    data = sql.encode()
    for place in (node.get("query_location"), inner.get("query_location")):
        if isinstance(place, int) and place < len(data):
            return data.count(b"\n", 0, place) + 1
    return None


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = con.execute("select json_serialize_sql($1::VARCHAR)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise CriterionQueryError(str(tree.get("error_message", "the query cannot be parsed")).splitlines()[0])
    return tree


def _tables(con: duckdb.DuckDBPyConnection) -> set[str]:
    rows = con.execute("select table_name from duckdb_tables() union select view_name from duckdb_views() where not internal").fetchall()
    return {str(row[0]).casefold() for row in rows}


def _ctes(tree: object) -> set[str]:
    names: set[str] = set()
    for node in _nodes(tree):
        if node.get("cte_name"):
            names.add(str(node["cte_name"]).casefold())
        cte_map = node.get("cte_map")
        if isinstance(cte_map, dict):
            entries = cast("dict[str, list[dict[str, Any]]]", cte_map).get("map", [])
            names.update(str(entry["key"]).casefold() for entry in entries)
    return names


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    """Every object in the tree. Not recursive: a query may be nested deeper than Python's stack."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            node = cast("dict[str, Any]", item)
            yield node
            waiting.extend(node.values())
        elif isinstance(item, list):
            waiting.extend(cast("list[object]", item))


def _refusal(node: dict[str, Any], known: set[str]) -> str | None:
    """Why a part of a query may not be run; None: it may."""
    kind = node.get("type")
    if kind == "BASE_TABLE":
        name = str(node.get("table_name", ""))
        if name.casefold() not in known or node.get("catalog_name") or str(node.get("schema_name", "")) not in {"", "main"}:
            return f"it reads {name!r}, which is none of the tables. Criteria have no access to files, network or variables."
    elif kind == "TABLE_FUNCTION":
        function = cast("dict[str, Any]", node.get("function") or {})
        name = str(function.get("function_name", "")).casefold()
        if name not in TABLE_FUNCTIONS:
            return f"it calls {name}(). Criteria have no access to files, network or settings."
    elif kind == "FUNCTION" and (name := str(node.get("function_name", "")).casefold()) in REFUSED:
        return f"it calls {name}(). Criteria have no access to files, network or settings."
    return None
