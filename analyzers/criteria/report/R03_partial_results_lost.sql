-- id: R03
-- name: partial-results-lost
-- severity: warning
-- says: Some stages of a run had completed when it was aborted from inside, and what its caller got carries none of their results.
-- rule: who gets the error of a run gets the results of the stages that had completed, too
-- why: The work is done and paid for, and nobody can use it: after one slow stage everything is run again, the calls to a model and the
--   payments among it.
-- judges: run that was aborted from inside after a stage of it had completed
-- message: {subject} was aborted from inside when {note} had completed, and its caller got none of the results
-- fix: Put the results that are there on the error that the run raises, as a cancel output does (`error.results`). As a caller, keep what
--   must not be lost outside of the run as it comes: an interceptor's `after()` sees each result.
-- bad:
--   try:
--       results = await pipeline.run(ctx)
--   except UnifiedStageExecutionError:
--       results = {}                                    # what the other stages had worked out is gone
-- good:
--   class Keep(BaseInterceptor):
--       async def after(self, stage_name, result, ctx):
--           kept[stage_name] = result                   # is there whatever the run ends with
-- covers: H8; 5.3 partial results accessible after timeout
-- certain given: the stages' ends and what the caller got were both recorded
-- cannot see: results that stages or interceptors have kept elsewhere
-- unknown when: the run is still open, or what its caller got was not recorded
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow
-- fault: library, which raises the error; code where a cancellation that was not meant for the run ended it
with
aborted as (
    select r.trace_id, r.span_id, u.subject, u.torn, r.abort_at_seq, r.abort_cause_span_id, r.outcome
    from runs r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.aborted and r.abort_from = 'inside'
),
-- What the run took for completed by then: own code and report agree. A replay or a skip has worked nothing out.
done as (
    select a.trace_id, a.span_id, list(distinct s.stage) as stages
    from aborted a
    join units s on s.trace_id = a.trace_id and s.run_id = a.span_id
    where s.unit = 'stage' and s.outcome = 'completed' and s.end_seq < a.abort_at_seq
        and coalesce(s.reported_outcome, 'completed') = 'completed'
    group by a.trace_id, a.span_id
),
got as (
    select trace_id, span_id, flatten(list(results) filter (results is not null)) as results
    from reports
    where channel in ('caller', 'exception')
    group by trace_id, span_id
)
select
    -- The run.
    a.trace_id,
    a.span_id,
    a.subject,
    -- None came along, and none is known to have come along, are two things.
    list_has_any(g.results, d.stages) as ok,
    -- Stages that had completed.
    len(d.stages) as measured,
    null::BIGINT as bound,
    'stages' as unit,
    -- The stage whose end made the run stop; null: not known.
    a.abort_cause_span_id as cause_span_id,
    case when a.outcome = 'cancelled' then 'code' else 'library' end as fault,
    case
        when g.results is null then 'what its caller got was not recorded'
        else case when len(d.stages) > 1 then 'stages ' else 'stage ' end || list_aggregate(list_sort(d.stages)[:3], 'string_agg', ', ')
            || case when len(d.stages) > 3 then ' and ' || (len(d.stages) - 3) || ' more' else '' end
    end as note
from aborted a
join done d on d.trace_id = a.trace_id and d.span_id = a.span_id
left join got g on g.trace_id = a.trace_id and g.span_id = a.span_id
-- In a whole recording a caller that was told nothing got nothing, which is R01's and O02's to judge.
where g.span_id is not null or a.torn
