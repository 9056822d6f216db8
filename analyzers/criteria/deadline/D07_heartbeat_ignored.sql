-- id: D07
-- name: heartbeat-ignored
-- severity: error
-- says: A unit declared for how long it must not be taken for dead, and a deadline cut it before that time was over.
-- rule: what has said that it is alive is not cut by a deadline before the time is over that it asked for
-- why: Long work that makes progress is thrown away as if it hung, and is begun again from nothing. A heartbeat that nobody listens to is worse than
--   none: people rely on it.
-- judges: unit that declares a heartbeat timeout
-- message: {subject} was cut by a deadline {measured} after its last heartbeat, which asked for {bound} before it is taken for dead
-- fix: Let each heartbeat move the deadline (`asyncio.timeout` and `reschedule`) instead of cutting after a fixed time. stageflow has no such
--   mechanism: give the stage a timeout of 0 (none) and a scope of its own that its heartbeats reschedule.
-- bad:
--   async with asyncio.timeout(10):              # cuts after 10 seconds, whatever is said meanwhile
--       for part in parts:
--           spanproof.heartbeat(timeout=5)
--           await work_on(part)
-- good:
--   async with asyncio.timeout(5) as scope:
--       for part in parts:
--           spanproof.heartbeat(timeout=5)
--           scope.reschedule(asyncio.get_running_loop().time() + 5)
--           await work_on(part)
-- covers: H10; 2.1 Activity Heartbeats; 3.2 No heartbeat mechanism to prevent premature timeout
-- parameter hops: 64 hops; scopes and tasks between a heartbeat and the stage that it stands for, and steps of a request from its timer
-- certain given: heartbeats were declared by `spanproof.heartbeat(timeout=...)` where the work is done
-- cannot see: heartbeats of other kinds (a message, a row in a table); a cut by somebody who counts the time by himself and calls `cancel()`
-- unknown when: never; a unit that is still open and was not cut has held so far
-- torn: certain
-- clock: any
-- scope: trace
-- margin: none
-- needs: deadline, cancel
-- fault: library for a stage, whose library armed the deadline; else code
with recursive
beats as (
    select h.trace_id, h.span_id, h.time_ns, h.seq, h.timeout_ns
    from heartbeats h
),
declaring as (
    select distinct trace_id, span_id from beats
),
-- From the unit that a heartbeat stands on up to the stage that it is made for; outside of any stage to the task.
way as (
    select u.trace_id, u.span_id as from_id, u.span_id, u.parent_span_id, u.unit, 0 as hop
    from declaring d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    union all
    select w.trace_id, w.from_id, u.span_id, u.parent_span_id, u.unit, w.hop + 1
    from way w
    join units u on u.trace_id = w.trace_id and u.span_id = w.parent_span_id
    where w.unit in ('scope', 'task') and u.unit in ('scope', 'task', 'stage') and w.hop < $hops
),
reach as (
    select
        trace_id, from_id,
        min(hop) filter (where unit = 'stage') as stage_hop,
        coalesce(min(hop) filter (where unit <> 'scope'), max(hop)) as own_hop
    from way
    group by trace_id, from_id
),
stands_for as materialized (
    select w.trace_id, w.from_id, w.span_id, w.hop, coalesce(r.stage_hop, r.own_hop) = w.hop as is_top
    from way w
    join reach r on r.trace_id = w.trace_id and r.from_id = w.from_id
    where w.hop <= coalesce(r.stage_hop, r.own_hop)
),
speakers as materialized (
    select distinct trace_id, span_id from stands_for
),
-- Cut by a deadline: a timer asked this very unit, or what it was in waited for it and handed the request on.
timers as materialized (
    select r.trace_id, r.span_id, r.request_id, r.via, r.time_ns, r.seq
    from requests r
    where r.mechanism = 'timer' and coalesce(r.live, true) and coalesce(r.addressee_span_id, r.span_id) = r.span_id
),
cut as materialized (
    select u.resource_id, r.*
    from timers r
    join speakers s on s.trace_id = r.trace_id and s.span_id = r.span_id
    join asks k on k.trace_id = r.trace_id and k.span_id = r.span_id and k.request_id = r.request_id
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
),
passed_on as materialized (
    select distinct u.resource_id, r.request_id, r.via
    from requests r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.via is not null and exists (select 1 from cut where via is not null)
),
origin as (
    select resource_id, request_id, coalesce(via, request_id) as root_id, 0 as hop
    from cut
    union all
    select o.resource_id, o.request_id, p.via, o.hop + 1
    from origin o
    join passed_on p on p.resource_id = o.resource_id and p.request_id = o.root_id
    where o.hop < $hops
),
roots as materialized (
    select resource_id, request_id, arg_max(root_id, hop) as root_id from origin group by resource_id, request_id
),
candidates as materialized (
    select s.trace_id, s.from_id, s.span_id, s.hop, c.time_ns, c.seq, r.root_id
    from stands_for s
    join cut c on c.trace_id = s.trace_id and c.span_id = s.span_id
    join roots r on r.resource_id = c.resource_id and r.request_id = c.request_id
),
-- Of one timer's request the outermost of the units that a heartbeat stands for is told, not what it waited for.
cut_units as materialized (
    select distinct trace_id, span_id, time_ns, seq, root_id
    from (select * from candidates qualify hop = max(hop) over (partition by trace_id, from_id, root_id))
),
-- The heartbeats that each of these stands for.
spoken as materialized (
    select s.trace_id, s.span_id, b.span_id as by_id, b.time_ns, b.seq, b.timeout_ns
    from (select distinct trace_id, span_id from cut_units) c
    join stands_for s on s.trace_id = c.trace_id and s.span_id = c.span_id
    join beats b on b.trace_id = s.trace_id and b.span_id = s.from_id
),
heard as (
    select
        c.trace_id, c.span_id, c.root_id, any_value(c.time_ns) as cut_ns,
        arg_max(b.time_ns, b.seq) as last_ns,
        arg_max(b.by_id, b.seq) as last_id,
        -- What was said last of the time holds for later heartbeats that say nothing of it.
        arg_max(b.timeout_ns, b.seq) filter (where b.timeout_ns is not null) as timeout_ns
    from cut_units c
    join spoken b on b.trace_id = c.trace_id and b.span_id = c.span_id
    where b.seq < c.seq
    group by c.trace_id, c.span_id, c.root_id
),
-- Of several cuts the one that came soonest after a heartbeat.
worst as (
    select
        trace_id, span_id, arg_min(cut_ns - last_ns, (cut_ns - last_ns - timeout_ns, root_id)) as age_ns,
        arg_min(timeout_ns, (cut_ns - last_ns - timeout_ns, root_id)) as timeout_ns,
        arg_min(last_id, (cut_ns - last_ns - timeout_ns, root_id)) as last_id
    from heard
    where timeout_ns is not null
    group by trace_id, span_id
),
judged as (
    select distinct s.trace_id, s.span_id
    from stands_for s
    join beats b on b.trace_id = s.trace_id and b.span_id = s.from_id
    where b.timeout_ns is not null and s.is_top
    union
    select trace_id, span_id from worst
)
select
    -- The stage, task or scope that said that it is alive.
    u.trace_id,
    u.span_id,
    u.subject,
    coalesce(w.age_ns >= w.timeout_ns, true) as ok,
    -- How old its last heartbeat was when the deadline cut it; null: none did.
    w.age_ns as measured,
    -- For how long it was not to be taken for dead.
    w.timeout_ns as bound,
    'ns' as unit,
    -- The unit below it whose heartbeat was the last; null: its own.
    nullif(w.last_id, u.span_id) as cause_span_id,
    case when u.unit = 'stage' then 'library' else 'code' end as fault,
    case when w.last_id <> u.span_id and w.age_ns < w.timeout_ns then 'the heartbeat was made inside of it' end as note
from judged j
join units u on u.trace_id = j.trace_id and u.span_id = j.span_id
left join worst w on w.trace_id = j.trace_id and w.span_id = j.span_id
