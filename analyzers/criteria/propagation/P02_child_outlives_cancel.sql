-- id: P02
-- name: child-outlives-cancel
-- severity: error
-- says: A unit ran on after something that encloses it had ended cancelled or timed out, and nobody had asked it to stop.
-- rule: what is below a unit that ended cancelled or timed out ends with it, or is asked to, within its grace
-- why: The cancellation did not reach it. It goes on using connections, money and locks for a run that nobody waits for any more,
--   and its errors reach nobody.
-- judges: unit below one that ended cancelled or timed out
-- message: {subject} ran on for {measured} after {cause} had ended, and nobody had asked it to stop (allowed: {bound})
-- fix: Let whoever starts a task see it to its end: start it in a TaskGroup, or cancel it and await it in `finally`. Where it
--   is meant to outlive its creator, declare it with `spanproof.detached()`.
-- bad:
--   async def stage(ctx):
--       worker = asyncio.create_task(work())
--       return await asyncio.shield(worker)      # cancelled here, the worker goes on
-- good:
--   async def stage(ctx):
--       async with asyncio.TaskGroup() as group:
--           worker = group.create_task(work())   # cancelled and awaited with the group
--       return worker.result()
-- covers: H2; H3; 2.2 Orphaned Tasks; 2.2 Nested Cancellation; 5.1 cancellation propagates; 5.1 subpipeline timeouts cancel child pipelines; 6.2 Subpipeline Cancellation
-- parameter hops: 64 hops; ancestors looked at for what the earliest and the latest cancelled one leave undecided
-- certain given: the ancestor's end, the unit's end and every request on it are recorded facts, and nobody outside the ancestor waited for it or cancelled it afterwards
-- cannot see: work that is no unit: threads (P11), callbacks, other processes; a hand-over through a queue to somebody who neither awaits nor cancels it
-- unknown when: the unit is open in a trace that is cut, so that somebody may still await or cancel it; or more ancestors than `hops` would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, cancel, await
-- fault: library for a stage, pipeline or subpipeline, which the library has to cancel; code for a task of the program's own
with recursive
-- Units that ran when an ancestor ended by abort, or later. A scope shares the fate of its task; cleanup is lawful work.
below as not materialized (
    select
        u.trace_id, u.span_id, u.resource_id, u.subject, u.unit, u.parent_span_id, u.depth,
        u.start_ns, u.start_seq, u.until_ns, u.until_seq, u.grace_ns, u.settled, u.deadline_ns,
        case when t.anc_abort_end_seq > u.start_seq then t.anc_abort_span_id end as first_id,
        case when t.anc_abort_end_seq > u.start_seq then t.anc_abort_end_ns end as first_end_ns,
        case when t.anc_abort_end_seq > u.start_seq then t.anc_abort_end_seq end as first_end_seq,
        t.anc_abort_last_span_id as last_id,
        t.anc_abort_last_ns as last_end_ns,
        t.anc_abort_last_seq as last_end_seq
    from tree t
    join settled_units u on u.trace_id = t.trace_id and u.span_id = t.span_id
    where t.anc_abort_last_seq > u.start_seq and u.unit in ('pipeline', 'stage', 'subpipeline', 'task')
        -- What had ended before anybody asked for anything did not have to be reached.
        and u.until_ns >= coalesce(t.anc_request_ns, t.anc_abort_end_ns)
),
-- Those that may be at fault: they ran on beyond the grace of the earliest abort since their start. Without one that is known
-- (the earliest abort of all was before their start), any that ran on at all since they started.
candidate as materialized (
    select b.*
    from below b
    where b.until_ns > coalesce(b.first_end_ns, b.start_ns) + b.grace_ns
),
-- The way up from each of them: step 0 is the unit itself.
way as (
    select
        c.trace_id, c.span_id as judged_id, 0 as hop, c.span_id as at_id, c.parent_span_id as next_id,
        false as aborted, c.until_ns as at_end_ns, c.until_seq as at_end_seq, c.depth as at_depth
    from candidate c
    union all
    select
        w.trace_id, w.judged_id, w.hop + 1, m.span_id, m.parent_span_id,
        coalesce(m.outcome in ('cancelled', 'timed_out') and not m.is_open, false), m.until_ns, m.until_seq, m.depth
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.next_id
    where w.hop < $hops
),
-- Ancestors whose abort the unit outlived. Beyond `hops` only the earliest and the latest are known; their step is null.
outlived as (
    select
        c.trace_id, c.span_id, w.hop, w.at_id as ancestor_id, w.at_end_ns as end_ns, w.at_end_seq as end_seq, w.at_depth as depth
    from candidate c
    join way w on w.trace_id = c.trace_id and w.judged_id = c.span_id
    where w.aborted and w.at_end_seq > c.start_seq and c.until_ns > w.at_end_ns + c.grace_ns
    union all
    select c.trace_id, c.span_id, null, a.span_id, c.first_end_ns, c.first_end_seq, a.depth
    from candidate c
    join units a on a.trace_id = c.trace_id and a.span_id = c.first_id
    where c.until_ns > c.first_end_ns + c.grace_ns and c.depth - a.depth > $hops
    union all
    select c.trace_id, c.span_id, null, a.span_id, c.last_end_ns, c.last_end_seq, a.depth
    from candidate c
    join units a on a.trace_id = c.trace_id and a.span_id = c.last_id
    where c.until_ns > c.last_end_ns + c.grace_ns and c.depth - a.depth > $hops
),
-- Who takes care of the unit although that ancestor is gone: itself or something between the two that was asked in time (and now
-- unwinds, with what it still waits for), or whose own deadline is due, or that somebody outside awaited or cancelled since.
asked as (
    select distinct o.trace_id, o.span_id, o.ancestor_id
    from outlived o
    join candidate c on c.trace_id = o.trace_id and c.span_id = o.span_id
    join way w on w.trace_id = o.trace_id and w.judged_id = o.span_id and w.hop < coalesce(o.hop, $hops + 1)
    join asks k on k.trace_id = w.trace_id and k.span_id = w.at_id
    where k.time_ns <= o.end_ns + c.grace_ns and coalesce(k.consumed_seq > o.end_seq, true) and (w.hop = 0 or w.at_end_seq > o.end_seq)
    union
    select o.trace_id, o.span_id, o.ancestor_id
    from outlived o
    join candidate c on c.trace_id = o.trace_id and c.span_id = o.span_id
    join way w on w.trace_id = o.trace_id and w.judged_id = o.span_id and w.hop < coalesce(o.hop, $hops + 1)
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where m.deadline_ns <= o.end_ns + c.grace_ns and m.until_seq > o.end_seq
),
touched as (
    select distinct o.trace_id, o.span_id, o.ancestor_id, o.depth, t.by_trace_id, t.by_span_id
    from outlived o
    join way w on w.trace_id = o.trace_id and w.judged_id = o.span_id and w.hop < coalesce(o.hop, $hops + 1)
    join touches t on t.trace_id = w.trace_id and t.span_id = w.at_id
    where t.end_seq > o.end_seq
),
-- Whoever touched it is outside unless its own way up leads to that ancestor.
climb as (
    select trace_id, ancestor_id, depth, by_span_id, by_span_id as at_id, 0 as hop
    from touched
    where by_trace_id = trace_id
    group by all
    union all
    select k.trace_id, k.ancestor_id, k.depth, k.by_span_id, m.parent_span_id, k.hop + 1
    from climb k
    join units m on m.trace_id = k.trace_id and m.span_id = k.at_id
    where m.depth > k.depth and k.hop < $hops
),
-- Whoever is so deep that the climb stopped at `hops` may be inside it or not.
climbed as (
    select trace_id, ancestor_id, by_span_id, bool_or(at_id = ancestor_id) as inside, max(hop) = $hops as lost
    from climb
    group by trace_id, ancestor_id, by_span_id
),
adopted as (
    select t.trace_id, t.span_id, t.ancestor_id, bool_or(c.lost is not true) as sure
    from touched t
    left join climbed c on c.trace_id = t.trace_id and c.ancestor_id = t.ancestor_id and c.by_span_id = t.by_span_id
    where c.inside is not true
    group by t.trace_id, t.span_id, t.ancestor_id
),
-- One row a candidate: the earliest of the aborts that it outlived without anybody to take care.
judged as (
    select
        o.trace_id,
        o.span_id,
        count(*) filter (asked.span_id is null and adopted.span_id is null and o.hop is not null) as certain,
        count(*) filter (asked.span_id is null and adopted.sure is distinct from true) as alone,
        arg_min({'id': o.ancestor_id, 'end_ns': o.end_ns}, (o.end_ns, o.ancestor_id))
            filter (asked.span_id is null and adopted.sure is distinct from true) as worst,
        bool_or(adopted.sure) as adopted
    from outlived o
    left join asked on asked.trace_id = o.trace_id and asked.span_id = o.span_id and asked.ancestor_id = o.ancestor_id
    left join adopted on adopted.trace_id = o.trace_id and adopted.span_id = o.span_id and adopted.ancestor_id = o.ancestor_id
    group by o.trace_id, o.span_id
),
-- A way that was too long to follow may hide an abort between the earliest and the latest.
cut_short as (
    select distinct trace_id, judged_id as span_id from way where hop = $hops and next_id is not null
)
select
    -- The unit that ran on.
    b.trace_id,
    b.span_id,
    b.subject,
    case
        when j.certain > 0 and b.settled then false
        when j.alone > 0 then null
        when cut_short.span_id is not null and b.first_id is null then null
        -- Also when it is taken care of: whoever does that may yet be aborted, too.
        when not b.settled then null
        else true
    end as ok,
    -- For how long it ran on after the abort.
    b.until_ns - coalesce(j.worst.end_ns, b.first_end_ns, b.last_end_ns) as measured,
    -- Its grace.
    b.grace_ns as bound,
    'ns' as unit,
    -- The ancestor that ended by abort.
    coalesce(j.worst.id, b.first_id, b.last_id) as cause_span_id,
    case when b.unit = 'task' then 'code' else 'library' end as fault,
    case
        when j.certain > 0 and not b.settled then 'still open where the trace is cut: somebody may yet await or cancel it'
        -- What was decided is not made doubtful by a way that was longer.
        when j.certain > 0 then null
        when j.alone > 0 or cut_short.span_id is not null and b.first_id is null
            then 'more ancestors than `hops` would have to be looked at'
        when not b.settled and j.span_id is null then 'open where the trace is cut'
        when not b.settled then 'still open where the trace is cut: who takes care of it may yet be aborted, too'
        when j.adopted then 'handed over: a unit outside awaits it or cancelled it'
    end as note
from below b
left join judged j on j.trace_id = b.trace_id and j.span_id = b.span_id
left join cut_short on cut_short.trace_id = b.trace_id and cut_short.span_id = b.span_id
