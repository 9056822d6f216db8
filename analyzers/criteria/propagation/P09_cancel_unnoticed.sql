-- id: P09
-- name: cancel-unnoticed
-- severity: error
-- says: A run was flagged as cancelled, and a stage or task of it, or of a run below it, worked on as if nothing had happened.
-- rule: what is at work in a run that is flagged as cancelled ends, or is asked to stop, within the tolerance
-- why: A flag only helps where somebody looks at it. Whoever set it takes the run for stopped, and it goes on spending time and money.
-- judges: stage or task at work in a flagged run
-- message: {subject} worked on for {measured} after {cause} had been flagged as cancelled (allowed: {bound})
-- fix: Look at the flag in every loop and before every long step (`await ctx.cancellation_checkpoint()`, or `ctx.is_cancelled`), or cancel the task of the run, which reaches what is waiting.
-- bad:
--   async def stage(ctx):
--       for page in pages:
--           await fetch(page)                   # never looks
-- good:
--   async def stage(ctx):
--       for page in pages:
--           await ctx.cancellation_checkpoint()
--           await fetch(page)
-- covers: H1; H2; H3; 2.2 Nested Cancellation; 5.1 cancellation propagates; 6.2 Sequential Cancellation
-- parameter tolerance_ms: 100 ms; a cooperative flag has to be noticed as fast as a deadline (success criterion 5.1)
-- parameter hops: 256 hops; runs below the flagged one, and steps upwards to what was asked to stop and unwinds
-- certain given: the flag and the end of the unit were recorded in one process
-- cannot see: flags that are not stageflow's; work that a thread goes on with
-- unknown when: the unit is still open where the trace is cut, so that it may have been asked, or have ended, in time;
--   or it is more than `hops` deep, so that what sees to it may be further up
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, stageflow, cancel, flag
-- fault: code, whose own steps have to look at the flag
with recursive
-- Each run that was flagged, and those below it that were not over by then.
flagged as (
    select p.trace_id, p.span_id as run_id, p.span_id as cause_id, f.time_ns as at_ns, f.seq as at_seq, 0 as hop
    from flags f
    join units s on s.trace_id = f.trace_id and s.span_id = f.span_id
    join units p on p.resource_id = s.resource_id and p.span_id = f.run_span_id
),
child as materialized (
    select c.trace_id, c.span_id, p.run_id as in_run_id, c.until_ns
    from units c
    join units p on p.trace_id = c.trace_id and p.span_id = c.parent_span_id
    where c.unit = 'pipeline' and p.run_id is not null and exists (select 1 from flagged)
),
nested as (
    select * from flagged
    union
    select n.trace_id, c.span_id, n.cause_id, n.at_ns, n.at_seq, n.hop + 1
    from nested n
    join child c on c.trace_id = n.trace_id and c.in_run_id = n.run_id
    where c.until_ns > n.at_ns and n.hop < $hops
),
first_flag as (
    select trace_id, run_id, arg_min({'cause_id': cause_id, 'at_ns': at_ns, 'at_seq': at_seq}, (at_ns, at_seq, cause_id)) as flag
    from nested
    group by trace_id, run_id
),
active as (
    select
        u.trace_id, u.span_id, u.subject, u.parent_span_id, u.until_ns, u.is_open, u.settled, u.grace_ns, u.deadline_ns,
        f.flag.cause_id as cause_id, f.flag.at_ns as at_ns, f.flag.at_seq as at_seq,
        f.flag.at_ns + $tolerance_ms::BIGINT * 1000000 as due_ns
    from first_flag f
    join settled_units u on u.trace_id = f.trace_id and u.run_id = f.run_id
    where u.unit in ('stage', 'task') and u.started_seq is not null and u.until_seq > f.flag.at_seq
        and u.started_ns < f.flag.at_ns + $tolerance_ms::BIGINT * 1000000
),
asked as (
    select a.trace_id, a.span_id, min(k.time_ns) as at_ns
    from active a
    join asks k on k.trace_id = a.trace_id and k.span_id = a.span_id
    where k.time_ns <= a.due_ns + a.grace_ns and coalesce(k.consumed_seq > a.at_seq, true)
    group by a.trace_id, a.span_id
),
late as (
    select a.*
    from active a
    left join asked k on k.trace_id = a.trace_id and k.span_id = a.span_id
    where a.until_ns > a.due_ns and k.span_id is null and coalesce(a.deadline_ns > a.due_ns + a.grace_ns, true)
),
-- Work of a cleanup, or below something that was asked in time, which sees to it while it unwinds. Followed upwards only in traces with
-- cleanups, and where any unit above was asked at all.
way as (
    select l.trace_id, l.span_id, l.parent_span_id as at_id, l.due_ns, l.at_seq, 1 as hop
    from late l
    join tree t on t.trace_id = l.trace_id and t.span_id = l.span_id
    where t.anc_request_seq is not null or l.trace_id in (select trace_id from units where unit = 'cleanup')
    union all
    select w.trace_id, w.span_id, m.parent_span_id, w.due_ns, w.at_seq, w.hop + 1
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where w.hop < $hops
),
seen_to as (
    select distinct w.trace_id, w.span_id
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    left join asks k on k.trace_id = m.trace_id and k.span_id = m.span_id and k.time_ns <= w.due_ns + m.grace_ns
        and coalesce(k.consumed_seq > w.at_seq, true) and k.swallowed_ns is null
    where m.until_ns > w.due_ns and (m.unit = 'cleanup' or (k.span_id is not null and m.unit in ('stage', 'task')))
),
-- Beyond what was looked at may be one that was asked and sees to it.
cut_short as (
    select trace_id, span_id from way where hop = $hops and at_id is not null
)
select
    -- The stage or task that was at work.
    a.trace_id,
    a.span_id,
    a.subject,
    case
        when l.span_id is null then case when a.until_ns <= a.due_ns and not a.settled then null else true end
        when s.span_id is not null then true
        when a.is_open and not a.settled and a.until_ns < a.due_ns + a.grace_ns then null
        when cut_short.span_id is not null then null
        else false
    end as ok,
    -- How long after the flag it ended, or was asked to stop.
    greatest(least(a.until_ns, coalesce(k.at_ns, a.until_ns)) - a.at_ns, 0) as measured,
    -- The tolerance for flags.
    a.due_ns - a.at_ns as bound,
    'ns' as unit,
    -- The run that was flagged.
    a.cause_id as cause_span_id,
    'code' as fault,
    case
        when l.span_id is not null and s.span_id is not null then 'what it belongs to cleans up'
        when l.span_id is null and a.until_ns <= a.due_ns and not a.settled then 'the recording ends before the time is over'
        when cut_short.span_id is not null then 'more ancestors than `hops` would have to be looked at'
        when l.span_id is not null and a.is_open then 'still open'
    end as note
from active a
left join asked k on k.trace_id = a.trace_id and k.span_id = a.span_id
left join late l on l.trace_id = a.trace_id and l.span_id = a.span_id
left join seen_to s on s.trace_id = a.trace_id and s.span_id = a.span_id
left join cut_short on cut_short.trace_id = a.trace_id and cut_short.span_id = a.span_id
