-- id: T03
-- name: loop-blocked
-- severity: warning
-- says: A unit kept its event loop busy for so long that nothing else could run.
-- rule: each step of a task lets the loop go on within the tolerance
-- why: While the loop stands still no timer runs, no cancellation arrives and no other task goes on, of whatever run or request it is.
-- judges: stretch of 5 ms or more for which a loop stood still, less what its thread waited for a processor
-- message: {subject} kept the loop busy for {measured} (allowed: {bound}): {note}
-- fix: Move blocking calls and long computations out of the loop, with `asyncio.to_thread` or a process pool; or let the loop go on in
--   between with `await asyncio.sleep(0)`.
-- bad:
--   async def handler():
--       time.sleep(5)                           # everybody waits
-- good:
--   async def handler():
--       await asyncio.to_thread(time.sleep, 5)
-- covers: H1; H5; H9; 2.2 Timeout Drift; 5.1 stage is cancelled within the configured time; 6.4 Very Long Timeout; 6.5 Resource Exhaustion
-- parameter tolerance_ms: 100 ms; the tolerance of success criterion 5.1: a loop that stands still longer makes every deadline late
-- certain given: the watchdog thread ran beside the loop and was not late itself
-- cannot see: callbacks that block outside of any task
-- unknown when: the machine as a whole stood still meanwhile
-- torn: certain
-- clock: real
-- scope: trace
-- needs: watchdog, task
-- fault: library where the line that ran is installed in site-packages; else code
with stood as (
    -- What its thread waited for a processor, the machine took.
    select *, duration_ns - coalesce(starved_ns, 0) as own_ns from blocked
)
select
    -- The unit that ran.
    b.trace_id,
    b.span_id,
    u.subject,
    case
        when b.own_ns <= $tolerance_ms::BIGINT * 1000000 then true
        when not coalesce(b.machine_stalled, false) then false
    end as ok,
    -- How long the loop stood still, less what its thread had no processor.
    b.own_ns as measured,
    -- The tolerance.
    $tolerance_ms::BIGINT * 1000000 as bound,
    'ns' as unit,
    null::VARCHAR as cause_span_id,
    case when b.file like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when b.duration_ns <= $tolerance_ms::BIGINT * 1000000 then null
        when b.own_ns <= $tolerance_ms::BIGINT * 1000000 then 'the machine had no processor for its thread in between'
        when coalesce(b.machine_stalled, false) then 'the machine as a whole stood still'
        else concat_ws(', ',
            coalesce('it was' || coalesce(' in ' || b.function, '') || ' at ' || parse_filename(b.file) || ':' || b.line, 'its line was not seen'),
            case
                when b.cpu_ns * 2 >= b.own_ns then 'and computed'
                when b.cpu_ns is not null then 'and waited there without letting the loop go on'
            end
        )
    end as note
from stood b
join units u on u.trace_id = b.trace_id and u.span_id = b.span_id
