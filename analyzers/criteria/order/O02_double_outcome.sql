-- id: O02
-- name: double-outcome
-- severity: error
-- says: Of one attempt two outcomes were told: its own code succeeded and the caller saw a failure, or the other way round, or it ended twice.
-- rule: an attempt has one outcome, and every witness tells the same
-- why: The result is lost although the work was done (and may be done again), or a failure goes on as a success.
-- judges: stage, pipeline, subpipeline or task of which something was reported
-- message: {subject} has two outcomes: {note}
-- fix: Let one place decide the outcome: whoever races a deadline against a result has to take the one and drop the other.
-- bad:
--   result = await stage()
--   if clock() > deadline:
--       raise TimeoutError              # the work is done, its result is thrown away
-- good:
--   async with asyncio.timeout_at(deadline):
--       result = await stage()
-- covers: H5; H9; 2.2 Race Conditions; 5.3 no race conditions; 6.1 Exact Timeout; 6.5 Race Condition Injection
-- certain given: both witnesses were recorded: what the code returned or raised, and what the caller got
-- cannot see: a channel that is not recorded
-- unknown when: never: what it needs is told at the end
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow
-- fault: library, which told the other outcome
with
told as (
    select u.trace_id, u.span_id, u.subject, u.unit, u.outcome, u.reported_outcome, u.reported_by, u.deadline_state, u.first_delivery_ns
    from units u
    where not u.is_open and u.unit in ('stage', 'pipeline', 'subpipeline', 'task')
        and u.outcome is not null and u.outcome <> 'unfinished' and u.reported_outcome is not null
),
-- Ends of one attempt: the same stage and attempt twice in a run, or results that contradict each other.
twin as (
    select trace_id, run_id, stage, attempt, count(*) as ends, min(span_id) as first_id, max(span_id) as last_id
    from units
    where unit = 'stage' and not is_open and started_seq is not null and attempt is not null and run_id is not null
    group by trace_id, run_id, stage, attempt
    having count(*) > 1
),
twin_unit as (
    select u.trace_id, u.span_id, t.ends, case when u.span_id = t.first_id then t.last_id else t.first_id end as other_id
    from twin t
    join units u on u.trace_id = t.trace_id and u.run_id = t.run_id and u.unit = 'stage' and u.stage = t.stage and u.attempt = t.attempt
    where u.started_seq is not null and not u.is_open
),
torn_result as (
    select trace_id, span_id
    from reports
    where channel = 'result'
    group by trace_id, span_id
    having count(distinct outcome = 'completed') > 1
)
select
    -- The unit of which two outcomes were told.
    t.trace_id,
    t.span_id,
    t.subject,
    case
        when w.span_id is not null or r.span_id is not null then false
        when (t.outcome = 'completed') = (t.reported_outcome = 'completed') then true
        -- R07 tells of a short cut, D02 of a timeout that was none.
        when t.outcome = 'short_circuited' then true
        when t.reported_outcome = 'timed_out' and t.deadline_state is distinct from 'expired' then true
        -- A stage that skips, or asks for the end of its run, has done what it was meant to do.
        when t.unit = 'stage' and t.reported_outcome = 'completed'
            and (t.outcome = 'skipped' or (t.outcome = 'cancelled' and t.first_delivery_ns is null)) then true
        else false
    end as ok,
    null::BIGINT as measured,
    null::BIGINT as bound,
    null::VARCHAR as unit,
    -- The other end of the attempt; null: its own.
    w.other_id as cause_span_id,
    'library' as fault,
    case
        when w.span_id is not null then 'the attempt ended ' || w.ends || ' times'
        when r.span_id is not null then 'its results contradict each other'
        when (t.outcome = 'completed') <> (t.reported_outcome = 'completed')
            then 'its own code ' || replace(t.outcome, 'timed_out', 'timed out') || ', ' || t.reported_by || ' told '
                || replace(t.reported_outcome, 'timed_out', 'timed out')
    end as note
from told t
left join twin_unit w on w.trace_id = t.trace_id and w.span_id = t.span_id
left join torn_result r on r.trace_id = t.trace_id and r.span_id = t.span_id
