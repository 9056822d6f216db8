-- id: P06
-- name: ran-after-failed-dependency
-- severity: error
-- says: A stage started although a stage that it depends on had failed, timed out or been cancelled.
-- rule: a stage starts only when the last attempt of each of its dependencies went well or was skipped
-- why: It works without its input, or with what a broken stage has left behind, and its own success hides the failure.
-- judges: stage with dependencies
-- message: {subject} started although its dependency {cause} had not ended well: {note}
-- fix: Look at the outcome of a dependency, not only at its end, before starting what depends on it. stageflow's deprecated `StageGraph` does not: use `Pipeline` and `UnifiedStageGraph`.
-- bad:
--   for stage in graph:
--       if all(name in finished for name in stage.dependencies):
--           start(stage)
-- good:
--   for stage in graph:
--       if all(finished.get(name) == "ok" for name in stage.dependencies):
--           start(stage)
-- covers: H2; H3; 2.2 Partial Results; 2.2 Race Conditions; 6.2 Sequential Cancellation
-- certain given: the outcome is that of the dependency's own code, and start and end are compared by their order in one process
-- cannot see: dependencies that are not declared to the library; that a dependency is meant to be optional: stageflow 1.2.0 has no word for it, and only an
--   interceptor's fallback, after which the library reports the dependency as completed, counts as one
-- unknown when: no attempt of a dependency was recorded in the run
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow
-- fault: library, which decides when a stage starts
with
edge as (
    select u.trace_id, u.span_id, u.run_id, u.start_seq, unnest(u.dependencies) as dependency
    from units u
    where u.unit = 'stage' and u.started_seq is not null and len(u.dependencies) > 0
),
-- The last attempt of each dependency that had begun when the stage started. One that was still running then is O01's.
attempt as (
    select
        e.trace_id, e.span_id, e.dependency,
        count(d.span_id) as recorded,
        arg_max({'id': d.span_id, 'outcome': d.outcome, 'reported': d.reported_outcome, 'end_seq': d.end_seq}, d.start_seq)
            filter (d.start_seq < e.start_seq) as last,
        any_value(e.start_seq) as start_seq
    from edge e
    left join units d on d.trace_id = e.trace_id and d.run_id = e.run_id and d.unit = 'stage' and d.stage = e.dependency
    group by e.trace_id, e.span_id, e.dependency
),
verdict as (
    select
        a.*,
        case
            when recorded = 0 then null
            else not coalesce(
                last.outcome in ('failed', 'timed_out', 'cancelled') and last.end_seq < start_seq
                    and last.reported is distinct from 'completed', false)
        end as ok
    from attempt a
),
stage as (
    select
        trace_id, span_id,
        count(*) filter (ok = false) as broken,
        count(*) filter (ok is null) as unseen,
        arg_max(last, last.end_seq) filter (ok = false) as worst,
        string_agg(dependency, ', ' order by dependency) filter (ok is null) as unseen_names
    from verdict
    group by trace_id, span_id
)
select
    -- The stage that started.
    u.trace_id,
    u.span_id,
    u.subject,
    case when s.broken > 0 then false when s.unseen > 0 then null else true end as ok,
    -- How many of its dependencies had not ended well.
    s.broken as measured,
    0::BIGINT as bound,
    'dependencies' as unit,
    -- The attempt of the dependency, the last of several to end.
    s.worst.id as cause_span_id,
    'library' as fault,
    case
        when s.broken > 0 then 'it ' || case s.worst.outcome when 'failed' then 'failed' when 'timed_out' then 'timed out' else 'was cancelled' end
        when s.unseen > 0 then 'no attempt of ' || s.unseen_names || ' was recorded in this run'
    end as note
from stage s
join units u on u.trace_id = s.trace_id and u.span_id = s.span_id
