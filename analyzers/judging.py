"""Judge loaded traces by every criterion.

A criterion that raises, takes too long or asks for what it may not becomes UNKNOWN; the others still run. `judge` works on a connection
that `load` made; `check` does both.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import expectations
from .cataloguing import SHARED, catalogue, choose, settings
from .findings import Places, make_findings
from .fitness import lifted, partly, prepare, seams, unfit, untold
from .implies import link
from .loading import load
from .report import Report
from .report_files import describe, problems
from .run_criterion import Fitness, Outcome, run_criterion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import duckdb

    Progress = Callable[[str, int, int], None]
    """Called before each criterion with its id, how many are done and how many there are."""

__all__ = ["TIME_LIMIT_S", "catalogue", "check", "judge"]

TIME_LIMIT_S: Final = 30.0
"""How long one criterion may take, in seconds."""


def judge(
    con: duckdb.DuckDBPyConnection,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    params: Mapping[str, object] | None = None,
    criteria_dirs: Iterable[str | Path] = (),
    time_limit_s: float = TIME_LIMIT_S,
    progress: Progress | None = None,
    source_root: str | Path | None = None,
) -> Report:
    """Run the chosen criteria over the traces in `con`. The tables are not changed.

    Args:
        con: a connection from `load`.
        select: ids, names or family letters; none: all.
        ignore: likewise, taken out. What follows from an ignored cause is told on its own.
        params: by `ID.parameter`.
        criteria_dirs: folders with criteria of your own.
        time_limit_s: for each criterion; beyond it, it is UNKNOWN.
        progress: called before each criterion.
        source_root: paths below it are shown relative to it; None: the current folder.

    Raises:
        UnknownCriterionError, ParameterError, CatalogueError, HeaderError: what was asked for is not there.
    """
    criteria = catalogue(criteria_dirs)
    values = settings(criteria, params or {})
    chosen = choose(criteria, select, ignore)
    places = Places(Path(source_root) if source_root is not None else None)
    # A cursor of its own: its temporary tables go with it, and interrupting it stops nothing of the caller's.
    cursor = con.cursor()
    try:
        for script in sorted(SHARED.glob("*.sql")):
            cursor.execute(script.read_text(encoding="utf-8"))
        traces = prepare(cursor)
        recordings = seams(cursor)
        mapped = lifted(cursor)
        outcomes: list[Outcome] = []
        for number, criterion in enumerate(chosen):
            if progress is not None:
                progress(criterion.id, number, len(chosen))
            header = criterion.header
            fits = Fitness(unfit(header, recordings), partly(header, recordings), untold(header, mapped))
            outcomes.append(run_criterion(cursor, criterion, values[criterion.id], traces, fits, time_limit_s))
        ways = make_findings(cursor, outcomes, places)
        results = [outcome.result for outcome in outcomes]
        findings = [finding for result in results for finding in result.violations]
        link(findings, ways)
        unmet = expectations.settle(expectations.read(cursor), findings, frozenset(result.header.id for result in results))
        used: dict[str, Any] = {f"{c.id}.{name}": value for c in chosen for name, value in values[c.id].items()}
        return Report(results, describe(cursor, places), problems(cursor, places), used, unmet, traces.total)
    finally:
        cursor.close()


def check(paths: Sequence[str | Path] = (), *, root: Path | None = None, maps: Sequence[str] = (), **options: Any) -> Report:
    """Load traces and judge them: `judge(load(paths, maps=maps), **options)`.

    Raises:
        InputError: a path means no file, or none of them could be read.
    """
    con = load(paths, root=root, maps=maps)
    try:
        # Criteria are refused whatever reaches out of the tables; this is the second lock on the same door.
        con.execute("set enable_external_access = false")
        return judge(con, **options)
    finally:
        con.close()
