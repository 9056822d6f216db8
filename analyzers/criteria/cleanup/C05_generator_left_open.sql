-- id: C05
-- name: generator-left-open
-- severity: error
-- says: An async generator was still open after the last unit that iterated it had ended.
-- rule: whoever stops iterating an async generator closes it, or hands it on
-- why: Its `finally` and `async with` have not run: what it holds (a connection, a cursor, a lock) stays held until the garbage collector
--   or the end of the loop comes by, and then its cleanup runs in a task that nobody knows.
-- judges: async generator
-- message: the async generator {subject} was open for {measured} after the last unit that iterated it had ended (allowed: {bound})
-- fix: Iterate it inside `async with contextlib.aclosing(generator)`, which closes it also at `break`, `return` and an error.
-- bad:
--   async for row in rows():
--       if row.id == wanted:
--           break                            # rows() stays open
-- good:
--   async with aclosing(rows()) as found:
--       async for row in found:
--           if row.id == wanted:
--               break
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 no resource leaks after cancellation
-- certain given: each step of the generator and its end were seen
-- cannot see: generators of the standard library, and those that are iterated in no unit; that a generator which nobody has closed yet was handed to somebody
-- unknown when: the generator is open in a trace that is cut, or recording stopped: somebody may still close it
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, generator
-- fault: library where the line that opened it is installed in site-packages; else code
with
opened as (
    select
        g.trace_id, g.span_id, g.generator_id, g.name, g.closed_ns, g.closed_seq, g.how, g.file, o.subject,
        l.span_id as last_id, l.end_ns as last_end_ns, l.end_seq as last_end_seq, l.grace_ns, l.known_until_ns,
        coalesce(l.is_main, false) as last_is_main, s.closing_seq,
        coalesce(l.ended_by = 'process', false) or s.closed_ns is not null as settled
    from generators g
    join units o on o.trace_id = g.trace_id and o.span_id = g.span_id
    join units l on l.resource_id = g.resource_id and l.span_id = coalesce(g.last_span_id, g.span_id)
    left join loops s on s.resource_id = l.resource_id and s.loop_id = l.loop_id
),
judged as (
    select
        *,
        -- By hand, or by running to its end: whoever did it had it, however late.
        coalesce(how not in ('hook', 'shutdown'), false) as closed_by_hand,
        coalesce(closed_ns, known_until_ns) - last_end_ns as over_ns
    from opened
)
select
    -- The unit that opened it; the subject is that unit and the generator's name.
    j.trace_id,
    j.span_id,
    j.subject || ' ' || coalesce(j.name, 'generator') as subject,
    case
        when j.closed_seq is not null then j.closed_by_hand or j.last_end_seq is null or j.closed_seq < j.last_end_seq or j.over_ns <= j.grace_ns
        when not j.settled then null
        -- Nobody closed it, and nobody can any more. Where its unit is there to the last, L01 tells that.
        else j.last_end_seq is null
    end as ok,
    -- For how long it was open after the end of the last unit that iterated it; below 0: it was closed before.
    j.over_ns as measured,
    -- The grace of that unit.
    j.grace_ns as bound,
    'ns' as unit,
    -- The last unit that iterated it.
    j.last_id as cause_span_id,
    case when coalesce(j.file, '') like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when j.closed_seq is null and not j.settled then 'still open where the trace ends: somebody may yet close it'
        when j.closed_seq is null and j.last_end_seq is not null then 'nobody closed it'
        when j.closed_by_hand or coalesce(j.over_ns <= j.grace_ns, true) then null
        when j.how = 'hook' then 'the hook of the loop closed it when nobody referred to it any more'
        when j.how = 'shutdown' then 'only the teardown of the loop closed it'
        else 'how it was closed was not seen'
    end as note,
    -- What main leaves to the end of its loop, and what ends in the teardown, is closed there as asyncio means it.
    case when j.how = 'shutdown' and (j.last_is_main or coalesce(j.last_end_seq > j.closing_seq, false)) then 'info' end as severity
from judged j
