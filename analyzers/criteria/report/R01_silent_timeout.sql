-- id: R01
-- name: silent-timeout
-- severity: error
-- says: A deadline fired, or a cancellation arrived, and the very call that it was meant for returned as if nothing had happened.
-- rule: a call whose deadline fired, or that was cancelled, does not return as if nothing had happened
-- why: The caller goes on with a result that came too late or is only half done, and no log, metric or error shows it.
-- judges: stage attempt, pipeline or scope whose deadline fired or whose cancellation arrived
-- message: {subject} returned normally {measured} after its {note}
-- fix: Let CancelledError pass (see P08); where a partial result is wanted, say so in the result.
-- bad:
--   async def stage(ctx):
--       try:
--           return await work()
--       except asyncio.CancelledError:
--           return StageOutput.ok(data={})          # the timeout succeeds
-- good:
--   async def stage(ctx):
--       try:
--           return await work()
--       except asyncio.CancelledError:
--           save_partial()
--           raise
-- covers: H1; H8; 2.2 Silent Failures; 5.3 no silent failures
-- certain given: the deadline's timer ran or the cancellation entered, and the very call is known to have returned without an error
-- cannot see: a caller further up that swallows the error
-- unknown when: it is still open
-- torn: certain
-- clock: any
-- scope: trace
-- needs: deadline, cancel, delivery
-- fault: code for a stage or scope; library for a pipeline
with
-- Scopes of anyio report by their state, not by an error.
fired as (
    select d.trace_id, d.span_id, min(coalesce(d.expired_ns, d.at_ns)) as at_ns, bool_or(coalesce(d.mechanism, '') = 'anyio') as by_state
    from deadlines d
    where d.state = 'expired' or d.expired_ns is not null
    group by d.trace_id, d.span_id
),
-- Meant for it: on a scope only its own, on a stage or pipeline any that was delivered to its task. What ended lawfully inside does not count.
arrived as (
    select
        c.trace_id, c.span_id,
        min(c.delivered_ns) as at_ns,
        bool_or(c.mechanism = 'anyio') as by_state
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_ns is not null and c.consumed_ns is null
        and (u.unit in ('stage', 'pipeline') or (u.unit = 'scope' and c.addressee_span_id = c.span_id))
    group by c.trace_id, c.span_id
),
judged as (
    select
        u.trace_id, u.span_id, u.subject, u.unit, u.is_open, u.outcome, u.until_ns, u.grace_ns,
        f.at_ns as fired_ns, a.at_ns as arrived_ns
    from units u
    left join fired f on f.trace_id = u.trace_id and f.span_id = u.span_id
    left join arrived a on a.trace_id = u.trace_id and a.span_id = u.span_id
    where u.unit in ('stage', 'pipeline', 'scope') and coalesce(f.at_ns, a.at_ns) is not null
        and not coalesce(f.by_state, false) and not coalesce(a.by_state and u.unit = 'scope', false)
)
select
    -- The call that returned.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.is_open then null
        when j.outcome <> 'completed' then true
        -- Done in the moment of the deadline, before the cancellation could enter: either outcome is lawful.
        when j.arrived_ns is null and j.until_ns <= j.fired_ns + j.grace_ns then true
        else false
    end as ok,
    -- How long after the deadline, or the delivery, it returned.
    j.until_ns - coalesce(j.fired_ns, j.arrived_ns) as measured,
    null::BIGINT as bound,
    'ns' as unit,
    null::VARCHAR as cause_span_id,
    case when j.unit = 'pipeline' then 'library' else 'code' end as fault,
    case
        when j.is_open then 'still open'
        when j.fired_ns is not null then 'own deadline had fired'
        else 'cancellation had arrived'
    end as note
from judged j
