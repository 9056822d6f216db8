"""Run one criterion in its own guard: whatever is wrong with it becomes its UNKNOWN, and stops nobody else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb

from . import margins
from .finding import CriterionResult
from .sandbox import CriterionQueryError, first_line, line_of, require_select
from .verdicts import Verdict, merge, of_counts
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .cataloguing import Criterion, Number
    from .fitness import Traces

COLUMNS: Final = {
    "trace_id": "VARCHAR",
    "span_id": "VARCHAR",
    "subject": "VARCHAR",
    "ok": "BOOLEAN",
    "measured": "number",
    "bound": "number",
    "unit": "VARCHAR",
    "cause_span_id": "VARCHAR",
    "fault": "VARCHAR",
    "note": "VARCHAR",
}
"""What a criterion selects, with the types; `severity` may follow, to lower that of the header for a row."""

EXAMPLES: Final = 3
_NUMBERS: Final = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)

Row = tuple[Any, ...]


@dataclass(slots=True)
class Outcome:
    """A criterion's result with the rows of its violations, which are not findings yet."""

    result: CriterionResult
    rows: list[Row] = field(default_factory=list[Row])


@dataclass(frozen=True, slots=True)
class Fitness:
    """What a criterion may say of which processes, by their numbers.

    Attributes:
        unfit: those whose traces it cannot judge, each with the reason.
        partly: those in which it is not certain of a violation, each with the reason.
        left_out: those whose units, made by a map, tell too little for it.
    """

    unfit: Mapping[int, str]
    partly: Mapping[int, str]
    left_out: frozenset[int]


class Interrupter:
    """Interrupts a query that takes too long; `hit` says whether it did."""

    def __init__(self, con: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self.hit = False
        self._con = con
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._interrupt)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
        self._timer.cancel()

    def _interrupt(self) -> None:
        # Under the lock, so that it can never hit the query of the next criterion.
        with self._lock:
            if not self._over:
                self.hit = True
                self._con.interrupt()


def run_criterion(
    con: duckdb.DuckDBPyConnection,
    criterion: Criterion,
    params: Mapping[str, Number],
    traces: Traces,
    fits: Fitness,
    time_limit_s: float,
) -> Outcome:
    """Judge all traces by one criterion. Never raises because of the criterion; Ctrl-C passes."""
    header = criterion.header
    if criterion.broken is not None:
        return Outcome(CriterionResult(header, Verdict.UNKNOWN, reason=criterion.broken))
    if traces.total and header.clock == "real" and traces.virtual == traces.total:
        return Outcome(CriterionResult(header, Verdict.NOT_EXERCISED, reason="virtual clock"))
    started = time.perf_counter()
    line: int | None = None
    try:
        with Interrupter(con, time_limit_s) as limit:
            try:
                return _judge(con, criterion, params, traces, fits)
            except duckdb.InterruptException as error:
                if not limit.hit:
                    raise KeyboardInterrupt from error
                why = f"it took longer than {time_limit_s:g} s"
            except CriterionQueryError as error:
                why, line = str(error), error.line or criterion.query_line
            except duckdb.Error as error:
                why, line = first_line(error), line_of(error) or criterion.query_line
        place = criterion.path.name if line is None else f"{criterion.path.name}:{line}"
        failed = CriterionResult(header, Verdict.UNKNOWN, reason=f"{place} could not be run: {why}")
        failed.seconds = time.perf_counter() - started
        return Outcome(failed)
    finally:
        con.execute("drop view if exists judged_rows; drop table if exists judged_weighed; drop table if exists judged_raw")


def _judge(con: duckdb.DuckDBPyConnection, criterion: Criterion, params: Mapping[str, Number], traces: Traces, fits: Fitness) -> Outcome:
    started = time.perf_counter()
    if not criterion.ours:
        # Ours are looked at by a test: to do it each time would take longer than to run them.
        require_select(con, criterion.sql)
    con.execute(f"create or replace temp table judged_raw as {criterion.sql}", {name: params[name] for name in criterion.header.parameters})
    _check_columns(con)
    _weigh(con, criterion, traces, fits)
    result = CriterionResult(criterion.header, Verdict.NOT_EXERCISED)
    _count(con, result, traces, fits.unfit)
    result.margins = margins.read(con) if criterion.header.margin == "below" else None
    found = con.execute("select * from judged_rows where ok = false").fetchall() if result.violated else []
    # DuckDB's DECIMAL, which a literal such as 1.5 is, is no number of JSON's.
    rows = [(*row[:4], margins.plain(row[4]), margins.plain(row[5]), *row[6:]) for row in found]
    result.seconds = time.perf_counter() - started
    return Outcome(result, rows)


def _check_columns(con: duckdb.DuckDBPyConnection) -> None:
    types = {str(row[0]): str(row[1]) for row in con.execute("select column_name, column_type from (describe judged_raw)").fetchall()}
    missing = [name for name in COLUMNS if name not in types]
    extra = [name for name in types if name not in COLUMNS and name != "severity"]
    if missing or extra:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(extra)} too many"
        raise CriterionQueryError(f"its result {wrong}. Columns: {', '.join(COLUMNS)}, and severity if rows differ")
    for name, wanted in {**COLUMNS, "severity": "VARCHAR"}.items():
        got = types.get(name, wanted)
        fits = got.startswith(_NUMBERS) if wanted == "number" else got == wanted
        # A column of nulls has the type INTEGER.
        if not fits and con.execute(f"select count({name}) from judged_raw").fetchone() != (0,):
            raise CriterionQueryError(f"column {name} must be {'a number' if wanted == 'number' else wanted}, got {got}")


