-- id: P01
-- name: cancel-undelivered
-- severity: error
-- says: Somebody asked a unit to stop, and neither it nor anything that it waits for got the cancellation, nor has it ended.
-- rule: a cancellation that was asked for enters the unit, or something that it waits for, at its next turns
-- why: Whoever cancelled believes that it stops. It works on, and whoever awaits it waits in vain.
-- judges: live request
-- message: {subject} was asked to stop and had not got the cancellation {measured} later (allowed: {bound})
-- fix: Let the task reach an `await` that can be cancelled: no blocking calls, no futures of your own whose `cancel()` does nothing.
-- bad:
--   async def poll():
--       while not done():
--           time.sleep(0.1)             # never awaits, so no cancellation can enter
-- good:
--   async def poll():
--       while not done():
--           await asyncio.sleep(0.1)
-- covers: H1; H2; 2.2 Orphaned Tasks; 5.1 cancellation propagates
-- parameter tolerance_ms: 100 ms; as for a deadline, plus two turns of the loop (the unit's grace)
-- parameter hops: 64 hops; requests followed down a chain of awaits, and shields upwards
-- certain given: the request was recorded where `cancel()` was called, and every throw into the unit's code is seen while the seam `delivery` held
-- cannot see: a cancellation of a plain future that no task stands behind; code below the unit that swallows it inside a C extension
-- unknown when: the unit is still open, and the loop has not been seen to take a turn since; it waited for a thread of anyio's on a
--   virtual clock, which threads do not have; or more than `hops` waits or scopes would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cancel, delivery, task
-- fault: code, whose own awaits have to let the cancellation in
with recursive
-- On the addressee alone: what is inside it, in the same task, has the same request.
asked as (
    select
        c.trace_id, c.span_id, c.request_id, c.time_ns, c.turn, c.by_span_id, u.resource_id, u.loop_id, u.subject, u.until_ns, u.is_open,
        -- Asked before its first step, it ends without having run: nothing of it could be told.
        coalesce(c.before_first_step, false) and u.started_ns is null and not u.is_open as never_ran,
        u.grace_ns + $tolerance_ms::BIGINT * 1000000 as bound_ns
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where coalesce(c.live, true) and c.withdrawn_ns is null and c.time_ns <= u.until_ns
        and coalesce(c.addressee_span_id, c.span_id) = c.span_id
),
delivered as (
    select u.resource_id, c.request_id, min(c.delivered_ns) as delivered_ns, min(c.delivered_turn) as delivered_turn
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_ns is not null
    group by u.resource_id, c.request_id
),
own as (
    select a.*, d.delivered_ns, d.delivered_turn,
        case when a.never_ran then a.time_ns else least(coalesce(d.delivered_ns, a.until_ns), a.until_ns) end as reached_ns
    from asked a
    left join delivered d on d.resource_id = a.resource_id and d.request_id = a.request_id
),
-- A shield inside the unit, in the same task, keeps off what was asked from outside: the time counts from where it was left. What was
-- asked of the task itself goes through shields, and stands on the shielded scope, too. anyio waits for its threads behind a shield of
-- its own, which is no unit.
shields as (
    select s.trace_id, s.span_id, s.parent_span_id as at_id, s.start_ns, s.until_ns, false as by_thread, false as unsure, 1 as hop
    from units s
    where s.shielded
    union all
    -- A thread has the real clock: beside a virtual loop nobody can tell until when it kept off.
    select t.trace_id, t.span_id, t.span_id, case when t.clock = u.clock then t.started_ns else u.start_ns end,
        coalesce(t.finished_ns, u.until_ns), true, t.clock is distinct from u.clock, 1
    from threads t
    join units u on u.trace_id = t.trace_id and u.span_id = t.span_id
    where t.executor = 'anyio'
    union all
    select h.trace_id, h.span_id, m.parent_span_id, h.start_ns, h.until_ns, h.by_thread, h.unsure, h.hop + 1
    from shields h
    join units m on m.trace_id = h.trace_id and m.span_id = h.at_id
    where m.unit <> 'task' and h.hop < $hops
),
kept_off as (
    select o.trace_id, o.span_id, o.request_id, max(h.until_ns) filter (not h.unsure) as until_ns, bool_or(h.unsure) as unsure
    from own o
    join shields h on h.trace_id = o.trace_id and h.at_id = o.span_id
    left join requests r on r.trace_id = h.trace_id and r.span_id = h.span_id and r.request_id = o.request_id
    where o.reached_ns > o.time_ns + o.bound_ns and h.start_ns < o.reached_ns and (r.request_id is null or h.by_thread)
    group by o.trace_id, o.span_id, o.request_id
),
counted as (
    select o.*, greatest(o.time_ns, coalesce(k.until_ns, o.time_ns)) as from_ns, k.unsure
    from own o
    left join kept_off k on k.trace_id = o.trace_id and k.span_id = o.span_id and k.request_id = o.request_id
),
late as (
    select * from counted where reached_ns > from_ns + bound_ns
),
unended as (
    select distinct trace_id from shields where hop >= $hops
),
handed_on as (
    select distinct u.resource_id, r.request_id, r.via
    from requests r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.via is not null and exists (select 1 from late)
),
chain as (
    select resource_id, request_id as first_id, request_id, 0 as hop
    from late
    union all
    select c.resource_id, c.first_id, r.request_id, c.hop + 1
    from chain c
    join handed_on r on r.resource_id = c.resource_id and r.via = c.request_id
    where c.hop < $hops
),
down as (
    select c.resource_id, c.first_id as request_id, min(d.delivered_ns) as delivered_ns, min(d.delivered_turn) as delivered_turn,
        max(c.hop) >= $hops as cut_short
    from chain c
    left join delivered d on d.resource_id = c.resource_id and d.request_id = c.request_id
    group by c.resource_id, c.first_id
),
judged as (
    select o.*, least(o.reached_ns, down.delivered_ns) as first_ns, coalesce(o.delivered_ns, down.delivered_ns) as any_delivery_ns,
        -- However long two turns took: where thousands are asked in one turn, the next one is a long one.
        coalesce(least(o.delivered_turn, down.delivered_turn) <= o.turn + 2, false) as in_two_turns,
        case
            when o.unsure then 'it waited for a thread, which has another clock'
            when down.cut_short or o.trace_id in (select trace_id from unended) then 'more than `hops` waits or scopes would have to be looked at'
        end as doubt
    from counted o
    left join down on down.resource_id = o.resource_id and down.request_id = o.request_id
),
-- The last sign of life of a loop: without one after the bound it may be standing still.
turned as (
    select resource_id, loop_id, max(greatest(start_ns, coalesce(end_ns, 0), coalesce(started_ns, 0), coalesce(first_delivery_ns, 0))) as last_ns
    from units
    where exists (select 1 from late)
    group by resource_id, loop_id
),
worst as (
    select
        j.*,
        j.first_ns - j.time_ns as measured,
        case
            when j.first_ns > j.from_ns + j.bound_ns and not j.in_two_turns then
                case
                    when j.doubt is not null then null
                    when j.is_open and j.any_delivery_ns is null and coalesce(t.last_ns <= j.from_ns + j.bound_ns, true) then null
                    else false
                end
            when j.is_open and j.any_delivery_ns is null then null
            else true
        end as ok
    from judged j
    left join turned t on t.resource_id = j.resource_id and t.loop_id = j.loop_id
)
select
    -- The unit that was asked.
    w.trace_id,
    w.span_id,
    w.subject,
    w.ok,
    -- How long after the request the first delivery, or the end, came; without either: what is known.
    w.measured,
    -- The tolerance and two turns of the loop.
    w.bound_ns as bound,
    'ns' as unit,
    -- Who asked.
    w.by_span_id as cause_span_id,
    'code' as fault,
    case when w.ok is null then coalesce(w.doubt, 'still open, and its loop has not been seen to take a turn since the request') end as note
from worst w
