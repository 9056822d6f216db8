"""Facts that a claim rests on and that no criterion states, each a query over the documented tables.

A criterion looks for a defect; these look for what must have happened, or must not. Each gives one row a subject:
trace_id, span_id, subject, ok, measured, bound, unit, note.
"""

from __future__ import annotations

from typing import Final

# Stages below (by declared edges, at any distance) one that did not complete. ok: no unit of that name was started in the run.
# The row stands on the pipeline's span, for a stage that never ran has none.
_DEPENDENTS_IDLE: Final = """
with recursive edges as (
    select trace_id, span_id as run_id, split_part(edge, '>', 1) as upper_stage, split_part(edge, '>', 2) as lower_stage
    from (select trace_id, span_id, unnest(pipeline_edges) as edge from units where unit = 'pipeline')
),
below as (
    select stages.trace_id, stages.run_id, stages.stage as root_stage, edges.lower_stage
    from units stages join edges on edges.run_id = stages.run_id and edges.trace_id = stages.trace_id and edges.upper_stage = stages.stage
    where stages.unit = 'stage' and stages.outcome in ('failed', 'timed_out', 'cancelled')
    union
    select below.trace_id, below.run_id, below.root_stage, edges.lower_stage
    from below join edges on edges.run_id = below.run_id and edges.trace_id = below.trace_id and edges.upper_stage = below.lower_stage
)
select below.trace_id, below.run_id as span_id, 'stage ' || below.lower_stage as subject,
    not exists (
        from units started where started.trace_id = below.trace_id and started.run_id = below.run_id
            and started.unit = 'stage' and started.stage = below.lower_stage
    ) as ok,
    null::double as measured, null::double as bound, '' as unit, 'depends on ' || min(below.root_stage) as note
from below group by all
"""

# Stages with a deadline. ok: the stage completed before it, and is reported so.
_COMPLETED_IN_TIME: Final = """
select trace_id, span_id, subject,
    case when is_open then null
         else outcome = 'completed' and coalesce(reported_outcome, outcome) = 'completed' and end_ns <= deadline_ns end as ok,
    (end_ns - start_ns) / 1e6 as measured, (deadline_ns - start_ns) / 1e6 as bound, 'ms' as unit, coalesce(outcome, 'open') as note
from units where unit = 'stage' and deadline_ns is not null
"""

# Stages with a deadline. ok: ended once, and what its own code did is what was reported.
_ONE_OUTCOME: Final = """
select trace_id, span_id, subject,
    case when is_open then null else outcome = coalesce(reported_outcome, outcome) and outcome in ('completed', 'timed_out') end as ok,
    (end_ns - start_ns) / 1e6 as measured, (deadline_ns - start_ns) / 1e6 as bound, 'ms' as unit,
    coalesce(outcome, 'open') || ', reported as ' || coalesce(reported_outcome, 'nothing') as note
from units where unit = 'stage' and deadline_ns is not null
"""

# Scopes whose timer ran. ok: until the scope was left, the unit around it was asked for nothing.
_SCOPES_KEEP_THEIR_TIMEOUTS: Final = """
select u.trace_id, u.span_id, u.subject,
    case when u.is_open then null
         else not exists (
             from cancellations c where c.trace_id = h.trace_id and c.span_id = h.span_id and c.seq between d.expired_seq and u.end_seq
         ) end as ok,
    (u.end_ns - u.start_ns) / 1e6 as measured, d.timeout_ns / 1e6 as bound, 'ms' as unit,
    'its timer ran inside ' || h.subject || ', which ended as ' || coalesce(h.outcome, 'open') as note
from units u
join deadlines d on d.trace_id = u.trace_id and d.span_id = u.span_id and d.expired_ns is not null
join units h on h.trace_id = u.trace_id and h.span_id = u.parent_span_id
where u.unit = 'scope'
"""

FACTS: Final = {
    "dependents_idle": _DEPENDENTS_IDLE,
    "completed_in_time": _COMPLETED_IN_TIME,
    "one_outcome": _ONE_OUTCOME,
    "scopes_keep_their_timeouts": _SCOPES_KEEP_THEIR_TIMEOUTS,
}
"""Query of each fact, by its name."""
