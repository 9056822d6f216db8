-- id: O01
-- name: dependency-order
-- severity: error
-- says: A stage started before a stage that it depends on had ended.
-- rule: a stage starts when the last attempt of each of its dependencies is over
-- why: It works without its input, or with that of an earlier attempt.
-- judges: stage with dependencies
-- message: {subject} started {measured} before its dependency {cause} had ended
-- fix: Start a stage only when the last attempt of each dependency is over: in your own scheduler await the attempt that was started last.
-- bad:
--   for stage in graph:
--       asyncio.create_task(run(stage))            # in the order of the list, not of the edges
-- good:
--   for stage in ready(graph, finished):
--       asyncio.create_task(run(stage))
-- covers: H2; H9; 2.2 Race Conditions; 5.3 no race conditions; 6.2 Sequential Cancellation
-- certain given: start and end are compared by their order in one process, not by their times
-- cannot see: dependencies that are not declared to the library
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
-- Attempts of the dependency that had begun by then, or, without one, the first of all. An attempt that begins later (a guard that asks
-- for its dependency again) does not concern a stage that had already started.
attempt as (
    select
        e.trace_id, e.span_id, e.dependency,
        count(d.span_id) as recorded,
        count(d.span_id) filter (d.start_seq < e.start_seq and d.until_seq > e.start_seq) as running,
        count(d.span_id) filter (d.start_seq < e.start_seq) as begun,
        arg_max({'id': d.span_id, 'until_ns': d.until_ns}, d.until_seq) filter (d.start_seq < e.start_seq and d.until_seq > e.start_seq) as open_one,
        arg_min({'id': d.span_id, 'until_ns': d.until_ns}, d.start_seq) as first_one
    from edge e
    left join units d on d.trace_id = e.trace_id and d.run_id = e.run_id and d.unit = 'stage' and d.stage = e.dependency
    group by e.trace_id, e.span_id, e.dependency
),
verdict as (
    select
        a.*,
        case when recorded = 0 then null when running > 0 or begun = 0 then false else true end as ok,
        case when running > 0 then open_one when begun = 0 then first_one end as culprit
    from attempt a
),
stage as (
    select
        trace_id, span_id,
        count(*) filter (ok = false) as early,
        count(*) filter (ok is null) as unseen,
        arg_max(culprit, culprit.until_ns) filter (ok = false) as worst,
        string_agg(dependency, ', ' order by dependency) filter (ok is null) as unseen_names
    from verdict
    group by trace_id, span_id
)
select
    -- The stage that started.
    u.trace_id,
    u.span_id,
    u.subject,
    case when s.early > 0 then false when s.unseen > 0 then null else true end as ok,
    -- How long before the end of its dependency it started.
    s.worst.until_ns - u.start_ns as measured,
    0::BIGINT as bound,
    'ns' as unit,
    -- The attempt of the dependency that was not over.
    s.worst.id as cause_span_id,
    'library' as fault,
    case when s.early = 0 and s.unseen > 0 then 'no attempt of ' || s.unseen_names || ' was recorded in this run' end as note
from stage s
join units u on u.trace_id = s.trace_id and u.span_id = s.span_id
