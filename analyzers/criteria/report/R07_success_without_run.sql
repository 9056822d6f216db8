-- id: R07
-- name: success-without-run
-- severity: error
-- says: A stage was reported as completed though its body never ran, and what answered in its place brought an error or no data.
-- rule: a stage that did not run is not a success, unless the data of an earlier run stand in for it
-- why: The run goes on with nothing, and looks like a success.
-- judges: stage whose body did not run
-- message: {subject} was reported as completed without having run: {note}
-- fix: Let a guard that keeps a stage from running report a failure or a skip, or bring the data of an earlier run.
-- bad:
--   return InterceptorResult(stage_ran=False, result=None, error="circuit open")     # becomes "completed" with no data
-- good:
--   raise CriticalInterceptorError("circuit open", self.name)
-- covers: H8; 2.2 Silent Failures; 5.3 no silent failures
-- certain given: the library's own decision to leave the body out was recorded with what it put in its place
-- cannot see: a body that runs and does nothing
-- unknown when: never: what it needs is told at the decision
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow
-- fault: library, which turns the short cut into a success
with
told as (
    select
        r.trace_id, r.span_id,
        bool_or(r.outcome = 'completed') as completed,
        bool_or(coalesce(r.has_data, false)) as has_data,
        max(r.error) as error,
        max(r.short_cut_by) as short_cut_by
    from reports r
    group by r.trace_id, r.span_id
)
select
    -- The stage.
    u.trace_id,
    u.span_id,
    u.subject,
    not (
        u.outcome is distinct from 'skipped'
        and (coalesce(t.completed, false) or coalesce(u.reported_outcome = 'completed', false))
        and (t.error is not null or not coalesce(t.has_data, false))
    ) as ok,
    null::BIGINT as measured,
    null::BIGINT as bound,
    null::VARCHAR as unit,
    -- The run.
    u.run_id as cause_span_id,
    'library' as fault,
    case
        when t.error is not null then coalesce(t.short_cut_by, 'a short cut') || ' answered with the error ' || t.error
        when not coalesce(t.has_data, false) then coalesce(t.short_cut_by, 'a short cut') || ' answered without data'
    end as note
from units u
left join told t on t.trace_id = u.trace_id and t.span_id = u.span_id
where u.unit = 'stage' and u.started_seq is null and not u.is_open and u.outcome in ('short_circuited', 'skipped', 'completed')
