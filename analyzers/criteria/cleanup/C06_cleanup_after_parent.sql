-- id: C06
-- name: cleanup-after-parent
-- severity: warning
-- says: A task or stage that had been cancelled was still cleaning up when its owner had long ended.
-- rule: whoever cancels a task or stage waits until it has cleaned up
-- why: The owner is taken for finished while its parts still use what they share with it: what is closed or started next meets them at work.
--   If the program ends now, the rest of their cleanup is lost.
-- judges: task or stage that unwinds and has an owner
-- message: {subject} was still cleaning up {measured} after its owner {cause} had ended (allowed: {bound})
-- fix: Await what you cancel before you end, with `await asyncio.gather(*tasks, return_exceptions=True)`; a TaskGroup does so by itself.
-- bad:
--   try:
--       await serve()
--   finally:
--       worker.cancel()                       # and gone: who waits for its cleanup?
-- good:
--   try:
--       await serve()
--   finally:
--       worker.cancel()
--       await asyncio.gather(worker, return_exceptions=True)
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 cleanup handlers execute; 6.5 Slow Cleanup
-- certain given: the request, its delivery and both ends were seen, and the owner is the unit of the TaskGroup, or who last awaited or cancelled it,
--   or who was running when it was created
-- cannot see: tasks that nobody owns; cleanup that runs in a task of its own
-- unknown when: it is still unwinding in a trace that is cut: it may yet swallow the request, or be awaited by somebody
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, cancel, delivery, await
-- fault: library for a stage, which the library's run owns; code for a task of the program's own
with
owned as (
    select
        u.trace_id, u.span_id, u.subject, u.unit, u.until_ns, u.is_open, u.settled, u.grace_ns,
        o.owner_span_id, o.owner_end_ns, o.owner_end_seq, o.owner_is_main
    from unwindings w
    join owners o on o.trace_id = w.trace_id and o.span_id = w.span_id
    join settled_units u on u.trace_id = w.trace_id and u.span_id = w.span_id
    where o.owner_end_ns is not null or not u.settled
),
-- Who was asked later ran on unasked: that is P03's.
asked as (
    select o.trace_id, o.span_id, bool_and(c.mechanism = 'runner') as by_teardown
    from owned o
    join asks k on k.trace_id = o.trace_id and k.span_id = o.span_id
    join cancellations c on c.trace_id = k.trace_id and c.span_id = k.span_id and c.request_id = k.request_id
    where (o.owner_end_ns is null or k.time_ns <= o.owner_end_ns + o.grace_ns) and k.consumed_ns is null and k.swallowed_ns is null
    group by o.trace_id, o.span_id
)
select
    -- The task or stage.
    o.trace_id,
    o.span_id,
    o.subject,
    case
        when not o.settled then null
        else o.until_ns <= o.owner_end_ns + o.grace_ns
    end as ok,
    -- For how long it went on cleaning up after its owner's end; below 0: it had ended before.
    o.until_ns - o.owner_end_ns as measured,
    -- Its grace.
    o.grace_ns as bound,
    'ns' as unit,
    -- The owner.
    o.owner_span_id as cause_span_id,
    case when o.unit = 'stage' then 'library' else 'code' end as fault,
    case
        when not o.settled then 'still unwinding where the trace is cut'
        when o.until_ns <= o.owner_end_ns + o.grace_ns then null
        when a.by_teardown then 'the teardown of asyncio.run cancelled it, and waited for it'
        when o.is_open then 'still unwinding at the end'
    end as note,
    -- A daemon of main's that the teardown cancels is waited for there.
    case when o.owner_is_main and a.by_teardown then 'info' end as severity
from owned o
join asked a on a.trace_id = o.trace_id and a.span_id = o.span_id
