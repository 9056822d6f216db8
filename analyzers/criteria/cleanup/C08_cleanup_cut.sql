-- id: C08
-- name: cleanup-cut
-- severity: error
-- says: A unit was cancelled a second time while it was cleaning up after the first, and ended at once: the rest of its cleanup is lost.
-- rule: who is cleaning up after a cancellation is left alone until it is done
-- why: The second CancelledError enters at the `await` inside `finally`, and whatever stands below that line never runs: the connection is not
--   given back, the file is half written, and nothing in any log says so.
-- judges: unit that was cancelled again while it was unwinding
-- message: {subject} was cancelled again {measured} into its cleanup, and ended at once: the rest of its cleanup is lost
-- fix: Cancel once, then wait. Where a second cancellation can come (a timeout around a shutdown, a TaskGroup around a task that is cancelled), run
--   the cleanup in a task of its own, shield it, and await it in the handler; with anyio inside `CancelScope(shield=True)`.
-- bad:
--   task.cancel()
--   await asyncio.sleep(0.1)
--   task.cancel()                               # cuts `finally: await connection.close()`
-- good:
--   task.cancel()
--   await asyncio.gather(task, return_exceptions=True)
-- covers: H4; H7; 2.2 Cleanup Failure; 2.2 Nested Cancellation; 5.1 cleanup handlers execute
-- certain given: both cancellations entered the unit's own code, none ended lawfully inside it, and the unit ended by CancelledError within the grace of the last
-- cannot see: whether the cleanup had anything left to do; a unit that caught the second one and was done in the same moment; one whose outer
--   `finally` took longer than the grace; the second Ctrl-C, which asyncio raises as KeyboardInterrupt; that anyio repeats one request at each `await`
-- unknown when: the unit is still open: it may go on with its cleanup
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cancel, delivery
-- fault: library where the line that cancelled again is installed in site-packages; caller where the runner's teardown did; else code
with
-- One row a CancelledError that entered the unit for the first time with that request, and that nothing consumed. A scope takes its own
-- timer's back when it is left, also when that was in the middle of the cleanup; a TaskGroup only waits for its members meanwhile.
entered as (
    select
        c.trace_id, c.span_id, c.delivered_seq,
        min(c.delivered_ns) as delivered_ns,
        arg_min(c.by_span_id, c.request_id) as by_span_id,
        arg_min(c.mechanism, c.request_id) as mechanism,
        arg_min(c.file, c.request_id) as file,
        bool_or(c.swallowed_ns is not null) as swallowed
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_seq is not null and (c.consumed_ns is null or (u.unit = 'scope' and coalesce(c.consumed_by, '') <> 'taskgroup'))
    group by c.trace_id, c.span_id, c.delivered_seq
),
again as (
    select
        trace_id, span_id,
        min(delivered_ns) as first_ns,
        arg_max(delivered_ns, delivered_seq) as last_ns,
        arg_max(by_span_id, delivered_seq) as by_span_id,
        arg_max(mechanism, delivered_seq) as mechanism,
        arg_max(file, delivered_seq) as file,
        bool_or(swallowed) as swallowed
    from entered
    group by trace_id, span_id
    having count(*) > 1
),
judged as (
    select
        a.*, u.subject, u.is_open, u.settled, u.grace_ns, u.until_ns,
        a.swallowed or u.outcome not in ('cancelled', 'timed_out') or u.until_ns > a.last_ns + u.grace_ns as went_on
    from again a
    join settled_units u on u.trace_id = a.trace_id and u.span_id = a.span_id
    where u.unit is not null
)
select
    -- The unit.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.is_open and j.settled then true
        when j.is_open then null
        else j.went_on
    end as ok,
    -- For how long it had been cleaning up when it was hit again.
    j.last_ns - j.first_ns as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- Who cancelled it again; null: a timer.
    j.by_span_id as cause_span_id,
    case
        when coalesce(j.file, '') like '%/site-packages/%' or j.mechanism in ('stageflow', 'library') then 'library'
        when j.mechanism = 'runner' then 'caller'
        else 'code'
    end as fault,
    case
        when j.is_open and not j.settled then 'still open where the trace is cut: it may go on with its cleanup'
        when j.is_open or j.went_on then 'it went on'
        when j.mechanism = 'timer' then 'the second cancellation was a timeout'
        when j.mechanism = 'runner' then 'the second cancellation came from the teardown of asyncio.run'
        when j.mechanism = 'taskgroup' then 'the second cancellation came from its TaskGroup'
    end as note
from judged j
