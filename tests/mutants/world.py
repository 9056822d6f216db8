"""All small traces in one database, and what each criterion says of them: the measure by which a mutant is told from the original."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from spanproof.analyzers.cataloguing import SHARED, Criterion, catalogue
from spanproof.analyzers.loading import load
from spanproof.analyzers.run_criterion import Interrupter
from spanproof.analyzers.tinytrace_otlp import write
from tests.criteria.cases import all_cases, stories
from tests.mutants.kept import kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Said = frozenset[tuple[Any, ...]]
    """Rows of a criterion, or, where the query cannot be run, nothing but the error's type."""

LIMIT_S = 5.0
"""A mutant that takes longer (a condition of a join is gone) is told from the original by that."""


def small_traces() -> list[str]:
    """The lines of all cases, of all stories, and the random ones that were kept."""
    return [*(case.trace for case in all_cases()), *stories().values(), *kept()]


def own_traces(name: str) -> list[str]:
    """The lines of the cases of one criterion, and of its story."""
    return [*(case.trace for case in all_cases() if case.criterion == name), *(line for id_, line in stories().items() if id_ == name)]


class World:
    """A database with small traces, each a recording of its own, and the shared views."""

    def __init__(self, lines: Iterable[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = [write(Path(folder, f"{n:04}.json"), f"{line} %n={n} %rec=case-{n}") for n, line in enumerate(lines, 1)]
            self.con = load(paths)
        self.con.execute("set threads = 1")
        self.criteria = catalogue()
        self.scripts: Mapping[str, str] = {path.stem: path.read_text(encoding="utf-8") for path in sorted(SHARED.glob("*.sql"))}
        self.share()

    def share(self, changed: Mapping[str, str] | None = None) -> bool:
        """Make the shared views anew, those in `changed` from another script; False: one could not be made in time."""
        try:
            with Interrupter(self.con, LIMIT_S):
                for name, script in self.scripts.items():
                    self.con.execute((changed or {}).get(name, script))
        except duckdb.Error:
            return False
        return True

    def ask(self, criterion: Criterion, sql: str) -> Said:
        """What `sql` says with the parameters of `criterion`."""
        values = {name: parameter.default for name, parameter in criterion.header.parameters.items()}
        try:
            with Interrupter(self.con, LIMIT_S):
                return frozenset(self.con.execute(sql, values).fetchall())
        except duckdb.Error as error:
            return frozenset({(type(error).__name__,)})

    @cached_property
    def said(self) -> dict[str, Said]:
        """What each criterion says, by id."""
        return {id_: self.ask(criterion, criterion.sql) for id_, criterion in self.criteria.items()}
