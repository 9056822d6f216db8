"""Collects what was recorded about the subjects of findings and their causes: the evidence, in order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from .finding import Code, Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import duckdb

    Where = Callable[[str | None, int | None], Code | None]

PER_FINDING: Final = 16
"""Facts kept for one finding; those of its life and of cancellation go first."""

# One row a fact: span, time, order, event, actor, file, line, detail. `wanted` has the spans.
FACTS: Final = """
with facts as (
    select w.trace_id, w.span_id, u.start_ns as time_ns, u.start_seq as seq, 'start' as event, 0 as rank,
        coalesce(u.creator_span_id, u.parent_span_id) as actor, u.code_file as file, u.code_line as line, null as detail
    from wanted w join units u using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, u.until_ns, u.until_seq, case when u.is_open then 'open' else 'end' end, 0,
        null, null, null, case when u.is_open then coalesce(u.ended_by, 'torn') else coalesce(u.outcome, '') end
    from wanted w join units u using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.time_ns, c.seq, 'cancel.requested', 1, c.by_span_id, c.file, c.line, c.mechanism
    from wanted w join cancellations c using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.swallowed_ns, c.swallowed_seq, 'cancel.swallowed', 1, null, null, null, c.swallowed_how
    from wanted w join cancellations c using (trace_id, span_id) where c.swallowed_ns is not null
    union all
    select w.trace_id, w.span_id, c.consumed_ns, c.consumed_seq, 'cancel.consumed', 2, null, null, null, c.consumed_by
    from wanted w join cancellations c using (trace_id, span_id) where c.consumed_ns is not null
    union all
    select w.trace_id, w.span_id, d.time_ns, d.seq, 'cancel.delivered', 1, null, d.file, d.line, case when d.borrowed then 'borrowed' end
    from wanted w join deliveries d using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, d.set_ns, d.set_seq, 'deadline.set', 2, null, d.file, d.line, d.timeout_ns::VARCHAR
    from wanted w join deadlines d using (trace_id, span_id) where d.set_ns is not null
    union all
    select w.trace_id, w.span_id, d.expired_ns, d.expired_seq, 'deadline.expired', 1, null, d.file, d.line, d.timeout_ns::VARCHAR
    from wanted w join deadlines d using (trace_id, span_id) where d.expired_ns is not null
    union all
    select w.trace_id, w.span_id, r.time_ns, r.seq, 'reported', 3, null, null, null,
        concat_ws(' ', r.channel, r.outcome, case when r.error is not null then '(' || r.error[:200] || ')' end)
    from wanted w join reports r using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, r.abort_at_ns, r.abort_at_seq, 'abort', 1, r.abort_cause_span_id, null, null, r.abort_from
    from wanted w join runs r using (trace_id, span_id) where r.aborted
    union all
    select w.trace_id, w.span_id, f.time_ns, f.seq, 'cancel.flagged', 1, coalesce(f.by_span_id, f.span_id), f.file, f.line, f.mechanism
    from wanted w join units u using (trace_id, span_id) join flags f on f.run_span_id = w.span_id
    join units b on b.trace_id = f.trace_id and b.span_id = f.span_id and b.resource_id = u.resource_id
    union all
    select w.trace_id, w.span_id, b.time_ns, b.seq, 'loop.blocked', case when b.duration_ns >= 50_000_000 then 2 else 3 end,
        null, b.file, b.line, b.duration_ns::VARCHAR
    from wanted w join blocked b using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.failed_ns, c.failed_seq, 'cleanup.failed', 1, null, c.file, c.line,
        concat_ws(' ', c.failure, c.error_type)
    from wanted w join cleanups c on c.trace_id = w.trace_id and c.cleanup_span_id = w.span_id where c.failed_ns is not null
    union all
    select w.trace_id, w.span_id, c.registered_ns, c.registered_seq, 'cleanup.registered', 2, null, c.file, c.line, c.name
    from wanted w join cleanups c on c.trace_id = w.trace_id and c.registrar_span_id = w.span_id
    where c.registered_ns is not null and c.started_ns is null
),
ranked as (
    select *, row_number() over (partition by trace_id, span_id order by rank, seq, event) as place from facts
)
select r.trace_id, r.span_id, r.time_ns, r.event, r.actor, r.file, r.line, r.detail, u.name, a.name, r.seq
from ranked r
join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
left join units a on a.resource_id is not distinct from u.resource_id and a.span_id = r.actor
where r.place <= $1
order by r.trace_id, r.time_ns, r.seq, r.event, r.span_id, r.actor
"""


def collect(con: duckdb.DuckDBPyConnection, spans: Iterable[tuple[str, str]], where: Where) -> dict[tuple[str, str], list[Evidence]]:
    """The facts about each of `spans` (trace and span id), in their order. `where` makes a line of code from file and line."""
    fill(con, spans)
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for row in con.execute(FACTS, [PER_FINDING]).fetchall():
        found[row[0], row[1]].append(_evidence(row, where))
    return found


def fill(con: duckdb.DuckDBPyConnection, spans: Iterable[tuple[str, str]]) -> None:
    """Make the table `wanted` of the spans."""
    con.execute("create or replace temp table wanted (trace_id VARCHAR, span_id VARCHAR)")
    pairs = sorted(set(spans))
    if pairs:
        con.execute(
            "insert into wanted select unnest($1::VARCHAR[]), unnest($2::VARCHAR[])", [[p[0] for p in pairs], [p[1] for p in pairs]]
        )


def merged(subject: list[Evidence], cause: list[Evidence]) -> list[Evidence]:
    """The facts about a subject and its cause as one story; the same fact is told once."""
    seen: set[tuple[int, str, str, str | None, str | None]] = set()
    story: list[Evidence] = []
    for item in sorted([*cause, *subject], key=lambda item: (item.time_ns, item.seq, item.event in ("end", "open"))):
        key = (item.time_ns, item.span_id, item.event, item.actor_span_id, item.detail)
        if key not in seen:
            seen.add(key)
            story.append(item)
    return story


def _evidence(row: tuple[Any, ...], where: Where) -> Evidence:
    _, span_id, time_ns, event, actor, file, line, detail, unit, actor_name, seq = row
    return Evidence(time_ns, span_id, event, actor, where(file, line), detail, unit or "", actor_name, seq or 0)
