-- id: D04
-- name: timeout-drift
-- severity: warning
-- says: Timeouts of one kind and one length, on one loop, fired with very different delays, though nothing was seen to block that loop.
-- rule: timeouts that were set alike fire alike
-- why: The loop has more to do than fits into its turns, so that a timeout says when work may be cut, and no longer when it is. Under load
--   everything takes longer than the numbers in the configuration.
-- judges: three or more timeouts of one loop, mechanism and length that fired
-- message: {note}; {subject} is the latest of them, {cause} the earliest (allowed: {bound})
-- fix: Look for what keeps the loop busy in short steps: fewer tasks at once (a semaphore), work moved to a thread or a process. If some of them have to
--   be exact, give them a loop of their own.
-- bad:
--   await asyncio.gather(*(parse(page) for page in pages))      # ten thousand at once, each with its timeout
-- good:
--   limit = asyncio.Semaphore(50)
--   async def bounded(page):
--       async with limit, asyncio.timeout(1):
--           return await parse(page)
-- covers: H9; 2.2 Timeout Drift; 5.1 stage is cancelled within the configured time; 6.4 Concurrent Timeouts
-- parameter tolerance_ms: 100 ms; the tolerance of success criterion 5.1, for what is alike as for what is exact
-- parameter units: 3 units; with fewer a difference says nothing of the others
-- certain given: the watchdog saw every standstill of the loop, and of the machine, beside which these timers ran
-- cannot see: what made the loop late, where no single step was long; deadlines that a library builds from `loop.call_later` alone
-- unknown when: no watchdog can tell whether the loop stood still
-- torn: certain
-- clock: real
-- scope: set
-- needs: deadline, watchdog
-- fault: code
with
fired as (
    select
        u.resource_id, u.loop_id, d.mechanism, d.trace_id, d.span_id, d.expired_ns, u.subject,
        -- A timeout that is worked out from two readings of the clock differs in its last digits: told to the ms, below 10 ms to the us.
        case when abs(d.timeout_ns) >= 10000000 then round(d.timeout_ns, -6) else round(d.timeout_ns, -3) end as timeout_ns,
        -- A deadline that lay in the past was due when it was armed.
        greatest(d.at_ns, d.armed_ns) as due_ns
    from deadlines d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    where d.expired_ns is not null and d.at_ns is not null and d.timeout_ns is not null
        -- A `wait_for` of 0 or less has no timer: it ends when what it cut has unwound.
        and (d.timeout_ns > 0 or d.mechanism is distinct from 'wait_for') and u.clock = 'monotonic'
),
-- Stretches of one loop do not overlap: the first that ends after the deadline is the one that reaches into it, if any does.
beside as (
    select f.*, b.time_ns - b.duration_ns as blocked_from_ns
    from fired f
    asof left join (
        select resource_id, loop_id, time_ns, duration_ns from blocked where duration_ns is not null
    ) b on b.resource_id = f.resource_id and b.loop_id = f.loop_id and f.due_ns < b.time_ns
),
grouped as (
    select
        resource_id, loop_id, mechanism, timeout_ns, count(distinct (trace_id, span_id)) as number,
        min(expired_ns - due_ns) as least_ns, max(expired_ns - due_ns) as most_ns,
        arg_min({'trace_id': trace_id, 'span_id': span_id}, (expired_ns - due_ns, expired_ns, span_id)) as earliest,
        arg_max({'trace_id': trace_id, 'span_id': span_id, 'subject': subject}, (expired_ns - due_ns, -expired_ns, span_id)) as latest
    from beside
    where not coalesce(blocked_from_ns < expired_ns, false)
    group by resource_id, loop_id, mechanism, timeout_ns
    having number >= $units
)
select
    -- The latest of the group stands for it.
    latest.trace_id as trace_id,
    latest.span_id as span_id,
    latest.subject as subject,
    most_ns - least_ns <= $tolerance_ms::BIGINT * 1000000 as ok,
    -- Between the least and the greatest delay from deadline to firing.
    most_ns - least_ns as measured,
    -- The tolerance.
    $tolerance_ms::BIGINT * 1000000 as bound,
    'ns' as unit,
    -- The earliest of the group.
    earliest.span_id as cause_span_id,
    'code' as fault,
    -- The group, and how its firings lie.
    case when most_ns - least_ns > $tolerance_ms::BIGINT * 1000000
        then printf('%d timeouts of %.6g ms by `%s` fired between %.4g and %.4g ms after their deadlines', number, timeout_ns / 1e6,
            coalesce(mechanism, 'timer'), least_ns / 1e6, most_ns / 1e6)
    end as note
from grouped
