-- id: P11
-- name: thread-outlives-cancel
-- severity: warning
-- says: Work in a thread went on although the unit that waited for it had been cancelled and was gone.
-- rule: whoever is cancelled while a thread works for it stays until the thread has ended
-- why: A thread cannot be cancelled. Only the waiting ends; the work goes on, holds its thread, writes what nobody wants any more, and a pool
--   whose threads are all busy with such work stands still.
-- judges: work in a thread whose unit was cancelled meanwhile
-- message: the thread's work {thing} went on for {measured} after {holder}, which waited for it, was gone (allowed: {bound})
-- fix: Tell the thread to stop (a `threading.Event` that it looks at) and wait for it in the handler; give what it calls a timeout of its own
--   (socket, database, subprocess). anyio's `to_thread.run_sync` waits for its thread by itself.
-- bad:
--   async with asyncio.timeout(1):
--       await asyncio.to_thread(copy, files)            # after a second nobody waits; copy() goes on
-- good:
--   work = asyncio.ensure_future(asyncio.to_thread(copy, files, stop))
--   try:
--       await asyncio.shield(work)
--   except asyncio.CancelledError:
--       stop.set()
--       await work
--       raise
-- covers: H1; H3; 2.2 Orphaned Tasks; 5.1 no resource leaks after cancellation
-- certain given: the work and its end were seen in its thread, and the cancellation entered the unit that had handed it over while it was at work
-- cannot see: work that is submitted past the loop (`pool.submit`); a future of `run_in_executor` that is awaited in another scope or unit than that
--   which called it, and that this other one was cancelled; under virtual time how long the thread really went on: there the loop's own time counts
-- unknown when: the unit is open in a trace that is cut: it may yet wait for the thread
-- torn: certain
-- clock: any
-- scope: trace
-- needs: thread, cancel, delivery
-- fault: library where the line that handed the work over is installed in site-packages; else code
with
-- The unit is through with a cancellation when it ends, or when the cancellation has lawfully ended inside it (a TaskGroup that was aborted).
cut as (
    select
        t.trace_id, t.span_id, t.thread_id,
        min(coalesce(c.consumed_seq, u.end_seq)) as gone_seq,
        arg_min(coalesce(c.consumed_ns, u.end_ns), coalesce(c.consumed_seq, u.end_seq)) as gone_ns,
        arg_min(c.by_span_id, c.delivered_seq) as by_span_id,
        bool_and(c.mechanism = 'runner') as by_teardown
    from threads t
    join cancellations c on c.trace_id = t.trace_id and c.span_id = t.span_id
    join units u on u.trace_id = t.trace_id and u.span_id = t.span_id
    where c.delivered_seq > t.started_seq and coalesce(c.delivered_seq < t.finished_seq, true)
    group by t.trace_id, t.span_id, t.thread_id
),
work as (
    select
        t.trace_id, t.span_id, t.thread_id, t.name, t.executor, t.outcome, t.finished_ns, t.finished_seq, coalesce(t.file, u.code_file) as code_file,
        t.clock = u.clock as one_clock, c.gone_seq, c.gone_ns, c.by_span_id, c.by_teardown,
        u.subject, u.grace_ns, u.settled, u.resource_id, u.loop_id, u.known_until_ns,
        coalesce(t.finished_seq, 1::BIGINT << 62) as until_seq
    from cut c
    join threads t on t.trace_id = c.trace_id and t.span_id = c.span_id and t.thread_id = c.thread_id
    join settled_units u on u.trace_id = c.trace_id and u.span_id = c.span_id
),
-- On a loop with another clock than the thread's: the last end of a unit there before the work's tells how much of the loop's time passed.
later as (
    select w.trace_id, w.span_id, w.thread_id, e.end_ns
    from (from work where not one_clock and gone_seq < until_seq) w
    asof join (
        select resource_id, loop_id, end_seq, end_ns from units
        where end_seq is not null and unit is not null and exists (from work where not one_clock)
    ) e on e.resource_id = w.resource_id and e.loop_id = w.loop_id and w.until_seq > e.end_seq
),
measured as (
    select
        w.*,
        case
            when w.gone_seq is null or w.until_seq < w.gone_seq then 0
            when w.one_clock then coalesce(w.finished_ns, w.known_until_ns) - w.gone_ns
            else coalesce(l.end_ns - w.gone_ns, 0)
        end as over_ns
    from work w
    left join later l on l.trace_id = w.trace_id and l.span_id = w.span_id and l.thread_id = w.thread_id
)
select
    -- The unit that handed the work over; the subject is that unit and the function's name.
    m.trace_id,
    m.span_id,
    m.subject || ' ' || coalesce(m.name, 'work') as subject,
    case
        when m.outcome = 'never_ran' or m.until_seq < m.gone_seq then true
        when m.over_ns > m.grace_ns then false
        when m.finished_seq is null and not m.settled then null
        when m.finished_seq is null and m.gone_seq is not null and m.over_ns <= m.grace_ns then null
        else true
    end as ok,
    -- For how long the thread went on after the unit was through with its cancellation; 0: it had ended before.
    m.over_ns as measured,
    -- The unit's grace.
    m.grace_ns as bound,
    'ns' as unit,
    -- Who cancelled the unit; null: a timer.
    m.by_span_id as cause_span_id,
    case when coalesce(m.code_file, '') like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when m.outcome = 'never_ran' then 'taken out of the queue before it began'
        when m.finished_seq is null and not m.settled and m.gone_seq is null then 'its unit is still open where the trace is cut: it may yet wait for it'
        when m.finished_seq is null and m.over_ns <= m.grace_ns then 'whether it goes on is not known'
        when m.over_ns <= m.grace_ns then null
        when m.executor = 'anyio' then 'abandoned on purpose (abandon_on_cancel)'
        when m.by_teardown then 'cancelled by the teardown of asyncio.run, which waits for the thread'
        when m.finished_seq is null then 'its end was not seen'
        when not m.one_clock then 'in the time of its loop, which is not the thread''s'
    end as note,
    -- What the program has asked for in so many words, and what only the end of the program cut.
    case when m.executor = 'anyio' or m.by_teardown then 'info' end as severity
from measured m
