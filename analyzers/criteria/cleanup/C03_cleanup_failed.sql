-- id: C03
-- name: cleanup-failed
-- severity: error
-- says: A registered cleanup callback raised, timed out, or was cut before it was done.
-- rule: a cleanup callback finishes its work within the time that it is given
-- why: What it was to give back is in an unknown state, and the run's own outcome does not show it.
-- judges: cleanup callback that was started
-- message: {subject} did not do its work: it {note}
-- fix: Make a cleanup short and let it fail on its own: catch what may go wrong, bound what may hang. Note that the time for all callbacks
--   of a run may be shared among them.
-- bad:
--   async def close():
--       await flush_everything()             # takes as long as it takes
--       await connection.close()
-- good:
--   async def close():
--       try:
--           async with asyncio.timeout(1):
--               await flush_everything()
--       finally:
--           await connection.close()
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 cleanup handlers execute; 6.5 Slow Cleanup
-- certain given: the end of the callback was seen as it happened
-- cannot see: a callback that fails inside and says nothing
-- unknown when: it is still open
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cleanup
-- fault: code when it raised or took too long; caller when it was cut by a cancellation
select
    -- The cleanup unit.
    u.trace_id,
    u.span_id,
    u.subject,
    case
        when c.failed_ns is not null then false
        when c.finished_ns is not null then true
    end as ok,
    -- How long it ran.
    coalesce(c.failed_ns, c.finished_ns, u.until_ns) - c.started_ns as measured,
    -- The time that it was given.
    c.budget_ns as bound,
    'ns' as unit,
    -- The run that ran it.
    coalesce(c.runner_span_id, u.parent_span_id) as cause_span_id,
    case when c.failure = 'cancelled' then 'caller' else 'code' end as fault,
    case
        when c.failed_ns is null then null
        when c.failure = 'timed_out' then 'timed out'
        when c.failure = 'cancelled' then 'was cut by a cancellation'
        else 'raised ' || coalesce(c.error_type, 'an error')
    end as note
from cleanups c
join units u on u.resource_id = c.resource_id and u.span_id = c.cleanup_span_id
where c.started_ns is not null
