"""P02 to P05 say of random small trees, row by row, what a naive reading of their definitions says."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from spanproof.analyzers.cataloguing import SHARED, catalogue
from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace_otlp import write
from tests.mutants.kept import kept
from tests.oracle import oracle
from tests.oracle.model import read
from tests.oracle.trees import recordings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracle.model import Unit, World

ORACLES: dict[str, Callable[[World], dict[Unit, bool | None]]] = {
    "P02": oracle.p02,
    "P03": oracle.p03,
    "P04": oracle.p04,
    "P05": oracle.p05,
}


# On the newest Python alone: queries and database are the same on every one.
@pytest.mark.python(">=3.13")
@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("ORACLE_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(st.lists(recordings(), min_size=10, max_size=20))
def test_sql_and_oracle_agree(lines: list[str]) -> None:
    """Every subject, and its verdict. `ORACLE_EXAMPLES=700` makes ten thousand recordings of it."""
    agree(lines)


def test_sql_and_oracle_agree_on_what_tells_mutants_apart() -> None:
    """So that a mutant that differs from the query on one of these differs from the oracle, too."""
    agree(kept())


def agree(lines: list[str]) -> None:
    """Compare all subjects of `lines`, which are loaded at once because loading takes longer than judging."""
    criteria = catalogue()
    with tempfile.TemporaryDirectory() as folder:
        paths = [write(Path(folder, f"{n:03}.json"), f"{line} %n={n} %rec=r{n}") for n, line in enumerate(lines, 1)]
        con = load(paths)
    for script in sorted(SHARED.glob("*.sql")):
        con.execute(script.read_text(encoding="utf-8"))
    world = read(con)
    names = {(unit.trace, unit.id): f"{unit.name} of line {int(unit.trace[:16], 16)}" for unit in world.units}
    for id_, judge in ORACLES.items():
        values = {name: parameter.default for name, parameter in criteria[id_].header.parameters.items()}
        rows = con.execute(criteria[id_].sql, values).fetchall()
        found = {names[row[0], row[1]]: row[3] for row in rows}
        expected = {names[unit.trace, unit.id]: ok for unit, ok in judge(world).items()}
        for name in sorted(found.keys() | expected.keys()):
            if found.get(name, "-") != expected.get(name, "-"):
                note(lines[int(name.rpartition(" ")[2]) - 1])
                note(f"{id_} of {name}: SQL says {found.get(name, 'no subject')}, the oracle {expected.get(name, 'no subject')}")
        assert found == expected
        assert len(rows) == len(found), "a subject is judged once"
    con.close()
