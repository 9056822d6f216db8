-- id: D02
-- name: false-timeout
-- severity: error
-- says: A stage, task or scope was reported as timed out, though neither its own deadline nor that of an ancestor that cancelled it had expired.
-- rule: only what a deadline of its own, or of something above that cancelled it, really cut is called timed out
-- why: People look for slowness where there is none: they raise timeouts that were never reached and miss the error that really happened.
-- judges: stage, task or scope that was reported as timed out
-- message: {subject} was reported as timed out after {measured}, and no deadline of its own or above it had expired (armed timeout: {bound})
-- fix: Tell a TimeoutError that the code raised itself from the one of your own deadline: ask the scope (`timeout.expired()`), never the
--   type of the exception. In a stage, turn the TimeoutError of a library into an error of your own.
-- bad:
--   try:
--       result = await asyncio.wait_for(run_stage(), timeout)
--   except TimeoutError:                     # also what the stage raised for reasons of its own
--       result = failed(f"timed out after {timeout} s")
-- good:
--   try:
--       async with asyncio.timeout(timeout) as scope:
--           result = await run_stage()
--   except TimeoutError as error:
--       result = failed(f"timed out after {timeout} s" if scope.expired() else f"failed: {error!r}")
-- covers: H1; H5; 2.2 Timeout Leakage; 5.3 error messages are actionable; 6.4 Nested Timeouts
-- parameter hops: 1000 hops; ancestors looked at for a deadline that expired
-- certain given: the scope's own state was read when it was left; the type of an exception is never asked
-- cannot see: a false word on a channel that is not recorded (a log line, a metric of the program's own)
-- unknown when: more ancestors than `hops` would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- margin: none
-- needs: deadline
-- fault: library for a stage, whose library reported it; code for a task or scope
with recursive
told as (
    select r.trace_id, r.span_id, r.time_ns, r.seq, r.channel
    from reports r
    where r.outcome = 'timed_out'
    union all
    -- The error of a run that names a stage reports that stage: its last attempt.
    select r.trace_id, arg_max(s.span_id, s.start_seq), r.time_ns, r.seq, r.channel
    from reports r
    join units s on s.trace_id = r.trace_id and s.run_id = r.span_id and s.unit = 'stage' and s.stage = r.stage
    where r.outcome = 'timed_out'
    group by r.trace_id, r.span_id, r.time_ns, r.seq, r.channel, r.stage
    union all
    select u.trace_id, u.span_id, u.until_ns, u.until_seq, u.reported_by
    from units u
    where u.reported_outcome = 'timed_out'
),
first_told as (
    select t.trace_id, t.span_id, min(t.time_ns) as told_ns, arg_min(t.channel, (t.seq, t.channel)) as channel
    from told t
    group by t.trace_id, t.span_id
),
-- Deadlines that expired: by their state, or at once because the timeout was 0 or less.
expired as (
    select d.trace_id, d.span_id
    from deadlines d
    where d.state = 'expired' or d.expired_ns is not null or (d.at_ns is not null and d.timeout_ns <= 0)
    union
    select u.trace_id, u.span_id from units u where u.deadline_state = 'expired'
),
judged as (
    select
        u.trace_id, u.span_id, u.subject, u.unit, u.parent_span_id, u.start_ns, u.timeout_ns, f.told_ns, f.channel,
        e.span_id is not null as own, u.first_request_ns is not null as asked
    from first_told f
    join units u on u.trace_id = f.trace_id and u.span_id = f.span_id
    left join expired e on e.trace_id = u.trace_id and e.span_id = u.span_id
    where u.unit in ('stage', 'task', 'scope')
),
-- Upwards from those that were asked by somebody, for an ancestor whose deadline expired.
way as (
    select trace_id, span_id as judged_id, parent_span_id as at_id, 1 as hop
    from judged
    where not own and asked and parent_span_id is not null
    union all
    select w.trace_id, w.judged_id, m.parent_span_id, w.hop + 1
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where m.parent_span_id is not null and w.hop < $hops
),
above as (
    select distinct w.trace_id, w.judged_id as span_id
    from way w
    join expired e on e.trace_id = w.trace_id and e.span_id = w.at_id
),
cut_short as (
    select distinct trace_id, judged_id as span_id from way where hop = $hops
),
-- The innermost scope whose own TimeoutError it may have been: the last below the unit that timed out before the report.
inner_scope as (
    select j.trace_id, j.span_id, arg_max(s.span_id, s.end_seq) as scope_id
    from judged j
    join units s on s.trace_id = j.trace_id and s.parent_span_id = j.span_id
    where s.unit = 'scope' and s.outcome = 'timed_out' and s.end_ns <= j.told_ns and not j.own
    group by j.trace_id, j.span_id
)
select
    -- What was reported as timed out.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.own or above.span_id is not null then true
        when cut_short.span_id is not null then null
        else false
    end as ok,
    -- How long after its start it was reported.
    j.told_ns - j.start_ns as measured,
    -- The timeout that was armed; null: none was.
    j.timeout_ns as bound,
    'ns' as unit,
    -- A scope inside it that timed out before, whose error was taken for its own; null: none.
    i.scope_id as cause_span_id,
    case when j.unit = 'stage' then 'library' else 'code' end as fault,
    case
        when cut_short.span_id is not null and not j.own then 'more ancestors than `hops` would have to be looked at'
        else 'told by ' || j.channel
    end as note
from judged j
left join above on above.trace_id = j.trace_id and above.span_id = j.span_id
left join cut_short on cut_short.trace_id = j.trace_id and cut_short.span_id = j.span_id
left join inner_scope i on i.trace_id = j.trace_id and i.span_id = j.span_id
