"""The documented tables are the real ones, and have a place for every name that a trace can contain."""

from __future__ import annotations

import re

import pytest

from spanproof.analyzers import connect, create_schema, schema_docs
from spanproof.instrument import vocabulary
from tests.house.tree import ROOT, room_files

TABLES = [table for script in schema_docs.scripts() for table in script.tables]


def names_in_sql() -> set[str]:
    """Every attribute and event name that the schema reads."""
    found: set[str] = set()
    for path in room_files("analyzers", ".sql"):
        if path.is_relative_to(ROOT / "analyzers" / "schema"):
            sql = path.read_text(encoding="utf-8")
            found |= set(re.findall(r"attributes\['([^']+)'\]", sql))
            found |= set(re.findall(r"\bname = '([^']+)'", sql)) - {"unit"}
            for names in re.findall(r"\bname in \(([^)]+)\)", sql):
                found |= set(re.findall(r"'([^']+)'", names)) - {"unit"}
    return found


def names_in_python() -> set[str]:
    """Every name of the vocabulary that the reader uses."""
    found: set[str] = set()
    for path in room_files("analyzers", ".py"):
        if "read" in path.parts:
            used = re.findall(r"\bv\.([A-Z_]+)\b", path.read_text(encoding="utf-8"))
            found |= {str(getattr(vocabulary, name)) for name in used if name != "FORMAT"}
    return found


def test_every_table_and_column_is_documented_with_its_true_type() -> None:
    con = connect()
    create_schema(con)
    # A view's types are known when it is bound; both kinds are asked in the same way.
    for table in TABLES:
        real = [(name, kind) for name, kind, *_ in con.execute(f"describe {table.name}").fetchall()]
        assert real == [(column.name, column.type) for column in table.columns], table.name
    created = {name for (name,) in con.execute("select table_name from information_schema.tables").fetchall()}
    assert created == {table.name for table in TABLES}


def test_times_and_orders_are_named_for_what_they_are() -> None:
    columns = [column for table in TABLES for column in table.columns]
    assert {column.type for column in columns if column.name.endswith(("_ns", "seq"))} == {"BIGINT"}
    assert [column.name for column in columns if column.type == "TIMESTAMP_NS"] == ["start_time", "end_time", "time"]


def test_every_name_of_the_vocabulary_has_a_place_and_the_schema_invents_none() -> None:
    known = {str(name) for name in (*vocabulary.keys(), *vocabulary.events())}
    placed = names_in_sql() | names_in_python() | set(schema_docs.MAP_ONLY)
    assert sorted(known - placed) == [], "no column reads these, and MAP_ONLY does not say why"
    assert sorted(placed - known) == [], "nobody writes these"


def test_what_is_left_in_the_map_has_no_column() -> None:
    assert set(schema_docs.MAP_ONLY) & names_in_sql() == set()


def test_the_reference_page_is_fresh() -> None:
    page = ROOT / "docs" / "reference" / "tables.md"
    assert page.read_text(encoding="utf-8") == schema_docs.render(), (
        "run: python -m spanproof.analyzers.schema_docs docs/reference/tables.md"
    )


def test_a_column_without_a_comment_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"x\.sql: column t\.b has no comment"):
        schema_docs.parse("x.sql", "-- Things.\n\n-- A thing.\ncreate table t (\n    -- One.\n    a INTEGER,\n    b INTEGER\n);\n")


def test_the_column_of_a_view_says_its_type() -> None:
    with pytest.raises(ValueError, match="must begin with its type"):
        schema_docs.parse("x.sql", "-- Things.\n\n-- A thing.\ncreate view t (\n    -- One.\n    a\n) as select 1;\n")
