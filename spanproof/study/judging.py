"""Judges the traces of a study: the report that `check` would give, and beside it every row that was judged, those that hold included.

A report lists what is wrong. An answer needs what is right as well: that nothing was found is not yet a reason to say yes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analyzers import expectations, picture
from ..analyzers.cataloguing import SHARED, catalogue, settings
from ..analyzers.judging import judge as judge_traces
from ..analyzers.loading import load
from ..analyzers.verdicts import Verdict
from . import audit
from .facts import FACTS
from .model import Row
from .observe import observations

if TYPE_CHECKING:
    import duckdb

    from ..analyzers.report import Report

_PLACED = (
    "select f.path, u.scenario, u.clock, j.trace_id, j.span_id, j.subject, j.ok, j.measured::DOUBLE, j.bound::DOUBLE, j.unit, j.note "
    "from ({query}\n) j join units u on u.trace_id = j.trace_id and u.span_id = j.span_id join files f using (file_id) order by all"
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the traces of a study say. Files go by their names alone: a study has one folder.

    Attributes:
        report: the mapping of the JSON contract of `check`; empty without traces.
        rows: what criteria and facts say of every subject.
        observed: what happened in each file.
        found: violations in each file, as `P04 stage stock` with whether nobody expected it; without what follows from another one.
        undecided: ids of criteria that are UNKNOWN for some trace.
        audit: the lines of `audit.jsonl`.
        pictures: of each file with findings its trace as SVG.
    """

    report: Mapping[str, Any]
    rows: tuple[Row, ...]
    observed: Mapping[str, tuple[str, ...]]
    found: Mapping[str, tuple[tuple[str, bool], ...]]
    undecided: tuple[str, ...]
    audit: tuple[Mapping[str, Any], ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict[str, str])

    def misses(self, file: str, scenario: str, criterion: str, subject: str) -> bool:
        """Whether an expectation of a run is not met by its trace."""
        unmet = {(each["scenario"], each["criterion"], each["subject"]) for each in self.report.get("unmet_expectations", ())}
        if (scenario, criterion, subject) not in unmet:
            return False
        violations = (each for result in self.report["criteria"] if result["id"] == criterion for each in result["violations"])
        return not any(_name(each["file"]) == file and each["subject"] == subject for each in violations)


def judge(traces: Sequence[Path]) -> Judgement:
    """Load trace files and judge them by every criterion and every fact.

    Raises:
        InputError: none of the files could be read.
    """
    if not traces:
        return Judgement({}, (), {}, {}, ())
    with closing(load(traces)) as con:
        report = judge_traces(con, source_root=traces[0].parent)
        rows = _rows(con, report)
        return Judgement(
            report.to_dict(),
            (*rows, *_facts(con)),
            {path.name: tuple(observations(con, str(path))) for path in traces},
            _found(report),
            tuple(_undecided(con, report, rows)),
            audit.records(con, report),
            _pictures(con, report),
        )


def _undecided(con: duckdb.DuckDBPyConnection, report: Report, rows: Sequence[Row]) -> Iterator[str]:
    """Criteria that are UNKNOWN for something that nobody expects on another version: there it is seen, and here it cannot be."""
    elsewhere = {(each.scenario, each.criterion, each.subject) for each in expectations.read(con) if not each.applies}
    for result in report.undecided():
        unknown = [row for row in rows if row.criterion == result.header.id and row.ok is None]
        if not unknown or any((row.run, row.criterion, row.subject) not in elsewhere for row in unknown):
            yield result.header.id


def _pictures(con: duckdb.DuckDBPyConnection, report: Report) -> dict[str, str]:
    """Of each file the trace with the first finding that is a cause, with everything that was found there in the focus."""
    traces: dict[str, tuple[str, list[str]]] = {}
    for finding in report.findings:
        if finding.implied_by is None and finding.severity != "info" and finding.span_id is not None:
            trace_id, focus = traces.setdefault(_name(finding.file), (finding.trace_id, []))
            if trace_id == finding.trace_id:
                focus += [span for span in (finding.span_id, finding.cause_span_id) if span is not None]
    return {file: picture.svg(con, trace_id, frozenset(focus)) for file, (trace_id, focus) in traces.items()}


def _rows(con: duckdb.DuckDBPyConnection, report: Report) -> list[Row]:
    """Every row of every criterion; what the report calls unknown for a whole trace is unknown for its subjects."""
    criteria = catalogue()
    values = settings(criteria, {})
    rows: list[Row] = []
    with closing(con.cursor()) as cursor:
        for script in sorted(SHARED.glob("*.sql")):
            cursor.execute(script.read_text(encoding="utf-8"))
        for result in report:
            criterion = criteria[result.header.id]
            for row in _query(cursor, criterion.id, criterion.header.severity, criterion.sql, values[criterion.id]):
                blind = result.by_trace.get(row.trace_id) in (Verdict.UNKNOWN, None)
                rows.append(replace(row, ok=None, note=result.reason or "") if blind and row.ok is not None else row)
    return rows


def _facts(con: duckdb.DuckDBPyConnection) -> list[Row]:
    return [row for name, query in FACTS.items() for row in _query(con, name, "", query, {})]


def _query(con: duckdb.DuckDBPyConnection, name: str, severity: str, query: str, values: Mapping[str, int | float]) -> list[Row]:
    found = con.execute(_PLACED.format(query=query), dict(values)).fetchall()
    return [
        Row(
            _name(path),
            scenario or "",
            clock or "",
            name,
            severity,
            trace_id,
            span_id,
            subject,
            ok,
            measured,
            bound,
            unit or "",
            note or "",
        )
        for path, scenario, clock, trace_id, span_id, subject, ok, measured, bound, unit, note in found
    ]


def _found(report: Report) -> dict[str, tuple[tuple[str, bool], ...]]:
    """Causes only, unless a consequence is news: that must not hide behind its cause. What is only an information is no violation."""
    found: defaultdict[str, list[tuple[str, bool]]] = defaultdict(list)
    for finding in report.findings:
        if finding.severity == "info":
            continue
        is_news = finding.state == "new"
        if is_news or finding.implied_by is None:
            found[_name(finding.file)].append((f"{finding.criterion} {finding.subject}", is_news))
    return {file: tuple(sorted(told)) for file, told in found.items()}


def _name(path: str | None) -> str:
    return Path(path).name if path else ""
