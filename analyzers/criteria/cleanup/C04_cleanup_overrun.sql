-- id: C04
-- name: cleanup-overrun
-- severity: warning
-- says: A unit that had been cancelled took much too long to clean up and go, or a registered cleanup callback took that long.
-- rule: what is cancelled is gone within a second, and a cleanup callback is through in that time
-- why: Whoever cancels waits for the cleanup: a timeout of one second that is followed by five seconds of cleanup is a timeout of six. Shutdowns
--   pile up behind it until somebody kills the process, and then the rest of the cleanup is lost.
-- judges: stretch of unwinding of a task, stage, pipeline, subpipeline or scope; cleanup callback that was started
-- message: {subject} was cleaning up for {measured} (allowed: {bound})
-- fix: Do in `finally` only what gives something back, and bound it: `async with asyncio.timeout(0.5)` around a close that may hang. Long work
--   (flush, upload, undo) belongs in a task of its own that somebody owns, or in the next run.
-- bad:
--   try:
--       await send(data)
--   finally:
--       await upload_everything()             # takes as long as it takes
-- good:
--   try:
--       await send(data)
--   finally:
--       async with asyncio.timeout(0.5):
--           await connection.close()
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 cleanup handlers execute; 6.5 Slow Cleanup
-- parameter tolerance_ms: 1000 ms; time to close connections and to roll back, which is what a cleanup is for
-- parameter hops: 16 hops; scopes, awaits and children followed down to what a unit really waits for while it unwinds
-- certain given: the delivery and the end were seen, and what the unit waited for meanwhile was seen too: the time for which it only waits for others that
--   were cancelled, for its callbacks, or for work that it had shielded before, is not counted as its own
-- cannot see: cleanup in a task of its own that nobody cancelled and nobody awaits; a cleanup that is long in all, though no unit's part of it is: a scope that passes the
--   cancellation on to its task, and a callback, are judged each by itself
-- unknown when: it is still unwinding, or the callback still runs, in a trace that is cut: it may yet turn out to swallow the request; or the machine as a whole
--   stood still meanwhile, and without that it was in time; or more than `hops` waits would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cancel, delivery, await, cleanup
-- fault: library where the line that registered the callback, or else the unit's own code, is installed in site-packages; else code
with recursive
-- One row an own delivery. It unwinds to the unit's end; a scope that takes its own request back when it is left, to there; a request that
-- ended otherwise inside the unit (a TaskGroup that was aborted), to there.
delivered as (
    select
        c.trace_id, c.span_id, c.time_ns as asked_ns, c.delivered_ns as start_ns, c.delivered_seq as start_seq,
        c.request_id, c.by_span_id, u.unit,
        c.swallowed_ns is not null as swallowed, c.consumed_ns is not null as consumed,
        case when consumed and not (u.unit = 'scope' and c.consumed_by in ('timeout', 'anyio')) then c.consumed_seq end as ended_seq,
        case when ended_seq is not null then least(c.consumed_ns, u.until_ns) else u.until_ns end as end_ns,
        consumed or u.is_open or u.outcome in ('cancelled', 'timed_out') as unwinds
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_seq is not null and u.unit is not null and u.unit <> 'cleanup'
),
to_the_end as (
    select
        trace_id, span_id,
        min(start_ns) as start_ns,
        min(start_seq) as start_seq,
        any_value(end_ns) as end_ns,
        arg_min(by_span_id, request_id) as cause_span_id,
        -- Of a scope: the request was meant for what is around it.
        not bool_or(consumed) as passed_on
    from delivered
    where ended_seq is null and unwinds and not swallowed
    group by trace_id, span_id
),
-- What ended inside the unit while that was not unwinding to its end anyway.
to_its_exit as (
    select d.trace_id, d.span_id, min(d.start_ns) as start_ns, min(d.start_seq) as start_seq, any_value(d.end_ns) as end_ns,
        arg_min(d.by_span_id, d.request_id) as cause_span_id
    from delivered d
    left join to_the_end e on e.trace_id = d.trace_id and e.span_id = d.span_id
    where d.ended_seq is not null and not d.swallowed and coalesce(d.start_seq < e.start_seq, true)
    group by d.trace_id, d.span_id, d.ended_seq
),
callbacks as (
    select
        u.trace_id, u.span_id, c.started_ns as start_ns, c.started_seq as start_seq,
        coalesce(c.failed_ns, c.finished_ns, u.until_ns) as end_ns,
        coalesce(c.failed_ns, c.finished_ns) is null as lasts,
        coalesce(c.runner_span_id, u.parent_span_id) as cause_span_id,
        c.file
    from cleanups c
    join units u on u.resource_id = c.resource_id and u.span_id = c.cleanup_span_id
    where c.started_seq is not null
),
stretches as (
    select e.*, null::BOOLEAN as lasts, null as file from to_the_end e
    union all by name
    select x.*, false as lasts, null as file, false as passed_on from to_its_exit x
    union all by name
    select c.*, false as passed_on from callbacks c
),
judged as (
    select
        s.* exclude (lasts), u.resource_id, u.loop_id, u.subject, u.unit, u.settled, coalesce(s.file, u.code_file) as code_file,
        coalesce(s.lasts, u.is_open) as lasts,
        s.end_ns - s.start_ns as length_ns
    from stretches s
    join settled_units u on u.trace_id = s.trace_id and u.span_id = s.span_id
),
long as (
    select * from judged where length_ns > $tolerance_ms::BIGINT * 1000000
),
-- When a unit was on its way out, lawfully or not (a swallow is told of itself), also while it waited for what it had handed the request on to;
-- when a callback ran.
away as materialized (
    select u.resource_id, d.span_id, d.asked_ns as start_ns, d.end_ns
    from delivered d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    where exists (select 1 from long)
    union all
    select u.resource_id, c.span_id, c.start_ns, c.end_ns
    from callbacks c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where exists (select 1 from long)
),
-- Who waits for whom: the parts of a unit that run in it, or that its run waits for, and what it awaits, each with the time of the waiting.
waits as (
    select p.resource_id, p.span_id, u.span_id as to_id, u.start_ns as lo_ns, u.until_ns as hi_ns
    from units u
    join units p on p.trace_id = u.trace_id and p.span_id = u.parent_span_id
    where u.unit in ('scope', 'stage', 'pipeline', 'subpipeline', 'cleanup') and exists (select 1 from long)
    union all
    -- A run begins a trace of its own.
    select u.resource_id, u.origin_span_id, u.span_id, u.start_ns, u.until_ns
    from units u
    where u.unit = 'pipeline' and u.origin_span_id is not null and exists (select 1 from long)
    union all
    select u.resource_id, a.span_id, a.target_span_id, a.start_ns, coalesce(a.end_ns, u.until_ns)
    from awaits a
    join units u on u.trace_id = a.trace_id and u.span_id = a.span_id
    where exists (select 1 from long)
),
parts as materialized (
    select w.*, a.span_id is null as goes_on
    from waits w
    left join (select distinct resource_id, span_id from away) a on a.resource_id = w.resource_id and a.span_id = w.to_id
),
-- Work that was kept from being cancelled, and is then awaited in the handler: shield, then wait.
shielded as (
    select distinct t.resource_id, t.span_id, t.start_seq, t.start_ns, t.until_ns
    from awaits a
    join units w on w.trace_id = a.trace_id and w.span_id = a.span_id
    join units t on t.resource_id = w.resource_id and t.span_id = a.target_span_id
    where a.how = 'shield' and exists (select 1 from long)
),
-- Down from each long stretch, to the first that were on their way out themselves.
down as (
    select l.trace_id, l.span_id, l.start_seq, l.resource_id, l.span_id as at_id, l.start_ns as lo_ns, l.end_ns as hi_ns, 0 as hop, true as goes_on
    from long l
    union
    select
        d.trace_id, d.span_id, d.start_seq, d.resource_id, p.to_id, greatest(d.lo_ns, p.lo_ns), least(d.hi_ns, p.hi_ns), d.hop + 1,
        p.goes_on
    from down d
    join parts p on p.resource_id = d.resource_id and p.span_id = d.at_id
    where d.goes_on and d.hop < $hops and greatest(d.lo_ns, p.lo_ns) < least(d.hi_ns, p.hi_ns)
),
waited as (
    select d.trace_id, d.span_id, d.start_seq, greatest(d.lo_ns, a.start_ns) as lo_ns, least(d.hi_ns, a.end_ns) as hi_ns
    from down d
    join away a on a.resource_id = d.resource_id and a.span_id = d.at_id
    where d.hop > 0
    union all
    select d.trace_id, d.span_id, d.start_seq, greatest(d.lo_ns, s.start_ns), least(d.hi_ns, s.until_ns)
    from down d
    join shielded s on s.resource_id = d.resource_id and s.span_id = d.at_id
    where d.hop > 0 and s.start_seq < d.start_seq
),
-- The union of what was waited for: what begins after the furthest end so far adds its whole length, else what it goes beyond it.
reached as (
    select
        *,
        max(hi_ns) over (
            partition by trace_id, span_id, start_seq order by lo_ns, hi_ns rows between unbounded preceding and 1 preceding
        ) as before_ns
    from waited
    where hi_ns > lo_ns
),
others as (
    select trace_id, span_id, start_seq, sum(greatest(0, hi_ns - greatest(lo_ns, coalesce(before_ns, lo_ns))))::BIGINT as waited_ns
    from reached
    group by trace_id, span_id, start_seq
),
-- For how long the machine as a whole stood still meanwhile.
stalls as (
    select l.trace_id, l.span_id, l.start_seq, sum(least(l.end_ns, b.time_ns) - greatest(l.start_ns, b.time_ns - b.duration_ns))::BIGINT as stalled_ns
    from long l
    join (from blocked where machine_stalled) b on b.resource_id = l.resource_id and b.loop_id = l.loop_id
    where b.time_ns > l.start_ns and b.time_ns - b.duration_ns < l.end_ns
    group by l.trace_id, l.span_id, l.start_seq
),
gave_up as (
    select distinct trace_id, span_id, start_seq from down where hop = $hops and goes_on
),
measured as (
    select j.*, g.span_id is not null as cut_short, j.length_ns - coalesce(o.waited_ns, 0) as own_ns, coalesce(s.stalled_ns, 0) as stalled_ns,
        $tolerance_ms::BIGINT * 1000000 as bound
    from judged j
    left join others o on o.trace_id = j.trace_id and o.span_id = j.span_id and o.start_seq = j.start_seq
    left join stalls s on s.trace_id = j.trace_id and s.span_id = j.span_id and s.start_seq = j.start_seq
    left join gave_up g on g.trace_id = j.trace_id and g.span_id = j.span_id and g.start_seq = j.start_seq
)
select
    -- The unit that unwinds, or the cleanup unit.
    m.trace_id,
    m.span_id,
    m.subject,
    case
        when m.lasts and not m.settled then null
        when m.own_ns > m.bound and (m.cut_short or m.own_ns - m.stalled_ns <= m.bound) then null
        else m.own_ns <= m.bound
    end as ok,
    -- How long it took, without the time for which it only waited for others that were on their way out.
    m.own_ns as measured,
    -- The tolerance.
    m.bound,
    'ns' as unit,
    -- Who cancelled it (null: a timer); of a callback the unit that runs it.
    m.cause_span_id,
    case when coalesce(m.code_file, '') like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when m.lasts and not m.settled then 'still at it where the trace is cut'
        when m.own_ns <= m.bound then null
        when m.cut_short then 'more than `hops` waits would have to be looked at'
        when m.own_ns - m.stalled_ns <= m.bound then 'the machine as a whole stood still meanwhile'
        when m.lasts then 'it was still at it at the end'
        when m.unit = 'cleanup' then 'it is a registered callback'
        when m.own_ns < m.length_ns then 'waiting for others that were cleaning up is not counted'
        when m.unit = 'scope' and m.passed_on then 'what is around it was cancelled while it was in there'
    end as note
from measured m
