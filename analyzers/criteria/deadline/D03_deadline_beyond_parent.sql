-- id: D03
-- name: deadline-beyond-parent
-- severity: info
-- says: A deadline was armed later than one that was already in force around it, so that it can never be the first to fire.
-- rule: what runs under a deadline gets no more time than is left until then
-- why: The inner timeout bounds nothing: the outer one ends the work first. Whoever reads or tunes the inner value is misled, and an error that
--   should have named the inner step names the outer one.
-- judges: armed deadline inside of another one
-- message: {subject} was given a deadline {measured} after that of {cause}, which is around it
-- fix: Give the inner step less than what is left of the outer deadline (`min(own, left)`), or no timeout of its own.
-- bad:
--   async with asyncio.timeout(1):
--       await asyncio.wait_for(fetch(), 5)      # the outer one fires four seconds before
-- good:
--   async with asyncio.timeout(1):
--       await asyncio.wait_for(fetch(), 0.8)
-- covers: H5; 2.2 Timeout Drift; 6.4 Nested Timeouts
-- parameter hops: 200 hops; ancestors looked at for a deadline in force
-- certain given: both deadlines were armed on one loop's clock as recorded
-- cannot see: deadlines that a library builds from `loop.call_later` alone; what a unit is bound to outside of its own trace
-- unknown when: one of the two units is open and may yet be given another deadline; or more ancestors than `hops` would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- needs: deadline
-- fault: library where the deadline is the library's default, which nobody configured; else code
with recursive
armed as (
    select
        d.trace_id, d.span_id, d.deadline_id, d.at_ns, d.armed_ns, d.mechanism, d.source, d.disarmed_ns, u.subject, u.resource_id, u.loop_id,
        u.parent_span_id, u.start_ns, u.start_seq, u.shielded, u.settled, t.anc_deadline_ns, t.anc_deadline_span_id,
        -- The order of the last setting is not in the table where it was moved; then its time has to do.
        case when d.extended > 0 then null else d.set_seq end as armed_seq
    from deadlines d
    join tree t on t.trace_id = d.trace_id and t.span_id = d.span_id
    join settled_units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    where d.at_ns is not null and t.anc_deadline_ns is not null
),
-- Only these can lie beyond one: the others are no later than the earliest.
later as (
    select * from armed where at_ns > anc_deadline_ns
),
-- A task that is awaited through `asyncio.shield` is not cut by what cuts the waiting unit.
sheltered as (
    select distinct u.resource_id, w.target_span_id as span_id
    from awaits w
    join units u on u.trace_id = w.trace_id and u.span_id = w.span_id
    where w.how = 'shield' and exists (select 1 from later)
),
-- Ancestors with the deadlines that they were given. One that was moved is left out: whoever moves it extends it as work goes on. The first
-- arming of a scope that was entered without any is no move.
given as (
    select
        d.trace_id, d.span_id, min(d.at_ns) as at_ns, arg_min(d.mechanism, d.at_ns) as mechanism, arg_min(d.armed_ns, d.at_ns) as armed_ns,
        arg_min(case when d.extended > 0 then null else d.set_seq end, d.at_ns) as armed_seq,
        min(d.expired_seq) as expired_seq, min(d.disarmed_seq) as disarmed_seq
    from deadlines d
    where d.at_ns is not null and (coalesce(d.extended, 0) = 0 or (d.extended = 1 and d.configured in ('None', 'inf')))
        and d.trace_id in (select trace_id from later)
    group by d.trace_id, d.span_id
),
bounds as materialized (
    select
        u.trace_id, u.resource_id, u.span_id, u.parent_span_id, u.loop_id, u.start_seq, u.until_seq, u.settled,
        coalesce(u.shielded, false) as shielded, s.span_id is not null as sheltered,
        g.at_ns, g.mechanism, g.armed_ns, g.armed_seq, g.expired_seq, coalesce(g.disarmed_seq, u.until_seq) as left_seq
    from settled_units u
    left join given g on g.trace_id = u.trace_id and g.span_id = u.span_id
    left join sheltered s on s.resource_id = u.resource_id and s.span_id = u.span_id
    where u.trace_id in (select trace_id from later)
),
climb as (
    select
        l.trace_id, l.resource_id, l.span_id as judged_id, l.deadline_id, l.at_ns, l.armed_ns, l.armed_seq, l.start_seq, l.loop_id,
        l.parent_span_id as at_id, coalesce(l.shielded, false) as shielded, s.span_id is not null as sheltered,
        null::VARCHAR as found_id, null::BIGINT as found_ns, null::BOOLEAN as found_settled, 1 as hop
    from later l
    left join sheltered s on s.resource_id = l.resource_id and s.span_id = l.span_id
    union all
    select
        trace_id, resource_id, judged_id, deadline_id, at_ns, armed_ns, armed_seq, start_seq, loop_id, next_id, shielded, sheltered,
        case when hit then here_id end, case when hit then here_ns end, case when hit then here_settled end, hop
    from (
        select
            c.trace_id, c.resource_id, c.judged_id, c.deadline_id, c.at_ns, c.armed_ns, c.armed_seq, c.start_seq, c.loop_id,
            b.parent_span_id as next_id,
            c.shielded or b.shielded as shielded, c.sheltered or b.sheltered as sheltered,
            b.span_id as here_id, b.at_ns as here_ns, b.settled as here_settled, c.hop + 1 as hop,
            -- Earlier, and in force when the inner one was armed: set before it, neither due nor left.
            b.at_ns < c.at_ns and b.loop_id is not distinct from c.loop_id
                and coalesce(b.armed_seq < c.armed_seq, b.armed_ns <= c.armed_ns) and b.at_ns > c.armed_ns
                and coalesce(b.expired_seq > coalesce(c.armed_seq, c.start_seq), true)
                and b.left_seq > coalesce(c.armed_seq, c.start_seq) and b.until_seq > c.start_seq
                -- A shield of anyio keeps off what anyio's scopes ask for; asyncio's own cancellation goes through it.
                and not (c.shielded and b.mechanism = 'anyio') as hit
        from climb c
        -- Not beyond the process: the clocks of two do not compare.
        join bounds b on b.trace_id = c.trace_id and b.resource_id = c.resource_id and b.span_id = c.at_id
        where c.found_id is null and not c.sheltered and c.hop < $hops
    )
),
found as (
    select trace_id, judged_id, deadline_id, found_id, found_ns, found_settled from climb where found_id is not null
),
cut_short as (
    select distinct trace_id, judged_id, deadline_id from climb where hop = $hops and found_id is null and at_id is not null
)
select
    -- The unit with the later deadline.
    a.trace_id,
    a.span_id,
    a.subject,
    case
        when f.found_id is not null and (a.settled or a.disarmed_ns is not null) and f.found_settled then false
        when f.found_id is not null or c.judged_id is not null then null
        else true
    end as ok,
    -- How long its deadline lies after the one around it; below 0: before the earliest one.
    a.at_ns - coalesce(f.found_ns, a.anc_deadline_ns) as measured,
    -- Not at all.
    0::BIGINT as bound,
    'ns' as unit,
    -- The nearest unit around it with an earlier deadline in force.
    f.found_id as cause_span_id,
    case when a.source = 'default' then 'library' else 'code' end as fault,
    case
        when f.found_id is not null and not (f.found_settled and (a.settled or a.disarmed_ns is not null)) then 'still open: a deadline may yet be moved'
        when c.judged_id is not null and f.found_id is null then 'more ancestors than `hops` would have to be looked at'
        when f.found_id is not null and a.source = 'default' then 'it is the library''s default'
    end as note
from armed a
left join found f on f.trace_id = a.trace_id and f.judged_id = a.span_id and f.deadline_id is not distinct from a.deadline_id
left join cut_short c on c.trace_id = a.trace_id and c.judged_id = a.span_id and c.deadline_id is not distinct from a.deadline_id
