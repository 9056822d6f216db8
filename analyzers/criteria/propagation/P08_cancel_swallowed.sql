-- id: P08
-- name: cancel-swallowed
-- severity: error
-- says: A unit got a cancellation that was meant for it, did not pass it on, and did not end by it.
-- rule: a unit that gets a cancellation of its own ends by it, unless a scope or group inside it has used it up
-- why: Whoever cancelled it takes it for stopped. A swallowed timeout lets a stage succeed after its deadline, and the next cancellation
--   has to be sent by hand.
-- judges: cancellation delivered to a unit
-- message: {subject} swallowed a cancellation and ended {measured} later in another way
-- fix: Catch CancelledError only to clean up, and end with `raise`. `except Exception` does not catch it, `except BaseException` and a bare `except` do.
-- bad:
--   try:
--       await work()
--   except asyncio.CancelledError:
--       log("cancelled")                # and goes on
-- good:
--   try:
--       await work()
--   except asyncio.CancelledError:
--       log("cancelled")
--       raise
-- covers: H1; H4; 2.2 Silent Failures; 5.3 no silent failures
-- certain given: the delivery was seen to enter the unit's own code, and the unit's end was seen not to be a CancelledError
-- cannot see: what a C extension swallows before it enters the unit's code
-- unknown when: the unit is still open: only its end decides
-- torn: certain
-- clock: any
-- scope: trace
-- margin: none
-- needs: cancel, delivery
-- fault: code; library where the unit's own code is installed in site-packages
with
delivered as (
    select
        c.trace_id, c.span_id, c.delivered_seq,
        any_value(c.delivered_ns) as delivered_ns,
        -- Consumed when every request that the delivery answers was.
        bool_and(c.consumed_ns is not null) as consumed,
        bool_and(c.mechanism = 'sigint') as ctrl_c,
        -- A worker's `break`: cancelled by hand (or by the runner's teardown), not on the way to something that awaits it.
        bool_and(c.mechanism in ('task_cancel', 'runner', 'library') and c.via is null) as by_hand,
        arg_min(c.by_span_id, c.request_id) as by_span_id,
        arg_min(c.swallowed_how, c.request_id) as swallowed_how
    from cancellations c
    where c.delivered_seq is not null
    group by c.trace_id, c.span_id, c.delivered_seq
),
judged as (
    select
        d.*, u.subject, u.unit, u.is_open, u.is_main, u.outcome, u.error_type, u.until_ns, u.grace_ns, u.code_file,
        -- A stage may answer with a failed or cancelled output instead of an exception.
        u.unit = 'stage' and u.outcome in ('failed', 'cancelled') and u.error_type is null
            and d.swallowed_how is distinct from 'raised' as answered,
        -- asyncio's TaskGroup gives its members' errors precedence over the cancellation, and asks its task anew.
        coalesce(u.error_type, '') like '%ExceptionGroup' as grouped
    from delivered d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    where not (d.ctrl_c and coalesce(u.is_main, false)) and u.unit is not null
)
select
    -- The unit that the cancellation was delivered to.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.consumed then true
        when j.is_open then null
        else j.outcome in ('cancelled', 'timed_out') or j.answered or j.grouped
    end as ok,
    -- How long it went on after the delivery.
    j.until_ns - j.delivered_ns as measured,
    -- Within it, what swallows a cancellation by hand is only an information.
    case when j.by_hand then j.grace_ns end as bound,
    'ns' as unit,
    -- Who cancelled it; null: a timer.
    j.by_span_id as cause_span_id,
    case when j.code_file like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when j.consumed then null
        when j.is_open then 'still open: only its end decides'
        when j.answered then 'answered with an output'
        when j.grouped then 'its TaskGroup raised the errors of its members instead'
        when j.outcome not in ('cancelled', 'timed_out') then 'it ' || coalesce(replace(j.swallowed_how, 'went_on', 'went on'), j.outcome)
    end as note,
    case when j.by_hand and j.until_ns - j.delivered_ns <= j.grace_ns then 'info' end as severity
from judged j
