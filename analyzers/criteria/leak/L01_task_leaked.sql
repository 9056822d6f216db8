-- id: L01
-- name: task-leaked
-- severity: error
-- says: A task was still pending when its loop was closed or its process ended, or only the runner's teardown ended it though its owner had gone before.
-- rule: whoever starts a task sees it to its end before it goes itself, at the latest before the loop is closed
-- why: In a program that runs for long, such tasks pile up; at the end of a short one their work is cut wherever it stands.
-- judges: task or stage
-- message: {subject} was left over for {measured}: {note}
-- fix: Cancel and await background tasks before their owner ends, or start them in a TaskGroup. Declare with `spanproof.detached()` what is meant to
--   live on.
-- bad:
--   async def handler():
--       asyncio.create_task(refresh_for_ever())
-- good:
--   async def handler():
--       task = asyncio.create_task(refresh_for_ever())
--       try:
--           ...
--       finally:
--           task.cancel()
--           await asyncio.gather(task, return_exceptions=True)
-- covers: H2; H7; 2.2 Orphaned Tasks; 2.2 Memory Leak; 5.1 no resource leaks after cancellation
-- certain given: the task was pending when its loop was closed or its process ended normally, which the recorder saw happen
-- cannot see: tasks that the program makes past any loop, of a class from before the session
-- unknown when: it is open in a trace that is cut, or where recording stopped before the loop was closed
-- torn: certain
-- clock: any
-- scope: recording
-- needs: task, cancel, runner
-- fault: library for a stage; code for a task of the program's own
with
main as (
    select resource_id, loop_id, max(end_seq) as end_seq
    from units
    where unit = 'task' and is_main
    group by resource_id, loop_id
),
-- Asked by the teardown, and by nobody before whose request still stood.
torn_down as (
    select
        c.trace_id, c.span_id,
        min(c.seq) filter (c.mechanism = 'runner') as runner_seq,
        min(c.seq) filter (c.mechanism <> 'runner' and coalesce(c.live, true) and c.withdrawn_ns is null
            and c.consumed_ns is null and c.swallowed_ns is null) as other_seq
    from cancellations c
    group by c.trace_id, c.span_id
    having count(*) filter (c.mechanism = 'runner') > 0
),
judged as (
    select
        u.trace_id, u.span_id, u.subject, u.unit, u.is_open, u.settled, u.until_ns, u.until_seq, u.start_ns, u.grace_ns,
        o.owner_span_id, o.owner_end_ns, o.owner_end_seq, coalesce(o.owner_is_main, false) as owner_is_main,
        l.closed_ns is not null and u.until_seq > l.closed_seq as pending_at_close,
        u.is_open and coalesce(u.ended_by = 'process', false) as pending_at_end,
        -- Ended by the teardown alone, and not because of what it had been asked before.
        not u.is_open and u.outcome = 'cancelled' and d.runner_seq is not null and coalesce(d.other_seq > d.runner_seq, true) as swept,
        coalesce(l.closing_seq, m.end_seq) as main_end_seq,
        coalesce(u.detached, false) as detached
    from settled_units u
    left join owners o on o.trace_id = u.trace_id and o.span_id = u.span_id
    left join loops l on l.resource_id = u.resource_id and l.loop_id = u.loop_id
    left join main m on m.resource_id = u.resource_id and m.loop_id = u.loop_id
    left join torn_down d on d.trace_id = u.trace_id and d.span_id = u.span_id
    where u.unit in ('task', 'stage') and not coalesce(u.is_main, false)
),
verdict as (
    select
        j.*,
        case
            when j.pending_at_close or j.pending_at_end then false
            when j.swept and j.owner_is_main then false
            when j.swept and j.owner_end_seq < j.main_end_seq then false
            when j.is_open then null
            else true
        end as ok
    from judged j
    where not j.detached
)
select
    -- The task or stage.
    v.trace_id,
    v.span_id,
    v.subject,
    v.ok,
    -- How long it lived on after its owner's end; without an owner that has ended: how long it lived.
    greatest(v.until_ns - coalesce(v.owner_end_ns, v.start_ns), 0) as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- Its owner; null: nobody.
    v.owner_span_id as cause_span_id,
    case when v.unit = 'stage' then 'library' else 'code' end as fault,
    case
        when v.ok is null then 'still open, and what becomes of it was not recorded'
        when v.pending_at_close then 'it was pending when its loop was closed'
        when v.pending_at_end then 'it was pending when the process ended'
        when v.swept then 'only the teardown of asyncio.run ended it'
    end as note,
    -- What main keeps running until its own end is a daemon of the program.
    case when v.owner_is_main then 'info' end as severity
from verdict v