def _weigh(con: duckdb.DuckDBPyConnection, criterion: Criterion, traces: Traces, fits: Fitness) -> None:
    """Make `judged_rows`: traces that are unfit taken out, and what a later record could undo made unknown."""
    header = criterion.header
    ok, why, joins = "r.ok::BOOLEAN", "r.note::VARCHAR", ""
    where: list[str] = []
    severity = "r.severity::VARCHAR" if _has_severity(con) else "null::VARCHAR"
    if fits.unfit or fits.partly or traces.torn or traces.backwards or (header.clock == "real" and traces.virtual):
        joins = "left join judged_traces t on t.trace_id = r.trace_id"
    if fits.unfit:
        where.append(f"coalesce(t.resource_id not in ({', '.join(map(str, fits.unfit))}), true)")
    if fits.left_out:
        ids = ", ".join(map(str, sorted(fits.left_out)))
        where.append(
            f"(r.trace_id, r.span_id) not in (select (trace_id, span_id) from units where resource_id in ({ids}) and unit is not null)"
        )
    if header.clock == "real" and traces.virtual:
        where.append("not coalesce(t.virtual, false)")
    if traces.torn:
        doubt = "coalesce(t.torn, false)" if header.torn == "unknown" else "coalesce(t.dropped and u.is_open, false)"
        if header.torn == "certain" and traces.dropped:
            joins += " left join units u on u.trace_id = r.trace_id and u.span_id = r.span_id"
        if header.torn == "unknown" or traces.dropped:
            ok = f"case when r.ok = false and {doubt} then null else r.ok end::BOOLEAN"
            why = f"case when r.ok = false and {doubt} then 'the trace is cut, a later record could change it' else r.note end::VARCHAR"
    if fits.partly:
        doubt = f"r.ok = false and coalesce(t.resource_id in ({', '.join(map(str, fits.partly))}), false)"
        reason = next(iter(fits.partly.values())).replace("'", "''")
        why = f"case when {doubt} then '{reason}' else {why} end"
        ok = f"case when {doubt} then null else {ok} end::BOOLEAN"
    if traces.backwards:
        doubt = "r.ok = false and r.unit = 'ns' and coalesce(t.backwards, false)"
        why = f"case when {doubt} then 'the clock was set back in this trace, its times cannot be compared' else {why} end"
        ok = f"case when {doubt} then null else {ok} end::BOOLEAN"
    query = (
        f"select r.trace_id::VARCHAR as trace_id, r.span_id::VARCHAR as span_id, r.subject::VARCHAR as subject, {ok} as ok, "
        f"r.measured, r.bound, r.unit::VARCHAR as unit, r.cause_span_id::VARCHAR as cause_span_id, r.fault::VARCHAR as fault, "
        f"{why} as note, {severity} as severity from judged_raw r {joins}" + (f" where {' and '.join(where)}" if where else "")
    )
    if joins:
        con.execute(f"create or replace temp table judged_weighed as {query}")
        query = "from judged_weighed"
    # The usual case needs no second copy of a million rows.
    con.execute(f"create or replace temp view judged_rows as {query}")


def _has_severity(con: duckdb.DuckDBPyConnection) -> bool:
    return con.execute("select count(*) from (describe judged_raw) where column_name = 'severity'").fetchone() == (1,)


def _count(con: duckdb.DuckDBPyConnection, result: CriterionResult, traces: Traces, unfit: Mapping[int, str]) -> None:
    reasons: list[str] = []
    rows = con.execute(
        "select trace_id, count(*) filter (ok = false), count(*) filter (ok is null), count(*) filter (ok) "
        "from judged_rows group by trace_id"
    ).fetchall()
    for trace_id, violated, unknown, held in rows:
        result.violated += violated
        result.unknown += unknown
        result.held += held
        result.by_trace[trace_id] = of_counts(violated, unknown, held)
    result.subjects = result.violated + result.unknown + result.held
    if result.unknown:
        reasons.append(_examples(con, result.unknown))
    if unfit:
        ids = ", ".join(map(str, unfit))
        blind = con.execute(f"select trace_id from judged_traces where resource_id in ({ids})").fetchall()
        result.by_trace.update((row[0], Verdict.UNKNOWN) for row in blind)
        if blind:
            reasons.append("; ".join(sorted(set(unfit.values()))))
    header = result.header
    if traces.torn and header.samples == "usual" and (header.clock == "any" or traces.virtual < traces.total):
        lacking = con.execute("select trace_id from judged_traces where may_lack").fetchall()
        silent = [row[0] for row in lacking if row[0] not in result.by_trace]
        result.by_trace.update((trace_id, Verdict.UNKNOWN) for trace_id in silent)
        if silent:
            reasons.append(f"{plural(len(silent), 'trace')} cut while something was going on, without a subject so far")
    result.verdict = merge(result.by_trace.values())
    if result.verdict is Verdict.NOT_EXERCISED:
        reasons.append(f"no {result.header.texts['judges']} in {'these traces' if traces.total else 'what was read'}")
    if result.verdict in (Verdict.UNKNOWN, Verdict.NOT_EXERCISED):
        result.reason = "; ".join(reasons)


def _examples(con: duckdb.DuckDBPyConnection, count: int) -> str:
    rows = con.execute(
        "select distinct subject, coalesce(note, 'not decided') from judged_rows where ok is null order by all limit $1", [EXAMPLES]
    ).fetchall()
    shown = "; ".join(f"{subject}: {note}" for subject, note in rows)
    return f"{plural(count, 'subject')} undecided, for example {shown}"
