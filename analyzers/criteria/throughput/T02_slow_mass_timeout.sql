-- id: T02
-- name: slow-mass-timeout
-- severity: error
-- says: Many units had one deadline, and the last of them heard of it much too late.
-- rule: many units with one deadline are all told within 5 ms a unit
-- why: Timeouts come together: a database stops, and all that waits for it is cut at once. If the cancellations then take turns, what was bounded
--   to a second takes a minute, just when everybody retries.
-- judges: group of 50 or more units whose one deadline passed
-- message: {subject} was the last of a group of units with one deadline to be told, {measured} after it (allowed: {bound}); {note}
-- fix: Keep what runs at a cancellation short (`except` and `finally` blocks, callbacks of futures and scopes): it runs once a unit, one after the
--   other, on the one thread of the loop. Move the slow part to `asyncio.to_thread`, or let fewer units wait at a time (a semaphore, a queue).
-- bad:
--   try:
--       await call()
--   except asyncio.CancelledError:
--       time.sleep(0.02)                    # a thousand of them: 20 s
--       raise
-- good:
--   try:
--       await call()
--   except asyncio.CancelledError:
--       await asyncio.to_thread(save)       # they wait beside each other
--       raise
-- covers: H9; 5.2 1000 concurrent timeouts complete within 5 seconds; 6.4 Concurrent Timeouts
-- parameter unit_ms: 5 ms; for each unit of the group: success criterion 5.2 has 5 s for 1,000 of them
-- parameter group: 50 units; fewer are no mass: hypothesis H9 speaks of 50 and more
-- parameter window_ms: 20 ms; deadlines that follow each other closer are one: units that are started together arm theirs one after the other
-- parameter hops: 64 hops; requests followed down a chain of awaits to what was really cut
-- certain given: the deadlines were armed as recorded, and the watchdog saw no standstill of the machine
-- cannot see: units that have no deadline of their own and are cut by one that is around them; what a virtual loop would have taken in real time
-- unknown when: the machine as a whole stood still meanwhile, or no watchdog can tell; or a unit of the group is still open and was not told
--   yet; or more than `hops` waits would have to be looked at
-- torn: unknown
-- clock: real
-- scope: set
-- samples: needed
-- needs: deadline, delivery
-- fault: code, whose blocks and callbacks run on the loop; library where a stage was asked so late that its own code cannot be why: its timer
--   had not run, and nothing was seen to keep the loop busy
with recursive
passed as (
    select
        d.trace_id, d.span_id, d.deadline_id, d.mechanism, d.expired_ns, greatest(d.at_ns, d.armed_ns) as at_ns,
        u.resource_id, u.loop_id, u.subject, u.unit, u.until_ns, u.until_seq, u.is_open, coalesce(d.disarmed_ns, u.until_ns) as left_ns
    from deadlines d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    -- Whoever has left by the deadline had none to hear of.
    where d.at_ns is not null and greatest(d.at_ns, d.armed_ns) <= coalesce(d.disarmed_ns, u.until_ns)
        and u.unit in ('stage', 'scope', 'task', 'pipeline') and u.resource_id is not null and u.clock is distinct from 'virtual'
),
-- A loop with too few of them has no group: nothing is sorted for it.
many as (
    select resource_id, loop_id from passed group by resource_id, loop_id having count(*) >= $group
),
marked as (
    select p.*, coalesce(p.at_ns - lag(p.at_ns) over alike > $window_ms::BIGINT * 1000000, false)::INTEGER as begins
    from passed p
    join many m on m.resource_id = p.resource_id and m.loop_id is not distinct from p.loop_id
    window alike as (partition by p.resource_id, p.loop_id order by p.at_ns)
),
-- By time alone, so that all of one instant get the number of the one among them that begins.
numbered as (
    select *, sum(begins) over (partition by resource_id, loop_id order by at_ns range unbounded preceding) as number
    from marked
),
grouped as (
    select * from numbered
    qualify count(*) over (partition by resource_id, loop_id, number) >= $group
),
-- The first delivery of each request, on whichever unit of the task: the innermost has it first.
delivered as (
    select u.resource_id, c.request_id, min(c.delivered_ns) as delivered_ns
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_ns is not null and exists (select 1 from grouped)
    group by u.resource_id, c.request_id
),
cut as (
    select g.trace_id, g.span_id, g.deadline_id, g.resource_id, g.at_ns, k.request_id, least(k.delivered_ns, d.delivered_ns) as delivered_ns
    from grouped g
    join asks k on k.trace_id = g.trace_id and k.span_id = g.span_id
    left join delivered d on d.resource_id = g.resource_id and d.request_id = k.request_id
    where k.consumed_ns is null or k.consumed_ns >= g.at_ns
),
direct as (
    select trace_id, span_id, deadline_id, min(delivered_ns) as delivered_ns from cut group by trace_id, span_id, deadline_id
),
-- Where the unit itself had it later than its share: perhaps it waited for something that had it in time and took long to unwind.
late as (
    select c.trace_id, c.span_id, c.deadline_id, c.resource_id, c.request_id
    from cut c
    join direct d on d.trace_id = c.trace_id and d.span_id = c.span_id and d.deadline_id is not distinct from c.deadline_id
    where coalesce(d.delivered_ns > c.at_ns + $unit_ms::BIGINT * $group::BIGINT * 1000000, true)
),
handed_on as (
    select distinct u.resource_id, r.request_id, r.via
    from requests r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.via is not null and exists (select 1 from late)
),
chain as (
    select trace_id, span_id, deadline_id, resource_id, request_id, 0 as hop from late
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
told as (
    select
        g.*,
        least(direct.delivered_ns, down.delivered_ns) as delivered_ns,
        coalesce(least(direct.delivered_ns, down.delivered_ns), g.left_ns) as reached_ns,
        down.cut_short
    from grouped g
    left join direct on direct.trace_id = g.trace_id and direct.span_id = g.span_id and direct.deadline_id is not distinct from g.deadline_id
    left join down on down.trace_id = g.trace_id and down.span_id = g.span_id and down.deadline_id is not distinct from g.deadline_id
),
-- What was told before its deadline was cut by somebody else.
groups as (
    select
        resource_id, loop_id, number,
        count(*) as n,
        max(reached_ns - at_ns) as late_ns,
        arg_max({'trace_id': trace_id, 'span_id': span_id, 'subject': subject, 'unit': unit, 'mechanism': mechanism,
            'timer_ran': expired_ns is not null, 'at_ns': at_ns, 'reached_ns': reached_ns}, (reached_ns - at_ns, until_seq)) as last_one,
        bool_or(is_open and delivered_ns is null and left_ns = until_ns) as waiting,
        bool_or(cut_short) as cut_short
    from told
    where delivered_ns is null or delivered_ns >= at_ns
    group by resource_id, loop_id, number
    having count(*) >= $group
),
weighed as (
    select *, late_ns > n * $unit_ms::BIGINT * 1000000 as late from groups
),
-- Stretches for which the loop stood still meanwhile.
stood_still as (
    select
        w.resource_id, w.loop_id, w.number,
        bool_or(coalesce(b.machine_stalled, false)) as machine_stalled,
        arg_max(b.span_id, b.duration_ns) as blocker_id
    from weighed w
    join blocked b on b.resource_id = w.resource_id and b.loop_id is not distinct from w.loop_id
    where w.late and b.time_ns > w.last_one.at_ns and b.time_ns - b.duration_ns < w.last_one.reached_ns
    group by w.resource_id, w.loop_id, w.number
),
watched as (
    select resource_id, list_contains(seams, 'watchdog=held') as held from resources
),
judged as (
    select
        w.*, s.blocker_id,
        case
            when w.late and coalesce(s.machine_stalled, false) then 'the machine as a whole stood still'
            when w.late and not coalesce(h.held, false) then 'no watchdog can tell whether the machine stood still'
            when w.late and w.cut_short then 'more than `hops` waits would have to be looked at'
            when not w.late and w.waiting then 'a unit of the group is still open and was not told yet'
        end as doubt
    from weighed w
    left join stood_still s on s.resource_id = w.resource_id and s.loop_id is not distinct from w.loop_id and s.number = w.number
    left join watched h on h.resource_id = w.resource_id
)
select
    -- The unit of the group that was told last, or has ended last without being told.
    j.last_one.trace_id as trace_id,
    j.last_one.span_id as span_id,
    j.last_one.subject as subject,
    case when j.doubt is null then not j.late end as ok,
    -- From its deadline to its delivery.
    j.late_ns as measured,
    -- 5 ms for each unit of the group.
    j.n * $unit_ms::BIGINT * 1000000 as bound,
    'ns' as unit,
    -- The unit that kept the loop busy longest meanwhile; null: none was seen.
    j.blocker_id as cause_span_id,
    case
        when j.blocker_id is null and j.last_one.unit = 'stage' and j.last_one.mechanism = 'stageflow' and not j.last_one.timer_ran then 'library'
        else 'code'
    end as fault,
    coalesce(
        j.doubt,
        j.n || ' units had that deadline' || case when j.blocker_id is not null then ', and the loop stood still meanwhile' else '' end
    ) as note
from judged j
