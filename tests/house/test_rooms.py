"""The walls between the rooms: who may import what. The table is the design's, "One way for the data"."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.house.tree import ROOMS, ROOT, named, room_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Allowed(NamedTuple):
    """What one room may know."""

    rooms: tuple[str, ...]
    """Modules of other rooms, without the leading `spanproof.`; what lies below them is allowed too."""
    libraries: tuple[str, ...]
    """Packages from outside the standard library, or modules of them; what lies below is allowed too."""


TABLE = {
    "instrument": Allowed(rooms=(), libraries=("stageflow", "opentelemetry", "orjson", "wrapt")),
    "analyzers": Allowed(
        rooms=("instrument.vocabulary",),
        libraries=("duckdb", "orjson", "packaging", "backports.zstd", "opentelemetry.proto", "google.protobuf", "urllib3"),
    ),
    "scenarios": Allowed(rooms=("instrument",), libraries=("stageflow",)),
    # The door sees all rooms. It judges and records through them: neither stageflow nor OpenTelemetry is its business.
    "spanproof": Allowed(rooms=ROOMS, libraries=("typer", "click", "rich", "duckdb", "orjson", "pytest")),
}

STANDARD = sys.stdlib_module_names | {"_typeshed", "compression"}
"""The standard library, with what is new in Python 3.14, and the module that exists for type checkers alone."""

DEBTS: dict[tuple[str, str], str] = {}
"""Imports that the table forbids and that we live with: (file, imported module) and the reason. One that is gone must go here too."""


class Import(NamedTuple):
    """One import: where it stands and which module it names, in full."""

    file: Path
    line: int
    module: str
    relative: bool


def imports_of(path: Path, source: str) -> Iterator[Import]:
    """Every import in a file, also inside functions and under TYPE_CHECKING; `from a import b` counts as `a.b`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = ("spanproof", *parts[:-1]) if parts[0] in ROOMS else parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, relative=False)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(path, node.lineno, f"{module}.{alias.name}", relative=node.level > 0)


def complaint(room: str, found: Import) -> str | None:
    """Why this import is not allowed in this room; None if it is."""
    top, *below = found.module.split(".")
    allowed = TABLE[room]
    if top == "spanproof":
        other = below[0] if below and below[0] in ROOMS else "spanproof"
        if other == room:
            return None if found.relative or room == "spanproof" else "inside a room imports are relative"
        inner = ".".join(below)
        if any(f"{inner}.".startswith(f"{name}.") for name in allowed.rooms):
            return None
        return f"{room} may know of the other rooms only: {', '.join(allowed.rooms) or 'nothing'}"
    if top in ROOMS:
        return f"a room is imported as spanproof.{top}"
    if top in STANDARD or any(f"{found.module}.".startswith(f"{name}.") for name in allowed.libraries):
        return None
    return f"{room} may use only the standard library and: {', '.join(allowed.libraries)}"


def test_rooms_import_only_what_the_table_allows() -> None:
    wrong: dict[tuple[str, str], str] = {}
    for room in TABLE:
        for path in room_files(room, ".py"):
            for found in imports_of(path, path.read_text(encoding="utf-8")):
                if why := complaint(room, found):
                    wrong[named(path), found.module] = f"{named(path)}:{found.line} imports {found.module}: {why}"
    assert [text for key, text in wrong.items() if key not in DEBTS] == []
    assert [key for key in DEBTS if key not in wrong] == [], "paid debts; take them out of DEBTS"


@pytest.mark.parametrize(
    ("file", "source", "right"),
    [
        ("analyzers/a.py", "from ..instrument import vocabulary", True),
        ("analyzers/a.py", "from ..instrument.vocabulary import FORMAT", True),
        ("analyzers/a.py", "from ..instrument import session", False),
        ("analyzers/a.py", "def f():\n    import opentelemetry.trace", False),
        ("analyzers/a.py", "from opentelemetry.proto.trace.v1.trace_pb2 import Span", True),
        ("analyzers/a.py", "from opentelemetry import sdk", False),
        ("analyzers/criteria/a.py", "from ..load import load", True),
        ("analyzers/a.py", "from spanproof.analyzers.load import load", False),
        ("analyzers/a.py", "import instrument", False),
        ("analyzers/a.py", "from spanproof import check", False),
        ("instrument/a.py", "from opentelemetry.trace import get_tracer", True),
        ("instrument/a.py", "import duckdb", False),
        ("instrument/a.py", "from .. import analyzers", False),
        ("scenarios/a.py", "from spanproof.instrument import session", True),
        ("scenarios/a.py", "from spanproof.cli import app", False),
        ("scenarios/a.py", "from ..analyzers import check", False),
        ("spanproof/a.py", "from .analyzers import check", True),
        ("spanproof/a.py", "import stageflow", False),
    ],
)
def test_the_table_is_read_as_meant(file: str, source: str, right: bool) -> None:
    room, _, _ = file.partition("/")
    complaints = [complaint(room, found) for found in imports_of(ROOT / file, source)]
    assert (complaints == [None]) is right, complaints
