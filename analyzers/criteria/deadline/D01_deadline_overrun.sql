-- id: D01
-- name: deadline-overrun
-- severity: error
-- says: A deadline passed, and what it should have cut got its cancellation, or ended, much too late.
-- rule: a deadline that passes cuts what it bounds within the tolerance
-- why: A timeout that does not cut in time bounds nothing: callers wait longer than they were promised, and queues fill up behind them.
-- judges: armed deadline of a stage, scope, task or run that passed; of a cleanup's budget tell C03 and C04
-- message: {subject} went on for {measured} past its deadline (allowed: {bound})
-- fix: Give the loop its turns (move blocking work to `asyncio.to_thread`), and let CancelledError pass through your code.
-- bad:
--   async with asyncio.timeout(1):
--       time.sleep(5)                       # the loop stands still, no timer can run
-- good:
--   async with asyncio.timeout(1):
--       await asyncio.to_thread(time.sleep, 5)
-- covers: H1; H5; H9; 5.1 stage is cancelled within the configured time; 6.1 Simple Timeout; 6.1 Exact Timeout
-- parameter tolerance_ms: 100 ms; the tolerance of success criterion 5.1
-- parameter hops: 64 hops; requests followed down a chain of awaits to what was really cut
-- certain given: the deadline was armed on the loop's clock as recorded, and the watchdog, which ran beside it, saw no standstill of the machine
-- cannot see: deadlines that a library builds from `loop.call_later` alone; lateness of a virtual loop, which is never late
-- unknown when: the machine as a whole stood still meanwhile, or no watchdog can tell; or the unit had its cancellation in time and is still open, so that it may yet turn out to have swallowed it; or
--   more than `hops` waits would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- needs: deadline, delivery
-- fault: code where the loop stood still or the cancellation was delivered and did not end the unit; library where the library armed the deadline and never asked; else code
with recursive
passed as (
    select
        d.trace_id, d.span_id, d.deadline_id,
        -- A timeout below 0, or a deadline moved into the past, is due when it is armed.
        greatest(d.at_ns, d.armed_ns) as at_ns, d.mechanism, d.expired_ns, u.subject, u.unit, u.resource_id, u.loop_id, u.clock,
        u.until_ns, u.is_open, u.outcome, coalesce(d.disarmed_ns, u.until_ns) as left_ns,
        not u.is_open and u.outcome in ('cancelled', 'timed_out') as unwound
    from deadlines d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    where d.at_ns is not null and d.at_ns <= coalesce(d.disarmed_ns, u.until_ns) and u.unit in ('stage', 'scope', 'task', 'pipeline')
),
-- The first delivery of each request, on whichever unit of the task: the innermost has it first, the outer ones when that has unwound.
delivered as (
    select u.resource_id, c.request_id, min(c.delivered_ns) as delivered_ns
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_ns is not null and c.swallowed_ns is null
    group by u.resource_id, c.request_id
),
-- What cut the unit: requests on it that were neither taken back nor over before the deadline passed.
cut as (
    select p.trace_id, p.span_id, p.deadline_id, p.resource_id, k.request_id, least(k.delivered_ns, d.delivered_ns) as delivered_ns
    from passed p
    join asks k on k.trace_id = p.trace_id and k.span_id = p.span_id
    left join delivered d on d.resource_id = p.resource_id and d.request_id = k.request_id
    where k.swallowed_ns is null and (k.consumed_ns is null or k.consumed_ns >= p.at_ns)
),
direct as (
    select trace_id, span_id, deadline_id, min(delivered_ns) as delivered_ns
    from cut
    group by trace_id, span_id, deadline_id
),
-- Where the unit itself had it too late: perhaps it waited for something that had it in time and took long to unwind.
late as (
    select c.*
    from cut c
    join passed p on p.trace_id = c.trace_id and p.span_id = c.span_id and p.deadline_id is not distinct from c.deadline_id
    left join direct d on d.trace_id = c.trace_id and d.span_id = c.span_id and d.deadline_id is not distinct from c.deadline_id
    where coalesce(d.delivered_ns, p.until_ns) > p.at_ns + $tolerance_ms::BIGINT * 1000000
),
handed_on as (
    select distinct u.resource_id, r.request_id, r.via
    from requests r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.via is not null and exists (select 1 from late)
),
chain as (
    select trace_id, span_id, deadline_id, resource_id, request_id, 0 as hop
    from late
    union all
    select c.trace_id, c.span_id, c.deadline_id, c.resource_id, r.request_id, c.hop + 1
    from chain c
    join handed_on r on r.resource_id = c.resource_id and r.via = c.request_id
    where c.hop < $hops
),
down as (
    select c.trace_id, c.span_id, c.deadline_id, min(d.delivered_ns) as delivered_ns, max(c.hop) >= $hops as cut_short
    from chain c
    left join delivered d on d.resource_id = c.resource_id and d.request_id = c.request_id
    group by c.trace_id, c.span_id, c.deadline_id
),
measured as (
    select
        p.*,
        least(direct.delivered_ns, down.delivered_ns) as delivered_ns,
        down.cut_short,
        case
            when p.unwound or p.is_open then coalesce(least(direct.delivered_ns, down.delivered_ns), p.left_ns)
            else p.left_ns
        end as reached_ns
    from passed p
    left join direct on direct.trace_id = p.trace_id and direct.span_id = p.span_id and direct.deadline_id is not distinct from p.deadline_id
    left join down on down.trace_id = p.trace_id and down.span_id = p.span_id and down.deadline_id is not distinct from p.deadline_id
),
overrun as (
    select m.*, m.reached_ns > m.at_ns + $tolerance_ms::BIGINT * 1000000 as late
    from measured m
),
-- Stretches for which the loop stood still between the deadline and what answered it.
stood_still as (
    select
        o.trace_id, o.span_id, o.deadline_id,
        bool_or(coalesce(b.machine_stalled, false)) as machine_stalled,
        arg_max(b.span_id, b.duration_ns) as blocker_id
    from overrun o
    join blocked b on b.resource_id = o.resource_id and b.loop_id = o.loop_id
    where o.late and b.time_ns > o.at_ns and b.time_ns - b.duration_ns < o.reached_ns
    group by o.trace_id, o.span_id, o.deadline_id
),
swallowed as (
    select distinct trace_id, span_id from asks where swallowed_ns is not null
),
watched as (
    select resource_id, list_contains(seams, 'watchdog=held') as held from resources
)
select
    -- The unit or scope whose deadline it was.
    o.trace_id,
    o.span_id,
    o.subject,
    case
        when o.late and coalesce(s.machine_stalled, false) then null
        when o.late and o.clock = 'monotonic' and not coalesce(w.held, false) then null
        when o.late and o.cut_short then null
        when o.late then false
        when o.is_open and o.delivered_ns is not null then null
        when o.is_open and o.left_ns = o.until_ns then null
        else true
    end as ok,
    -- How long after the deadline the cancellation was delivered to what it cut, or the unit ended.
    o.reached_ns - o.at_ns as measured,
    -- The tolerance.
    $tolerance_ms::BIGINT * 1000000 as bound,
    'ns' as unit,
    -- The unit that kept the loop busy longest meanwhile; null: none was seen.
    s.blocker_id as cause_span_id,
    case
        when s.blocker_id is not null or o.delivered_ns is not null then 'code'
        when o.mechanism = 'stageflow' and o.expired_ns is null then 'library'
        else 'code'
    end as fault,
    case
        when o.late and coalesce(s.machine_stalled, false) then 'the machine as a whole stood still'
        when o.late and o.clock = 'monotonic' and not coalesce(w.held, false) then 'no watchdog can tell whether the machine stood still'
        when o.late and o.cut_short then 'more than `hops` waits would have to be looked at'
        when o.late and s.blocker_id is not null then 'the loop stood still meanwhile'
        when o.late and o.expired_ns is null then 'its timer did not run'
        when o.late and o.delivered_ns is null and y.span_id is null then 'its timer ran, and no cancellation was delivered'
        when o.late and not o.unwound and not o.is_open then 'its cancellation was delivered and did not end it'
        when not o.late and o.is_open and (o.delivered_ns is not null or o.left_ns = o.until_ns) then 'still open: whether its cancellation ends it is not decided yet'
    end as note
from overrun o
left join stood_still s on s.trace_id = o.trace_id and s.span_id = o.span_id and s.deadline_id is not distinct from o.deadline_id
left join watched w on w.resource_id = o.resource_id
left join swallowed y on y.trace_id = o.trace_id and y.span_id = o.span_id
