"""What was observed in a run, read from its trace: who was cut when, what never started, what went on after the run had ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

# One row a stage or pipeline of a file, with times relative to the start of the outermost run and to its end.
_UNITS: Final = """
with outermost as (
    select file_id, arg_min(span_id, start_seq) as span_id, min(start_ns) as start_ns, arg_min(end_ns, start_seq) as end_ns
    from units where unit = 'pipeline' group by file_id
)
select u.name, u.unit, u.outcome, u.span_id = o.span_id as is_outermost, u.grace_ns / 1e6 as grace,
    (u.start_ns - o.start_ns) / 1e6 as began, (u.end_ns - o.start_ns) / 1e6 as ended, (u.end_ns - o.end_ns) / 1e6 as after_run,
    (u.first_delivery_ns - u.deadline_ns) / 1e6 as late, (u.end_ns - u.deadline_ns) / 1e6 as past_deadline,
    u.first_request_ns is not null as asked, u.error_message,
    (select any_value(r.channel) from reports r
     where r.trace_id = u.trace_id and r.span_id = u.span_id and r.outcome = 'timed_out' and u.outcome <> 'timed_out') as told_late
from units u join outermost o using (file_id) join files f using (file_id)
where f.path = $path and u.unit in ('pipeline', 'stage')
order by u.end_ns nulls last, u.end_seq
"""

_NEVER_STARTED: Final = """
select 'stage ' || stage
from (select p.trace_id, p.span_id, unnest(p.pipeline_stages) as stage from units p join files f using (file_id)
      where p.unit = 'pipeline' and f.path = $path) declared
where not exists (
    from units u where u.trace_id = declared.trace_id and u.run_id = declared.span_id and u.unit = 'stage' and u.stage = declared.stage)
order by stage
"""


def observations(con: duckdb.DuckDBPyConnection, path: str) -> list[str]:
    """What happened in the trace of a file, one sentence an item, in the order of time. Times are in ms since the run's start.

    Args:
        con: a database made by `analyzers.load`.
        path: the file, as it stands in the table `files`.
    """
    told: list[str] = []
    cursor = con.execute(_UNITS, {"path": path})
    columns = [str(column[0]) for column in cursor.description or ()]
    for values in cursor.fetchall():
        told.extend(_sentences(dict(zip(columns, values, strict=True))))
    never = [str(row[0]) for row in con.execute(_NEVER_STARTED, {"path": path}).fetchall()]
    if never:
        told.append(f"{_listed(never)} never started")
    return told


def _sentences(unit: dict[str, object]) -> list[str]:
    name, outcome, ended = str(unit["name"]), unit["outcome"], unit["ended"]
    if not isinstance(ended, float):
        return [f"{name} has no recorded end"]
    at = f"at {ended:.1f} ms"
    if unit["unit"] == "pipeline":
        words = {"completed": "completed", "failed": "failed", "cancelled": "was cancelled", "timed_out": "was timed out"}
        return [f"{name} {words.get(str(outcome), str(outcome))} {at}" + (f" ({unit['error_message']})" if unit["error_message"] else "")]
    told: list[str] = []
    after = unit["after_run"]
    went_on = isinstance(after, float) and isinstance(unit["grace"], float) and after > unit["grace"]
    if outcome == "timed_out":
        late = unit["late"]
        told.append(f"{name} was cut by its deadline {at}" + (f" ({late:+.1f} ms)" if isinstance(late, float) else ""))
    elif outcome == "cancelled":
        told.append(f"{name} was cancelled {at}")
    elif outcome == "failed":
        told.append(f"{name} failed {at}" + (f" ({unit['error_message']})" if unit["error_message"] else ""))
    if went_on:
        asked = "" if unit["asked"] else ", asked by nobody"
        told.append(f"{name} went on for {after:.1f} ms after the run had ended{asked}")
    elif unit["asked"] and outcome == "completed":
        past = unit["past_deadline"]
        beyond = f", {past:.1f} ms past its deadline" if isinstance(past, float) and past > 0 else ""
        told.append(f"{name} got a cancellation and completed all the same {at}{beyond}")
    if unit["told_late"]:
        told.append(f"{name} was reported as timed out (by {unit['told_late']}), which it was not")
    return told


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
