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

# Runs with several stages that have a limit. ok: it is the same for all of them.
_ONE_LIMIT_FOR_ALL: Final = """
select p.trace_id, p.span_id, p.subject, count(distinct s.timeout_ns) = 1 as ok, null::double as measured, null::double as bound,
    '' as unit, 'limits in ms: ' || string_agg(distinct (s.timeout_ns // 1000000)::VARCHAR, ', ') as note
from units p join units s on s.trace_id = p.trace_id and s.run_id = p.span_id and s.unit = 'stage' and s.timeout_ns is not null
where p.unit = 'pipeline' group by all having count(*) > 1
"""

# Stages with a limit. ok: it is stageflow's default of 30 s.
_LIMIT_OF_30_S: Final = """
select trace_id, span_id, subject, timeout_ns = 30000000000 as ok, timeout_ns / 1e6 as measured, 30000.0 as bound, 'ms' as unit, '' as note
from units where unit = 'stage' and timeout_ns is not null
"""

# Stages for which a limit was configured in their context. ok: it is the one that was armed.
_LIMIT_AS_CONFIGURED: Final = """
select u.trace_id, u.span_id, u.subject, try_cast(d.configured as DOUBLE) * 1e6 = d.timeout_ns as ok,
    d.timeout_ns / 1e6 as measured, try_cast(d.configured as DOUBLE) as bound, 'ms' as unit, 'from ' || d.source as note
from units u join deadlines d on d.trace_id = u.trace_id and d.span_id = u.span_id
where u.unit = 'stage' and d.configured is not null
"""

# Stages for which a limit was configured. ok: a timer was armed for it.
_LIMIT_IS_ARMED: Final = """
select u.trace_id, u.span_id, u.subject, d.first_at_ns is not null as ok, (u.end_ns - u.start_ns) / 1e6 as measured,
    null::double as bound, 'ms' as unit, 'configured: ' || d.configured as note
from units u join deadlines d on d.trace_id = u.trace_id and d.span_id = u.span_id
where u.unit = 'stage' and d.configured is not null
"""

# Stages with a limit. ok: it cut them.
_CUT_BY_ITS_LIMIT: Final = """
select trace_id, span_id, subject, case when is_open then null else outcome = 'timed_out' end as ok,
    (end_ns - start_ns) / 1e6 as measured, timeout_ns / 1e6 as bound, 'ms' as unit, coalesce(outcome, 'open') as note
from units where unit = 'stage' and timeout_ns is not null
"""

# Stages whose timer ran. ok: they were at work after that all the same.
_RAN_PAST_ITS_LIMIT: Final = """
select u.trace_id, u.span_id, u.subject, u.until_ns > d.expired_ns and u.outcome = 'completed' as ok,
    (u.until_ns - d.expired_ns) / 1e6 as measured, null::double as bound, 'ms' as unit, coalesce(u.outcome, 'open') as note
from units u join deadlines d on d.trace_id = u.trace_id and d.span_id = u.span_id and d.expired_ns is not null
where u.unit = 'stage'
"""

# Runs that raised. ok: the text of the error names a stage of the run.
_ERROR_NAMES_STAGE: Final = """
select p.trace_id, p.span_id, p.subject,
    bool_or(exists (from units s where s.trace_id = p.trace_id and s.run_id = p.span_id and s.unit = 'stage'
        and contains(r.error, chr(39) || s.stage || chr(39)))) as ok,
    null::double as measured, null::double as bound, '' as unit, any_value(r.error) as note
from units p join reports r on r.trace_id = p.trace_id and r.span_id = p.span_id and r.channel = 'caller' and r.error_type is not null
where p.unit = 'pipeline' and r.error_type not like '%CancelledError' group by all
"""

# Runs that ended early. ok: the caller got no exception.
_ENDS_WITHOUT_EXCEPTION: Final = """
select p.trace_id, p.span_id, p.subject, count(r.seq) = 0 as ok, null::double as measured, null::double as bound, '' as unit,
    coalesce(any_value(r.error_type), 'no exception') as note
from units p left join reports r on r.trace_id = p.trace_id and r.span_id = p.span_id and r.channel = 'caller' and r.error_type is not null
where p.unit = 'pipeline' and p.outcome <> 'completed' group by all
"""

# Runs that raised. ok: results of stages came along.
_ERROR_HAS_RESULTS: Final = """
select p.trace_id, p.span_id, p.subject, coalesce(len(r.results), 0) > 0 as ok, null::double as measured, null::double as bound, '' as unit,
    r.error_type || ' with ' || coalesce(nullif(array_to_string(r.results, ', '), ''), 'nothing') as note
from units p join reports r on r.trace_id = p.trace_id and r.span_id = p.span_id and r.channel = 'caller' and r.error_type is not null
where p.unit = 'pipeline'
"""

# The same. ok: none came along.
_ERROR_HAS_NO_RESULTS: Final = _ERROR_HAS_RESULTS.replace("> 0 as ok", "= 0 as ok")

# Flags that were set. ok: a unit of the run read it as true.
_FLAG_IS_READ: Final = """
select u.trace_id, u.span_id, u.subject, f.first_read_ns is not null as ok, (f.first_read_ns - f.time_ns) / 1e6 as measured,
    null::double as bound, 'ms' as unit, f.mechanism as note
from flags f join units u on u.trace_id = f.trace_id and u.span_id = f.span_id
"""

# The same. ok: nobody read it.
_FLAG_IS_NOT_READ: Final = _FLAG_IS_READ.replace("is not null as ok", "is null as ok")

FACTS: Final = {
    "cut_by_its_limit": _CUT_BY_ITS_LIMIT,
    "ends_without_exception": _ENDS_WITHOUT_EXCEPTION,
    "error_has_no_results": _ERROR_HAS_NO_RESULTS,
    "error_has_results": _ERROR_HAS_RESULTS,
    "error_names_stage": _ERROR_NAMES_STAGE,
    "flag_is_not_read": _FLAG_IS_NOT_READ,
    "flag_is_read": _FLAG_IS_READ,
    "limit_as_configured": _LIMIT_AS_CONFIGURED,
    "limit_is_armed": _LIMIT_IS_ARMED,
    "limit_of_30_s": _LIMIT_OF_30_S,
    "one_limit_for_all": _ONE_LIMIT_FOR_ALL,
    "ran_past_its_limit": _RAN_PAST_ITS_LIMIT,
    "dependents_idle": _DEPENDENTS_IDLE,
    "completed_in_time": _COMPLETED_IN_TIME,
    "one_outcome": _ONE_OUTCOME,
    "scopes_keep_their_timeouts": _SCOPES_KEEP_THEIR_TIMEOUTS,
}
"""Query of each fact, by its name."""
