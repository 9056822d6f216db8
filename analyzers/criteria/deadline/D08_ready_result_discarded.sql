-- id: D08
-- name: ready-result-discarded
-- severity: info
-- says: A unit was timed out or cancelled in the moment between the end of what it awaited and its own next step: the result was there, and nobody got it.
-- rule: a result that is there before anybody asks to stop is delivered
-- why: The work was done and paid for, and the caller is told that it took too long. A retry does it again, which for a payment is once too often.
-- judges: unit that was asked to stop while it waited for other units
-- message: {subject} was asked to stop {measured} after {cause}, which it awaited, had completed, and never got the result
-- fix: In the handler look at what was awaited (`task.done()`, `task.result()`) before the work is done again. For what must not be done twice keep the
--   task, and await it after the timeout.
-- bad:
--   result = await asyncio.wait_for(pay(order), 5)      # paid at the last moment, told as a timeout
-- good:
--   task = asyncio.create_task(pay(order))
--   done, _ = await asyncio.wait([task], timeout=5)
--   if not done:
--       task.cancel()
-- covers: H5; H8; H9; 2.2 Race Conditions; 5.3 partial results accessible after timeout; 5.3 no race conditions; 6.1 Exact Timeout; 6.5 Race Condition Injection
-- certain given: the end of what was awaited and the request were seen in their order
-- cannot see: results of what is no unit (a queue, a future, a coroutine that is awaited without a task), and whether the handler takes the result out of the task after all
-- unknown when: the unit is still open
-- torn: certain
-- clock: any
-- scope: trace
-- needs: await, cancel, delivery
-- fault: interpreter where it is a scope of `wait_for`, which on Python 3.11 returned such a result and since 3.12 throws it away; else code
with
asked as (
    select
        k.trace_id, k.span_id, k.request_id, k.seq, k.time_ns, u.resource_id, u.subject, u.unit, u.is_open, u.outcome
    from asks k
    join units u on u.trace_id = k.trace_id and u.span_id = k.span_id
    where u.unit is not null
),
-- Only waits that were not over when the unit was asked first.
waits as (
    select w.trace_id, w.span_id, coalesce(w.group_id, w.start_seq) as wait_id, w.target_span_id, w.how, w.start_seq, w.end_seq, w.ended_by
    from awaits w
    join units u on u.trace_id = w.trace_id and u.span_id = w.span_id
    where u.first_request_seq is not null and coalesce(w.end_seq > u.first_request_seq, true)
),
reported as (
    select trace_id, span_id, min(seq) as seq from reports where channel = 'result' group by trace_id, span_id
),
-- When each of those that were awaited was done. The task of a stage goes on after the stage's body, until its result is there.
ends as (
    select
        w.*, t.span_id as target_id,
        case when t.unit = 'stage' then greatest(t.end_seq, r.seq) else t.end_seq end as done_seq,
        case when t.unit = 'stage' and r.seq is null then null else t.end_ns end as done_ns,
        t.outcome = 'completed' as completed
    from waits w
    join units o on o.trace_id = w.trace_id and o.span_id = w.span_id
    left join units t on t.resource_id = o.resource_id and t.span_id = w.target_span_id
    left join reported r on r.trace_id = t.trace_id and r.span_id = t.span_id
),
-- A wait for several is over when all of them are; what of them would have been enough for `wait` is not known.
groups as (
    select
        trace_id, span_id, wait_id, min(start_seq) as start_seq, any_value(end_seq) as end_seq,
        bool_and(coalesce(completed, false) and done_ns is not null) as all_completed,
        max(done_seq) as done_seq, max(done_ns) as done_ns, arg_max(target_id, done_seq) as last_id, any_value(how) as how
    from ends
    group by trace_id, span_id, wait_id
),
met as (
    select
        a.*, g.how, g.last_id, g.done_ns,
        g.all_completed and g.done_seq < a.seq as was_ready
    from asked a
    join groups g on g.trace_id = a.trace_id and g.span_id = a.span_id
    where g.start_seq < a.seq and coalesce(g.end_seq > a.seq, true) and g.how is distinct from 'as_completed'
),
-- One row a unit: of several requests the one that came upon a result.
worst as (
    select
        trace_id, span_id, any_value(resource_id) as resource_id, any_value(subject) as subject, any_value(unit) as unit,
        any_value(is_open) as is_open, any_value(outcome) as outcome, bool_or(was_ready) as was_ready,
        arg_max(last_id, (was_ready, -seq)) as last_id, arg_max(time_ns - done_ns, (was_ready, -seq)) as after_ns,
        arg_max(how, (was_ready, -seq)) as how
    from met
    group by trace_id, span_id
),
by_wait_for as (
    select distinct trace_id, span_id from deadlines where mechanism = 'wait_for'
)
select
    -- The unit that waited.
    w.trace_id,
    w.span_id,
    w.subject,
    case
        when not w.was_ready then true
        when w.is_open then null
        else w.outcome not in ('cancelled', 'timed_out')
    end as ok,
    -- How long the result had been there when it was asked to stop.
    case when w.was_ready then w.after_ns end as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- What it had waited for; of several the last one to complete.
    case when w.was_ready then w.last_id end as cause_span_id,
    case when w.unit = 'scope' and f.span_id is not null then 'interpreter' else 'code' end as fault,
    case
        when w.was_ready and w.is_open then 'still open'
        when w.was_ready and w.outcome in ('cancelled', 'timed_out') and w.how <> 'await' then 'it waited by ' || w.how
    end as note
from worst w
left join by_wait_for f on f.trace_id = w.trace_id and f.span_id = w.span_id
