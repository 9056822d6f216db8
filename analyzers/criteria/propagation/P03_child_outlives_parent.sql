-- id: P03
-- name: child-outlives-parent
-- severity: error
-- says: The owner of a task or stage has ended, and the task or stage, which nobody had asked to stop, ran on.
-- rule: a task or stage ends before its owner does, or is asked to, unless somebody else takes it over
-- why: Nobody is left who would see its result, its error or its end. It runs for as long as it likes.
-- judges: task or stage with an owner; span of another program whose parent is a span of the same process
-- message: {subject} ran on for {measured} after its owner {cause} had ended, and nobody had asked it to stop (allowed: {bound})
-- fix: Await the task before its owner ends, or cancel and await it in `finally`; a TaskGroup does both. Where it is meant to
--   outlive its owner, hand it over (let the new owner await it) or declare it with `spanproof.detached()`.
-- bad:
--   async def handler():
--       asyncio.create_task(audit())      # nobody awaits it
--       return "ok"
-- good:
--   async def handler():
--       async with asyncio.TaskGroup() as group:
--           group.create_task(audit())
--       return "ok"
-- covers: H2; H3; 2.2 Orphaned Tasks; 5.1 no resource leaks after cancellation
-- parameter hops: 64 hops; steps upwards from a unit that awaits it, to tell whether it is inside the owner that has ended
-- certain given: the owner is the unit of its TaskGroup, or who last awaited or cancelled it, or who was running when it was created, and nobody else took it over until the recording ended
-- cannot see: tasks that nobody owns; a hand-over that shows in no await and no cancel
-- unknown when: the unit is open in a trace that is cut, so that somebody may still await or cancel it, or it may swallow what asked it;
--   or whoever awaits it is more than `hops` deep in what may be its owner
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, cancel, await
-- fault: library for a stage, which the library's run owns; code for a task of the program's own
with recursive
owned as (
    select
        u.trace_id, u.span_id, u.subject, u.unit, u.until_ns, u.until_seq, u.is_open, u.settled, u.grace_ns, u.deadline_ns,
        u.user_done_callback, o.owner_trace_id, o.owner_span_id, o.owner_end_ns, o.owner_end_seq, o.owned_by
    from owners o
    join settled_units u on u.trace_id = o.trace_id and u.span_id = o.span_id
    -- An owner that is still there has not been outlived; whether it will be is unknown only where the trace is cut.
    where o.owner_end_ns is not null or not u.is_open or not u.settled
    union all
    -- A span of another program says whose child it is, and no more: who awaits it is not told. Nobody awaits what
    -- takes a message, or what a message sets off.
    select
        u.trace_id, u.span_id, u.subject, 'span', u.until_ns, u.until_seq, u.is_open, u.settled, u.grace_ns, u.deadline_ns,
        u.user_done_callback, o.trace_id, o.span_id, o.end_ns, o.end_seq, 'span'
    from settled_units u
    join units o on o.trace_id = u.trace_id and o.span_id = u.parent_span_id and o.resource_id = u.resource_id
    join spans s on s.trace_id = u.trace_id and s.span_id = u.span_id
    join spans p on p.trace_id = o.trace_id and p.span_id = o.span_id
    where u.unit is null and u.recording_id is null and o.unit is null and u.end_ns is not null and o.end_ns is not null
        and s.span_kind is distinct from 'consumer' and coalesce(p.span_kind not in ('consumer', 'producer'), true)
),
candidate as (
    select * from owned where until_ns > owner_end_ns + grace_ns
),
asked as (
    select distinct c.trace_id, c.span_id
    from candidate c
    join asks k on k.trace_id = c.trace_id and k.span_id = c.span_id
    where k.time_ns <= c.owner_end_ns + c.grace_ns and coalesce(k.consumed_seq > c.owner_end_seq, true) and k.swallowed_ns is null
    union
    select trace_id, span_id from candidate where deadline_ns <= owner_end_ns + grace_ns
),
touched as (
    select distinct c.trace_id, c.span_id, c.owner_trace_id, c.owner_span_id, o.depth as owner_depth, t.by_trace_id, t.by_span_id
    from candidate c
    join touches t on t.trace_id = c.trace_id and t.span_id = c.span_id
    join units o on o.trace_id = c.owner_trace_id and o.span_id = c.owner_span_id
    where t.end_seq > c.owner_end_seq
),
-- Whoever touched it since is outside of what has ended, unless its own way up leads to the owner.
climb as (
    select owner_trace_id, owner_span_id, owner_depth, by_span_id, by_span_id as at_id, 0 as hop
    from touched
    where by_trace_id = owner_trace_id
    group by all
    union all
    select k.owner_trace_id, k.owner_span_id, k.owner_depth, k.by_span_id, m.parent_span_id, k.hop + 1
    from climb k
    join units m on m.trace_id = k.owner_trace_id and m.span_id = k.at_id
    where m.depth > k.owner_depth and k.hop < $hops
),
-- Whoever is so deep that the climb stopped at `hops` may be inside it or not.
climbed as (
    select owner_trace_id, owner_span_id, by_span_id, bool_or(at_id = owner_span_id) as inside, max(hop) = $hops as lost
    from climb
    group by owner_trace_id, owner_span_id, by_span_id
),
adopted as (
    select t.trace_id, t.span_id, bool_or(k.lost is not true) as sure
    from touched t
    left join climbed k
        on k.owner_trace_id = t.owner_trace_id and k.owner_span_id = t.owner_span_id and k.by_span_id = t.by_span_id
    where k.inside is not true
    group by t.trace_id, t.span_id
)
select
    -- The task or stage.
    w.trace_id,
    w.span_id,
    w.subject,
    case
        -- Also when it was asked, or handed over: it may yet swallow the request, and whoever has it now may go.
        when not w.settled then null
        when asked.span_id is not null or adopted.sure then true
        when adopted.span_id is not null then null
        when c.span_id is not null then false
        else true
    end as ok,
    -- For how long it ran on after its owner's end.
    w.until_ns - w.owner_end_ns as measured,
    -- Its grace.
    w.grace_ns as bound,
    'ns' as unit,
    -- The owner.
    w.owner_span_id as cause_span_id,
    case when w.unit = 'stage' then 'library' else 'code' end as fault,
    case
        when not w.settled and asked.span_id is not null then 'asked in time, and still open where the trace is cut: it may yet swallow that'
        when asked.span_id is not null then 'asked in time'
        when adopted.sure then 'handed over: a unit outside awaits it or cancelled it'
        when adopted.span_id is not null then 'who awaits it is more than `hops` deep: inside of its owner, or outside'
        when not w.settled then 'still open where the trace is cut: somebody may yet await or cancel it'
        when c.span_id is not null then 'owner by ' || case w.owned_by
            when 'group' then 'its TaskGroup'
            when 'touch' then 'being the last to await or cancel it'
            when 'creator' then 'having created it'
            when 'span' then 'being its parent span: whether somebody awaits it is not told'
            else 'being its run'
        end
    end as note,
    -- A task that is kept in a set and discarded by a done-callback is looked after in the customary way.
    case when w.unit = 'span' or w.unit = 'task' and w.user_done_callback then 'info' end as severity
from owned w
left join candidate c on c.trace_id = w.trace_id and c.span_id = w.span_id
left join asked on asked.trace_id = w.trace_id and asked.span_id = w.span_id
left join adopted on adopted.trace_id = w.trace_id and adopted.span_id = w.span_id
