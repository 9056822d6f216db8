"""The doors of the rooms: one name for each, and nothing loaded before it is needed."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOMS, ROOT

if TYPE_CHECKING:
    from tests.conftest import RunPython

HEAVY = {"duckdb", "opentelemetry", "stageflow"}

LOADED = """
import json, sys
{statement}
print("\\n" + json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded_by(run_python: RunPython, statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after the statement."""
    result = run_python("-c", LOADED.format(statement=statement))
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_refuses_any_other_name(run_python: RunPython, room: str) -> None:
    # In the checkout the folder lies on sys.path; without the refusal it would be a second copy of the room.
    result = run_python("-c", f"import {room}", cwd=ROOT)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: "), result.stderr
    assert repr(room) in last
    assert f"import spanproof.{room}" in last


@pytest.mark.parametrize(
    ("statement", "spared"),
    [
        ("import spanproof", HEAVY | {"typer"}),
        ("import spanproof.instrument", HEAVY | {"typer"}),
        ("import spanproof.instrument.vocabulary", HEAVY | {"typer"}),
        ("import spanproof.analyzers", HEAVY - {"duckdb"} | {"typer"}),
        ("from spanproof import check, load", HEAVY - {"duckdb"} | {"typer"}),
        ("from spanproof import session, start, stop, detached, resource, heartbeat", {"duckdb", "typer"}),
        ("import spanproof.scenarios", {"duckdb", "typer"}),
    ],
)
def test_a_door_loads_no_more_than_it_must(run_python: RunPython, statement: str, spared: set[str]) -> None:
    assert loaded_by(run_python, statement) & (spared | set(ROOMS)) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"], ["run", "--help"], ["study", "--help"]])
def test_help_loads_no_engine(run_python: RunPython, arguments: list[str]) -> None:
    statement = f"""
import runpy
sys.argv = ["spanproof", *{arguments!r}]
try:
    runpy.run_module("spanproof", run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded_by(run_python, statement) & (HEAVY | set(ROOMS)) == set()


@pytest.mark.parametrize("door", ["spanproof", *(f"spanproof.{room}" for room in ROOMS)])
def test_every_public_name_is_there(door: str) -> None:
    module = import_module(door)
    promised = [name for name in dir(module) if not name.startswith("_")]
    assert promised
    assert [name for name in promised if getattr(module, name, None) is None] == []


@pytest.mark.parametrize("door", ["spanproof", *(f"spanproof.{room}" for room in ROOMS)])
def test_an_unknown_name_is_an_attribute_error_that_names_it(door: str) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = import_module(door).nonsense
