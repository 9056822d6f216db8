-- Stretches of time. A unit takes the stretch from its start up to, and without, its end; up to the end of knowledge while it is open. What
-- begins where another ends does not overlap it; what has no length, or ends before it starts, takes no time.

-- One row a stretch in which some unit of a trace was there, without a break: the union of the stretches of its units.
create view busy (
    -- [VARCHAR] Trace.
    trace_id,
    -- [BIGINT] Number of the stretch in its trace, from 1.
    stretch,
    -- [BIGINT] Its beginning.
    start_ns,
    -- [BIGINT] Its end.
    end_ns,
    -- [BIGINT] How long it is.
    took_ns,
    -- [BIGINT] Units that began in it.
    units
) as
with before as (
    select trace_id, start_ns, until_ns,
        max(until_ns) over (
            partition by trace_id order by start_ns, until_ns rows between unbounded preceding and 1 preceding
        ) as reached_ns
    from units
    where until_ns > start_ns
),
numbered as (
    select *, sum(case when start_ns <= reached_ns then 0 else 1 end) over (
        partition by trace_id order by start_ns, until_ns rows unbounded preceding
    ) as stretch
    from before
)
select trace_id, stretch::BIGINT, min(start_ns), max(until_ns), max(until_ns) - min(start_ns), count(*)
from numbered
group by trace_id, stretch;

-- One row a stretch in which some unit of an event loop was there, without a break. Between two of them the loop had nothing that is known.
create view loop_busy (
    -- [INTEGER] The process.
    resource_id,
    -- [BIGINT] Number of the loop in the process, from 1.
    loop_id,
    -- [BIGINT] Number of the stretch in its loop, from 1.
    stretch,
    -- [BIGINT] Its beginning.
    start_ns,
    -- [BIGINT] Its end.
    end_ns,
    -- [BIGINT] How long it is.
    took_ns,
    -- [BIGINT] Units that began in it.
    units
) as
with before as (
    select resource_id, loop_id, start_ns, until_ns,
        max(until_ns) over (
            partition by resource_id, loop_id order by start_ns, until_ns rows between unbounded preceding and 1 preceding
        ) as reached_ns
    from units
    where until_ns > start_ns and loop_id is not null and unit <> 'program'
),
numbered as (
    select *, sum(case when start_ns <= reached_ns then 0 else 1 end) over (
        partition by resource_id, loop_id order by start_ns, until_ns rows unbounded preceding
    ) as stretch
    from before
)
select resource_id, loop_id, stretch::BIGINT, min(start_ns), max(until_ns), max(until_ns) - min(start_ns), count(*)
from numbered
group by resource_id, loop_id, stretch;

-- One row a stretch of a unit in which none of its children was there. Of a unit without children that is all of it; the sum over a unit is
-- its own time.
create view gaps (
    -- [VARCHAR] Trace.
    trace_id,
    -- [VARCHAR] The unit.
    span_id,
    -- [VARCHAR] Its name.
    name,
    -- [BIGINT] Beginning of the stretch.
    start_ns,
    -- [BIGINT] Its end.
    end_ns,
    -- [BIGINT] How long it is.
    took_ns
) as
with pieces as (
    -- The unit's two ends, and between them its children, cut to it.
    select trace_id, span_id, 0 as place, start_ns, start_ns as end_ns from units where until_ns > start_ns
    union all
    select trace_id, span_id, 2, until_ns, until_ns from units where until_ns > start_ns
    union all
    select p.trace_id, p.span_id, 1, greatest(c.start_ns, p.start_ns), least(c.until_ns, p.until_ns)
    from units c
    join units p on p.trace_id = c.trace_id and p.span_id = c.parent_span_id
    where p.until_ns > p.start_ns and c.until_ns > c.start_ns and c.start_ns < p.until_ns and c.until_ns > p.start_ns
),
swept as (
    select trace_id, span_id, start_ns,
        max(end_ns) over (
            partition by trace_id, span_id order by start_ns, place rows between unbounded preceding and 1 preceding
        ) as reached_ns
    from pieces
)
select s.trace_id, s.span_id, u.name, s.reached_ns, s.start_ns, s.start_ns - s.reached_ns
from swept s
join units u on u.trace_id = s.trace_id and u.span_id = s.span_id
where s.reached_ns < s.start_ns;

-- One row two children of one unit that were there at the same time. For people, with a `where` on the trace or the parent: of 10,000
-- siblings side by side it has 50 million rows. `concurrency` counts them instead.
create view overlapping (
    -- [VARCHAR] Trace.
    trace_id,
    -- [VARCHAR] The unit that both are children of.
    parent_span_id,
    -- [VARCHAR] The one that began first.
    span_id,
    -- [VARCHAR] Its name.
    name,
    -- [VARCHAR] The other one.
    other_span_id,
    -- [VARCHAR] Its name.
    other_name,
    -- [BIGINT] Beginning of what they share: the start of the other one.
    start_ns,
    -- [BIGINT] The earlier of their ends.
    end_ns,
    -- [BIGINT] How long both were there.
    took_ns
) as
select a.trace_id, a.parent_span_id, a.span_id, a.name, b.span_id, b.name, b.start_ns, least(a.until_ns, b.until_ns),
    least(a.until_ns, b.until_ns) - b.start_ns
from units a
join units b on b.trace_id = a.trace_id and b.parent_span_id = a.parent_span_id
where (a.start_ns, coalesce(a.start_seq, 0), a.span_id) < (b.start_ns, coalesce(b.start_seq, 0), b.span_id)
    and b.start_ns < a.until_ns and b.until_ns > b.start_ns;

-- One row a stretch of a trace in which the number of its units that were there stayed the same; stretches without any are left out.
create view concurrency (
    -- [VARCHAR] Trace.
    trace_id,
    -- [VARCHAR] What is counted: a kind of unit as in `units.unit`; `foreign`: spans of another program; `all`: everything.
    kind,
    -- [BIGINT] Beginning of the stretch.
    start_ns,
    -- [BIGINT] Its end.
    end_ns,
    -- [BIGINT] How long it is.
    took_ns,
    -- [BIGINT] Units that were there.
    open_units
) as
with steps as (
    select trace_id, coalesce(unit, 'foreign') as kind, start_ns as at_ns, 1 as step from units where until_ns > start_ns
    union all
    select trace_id, coalesce(unit, 'foreign'), until_ns, -1 from units where until_ns > start_ns
),
changes as (
    select trace_id, coalesce(kind, 'all') as kind, at_ns, sum(step) as step
    from steps
    group by grouping sets ((trace_id, kind, at_ns), (trace_id, at_ns))
    having sum(step) <> 0
),
levels as (
    select trace_id, kind, at_ns, lead(at_ns) over (partition by trace_id, kind order by at_ns) as next_ns,
        sum(step) over (partition by trace_id, kind order by at_ns rows unbounded preceding) as open_units
    from changes
)
select trace_id, kind, at_ns, next_ns, next_ns - at_ns, open_units::BIGINT
from levels
where open_units > 0;
