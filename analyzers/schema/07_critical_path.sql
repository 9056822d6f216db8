-- The critical path: the chain of units that determined when a root or a run ended. Had a unit on it been shorter, the end could have come
-- earlier; all others had time left.

-- One row a stretch of the critical path of a root or of a topmost run; they follow each other without a gap, so their times add up to how
-- long it took. It is walked backwards from the end: from a unit to what it waited for last, of a `gather` or a TaskGroup to the member
-- that ended last; from the start of a stage to the dependency, or the attempt before, that ended last; else to the unit that started it.
create view critical_path (
    -- [VARCHAR] Trace.
    trace_id,
    -- [VARCHAR] The root, or the topmost pipeline, whose path it is.
    of_span_id,
    -- [BIGINT] Number of the stretch on its path, from 1, in the order of time.
    step,
    -- [VARCHAR] The unit that everything waited for in this stretch, and that itself waited for none.
    span_id,
    -- [VARCHAR] Its name.
    name,
    -- [BIGINT] Beginning of the stretch.
    start_ns,
    -- [BIGINT] Its end.
    end_ns,
    -- [BIGINT] How long it is; 0 is kept where it shows who waited for whom.
    took_ns,
    -- [VARCHAR] What the next stretch had of it. `start`: it started the next unit. `dependency`, `attempt`: the next stage could only
    -- start when this one had ended. `inside`: the next unit's code went on when this one inside of it had ended. await, gather, wait,
    -- shield, taskgroup, as_completed: how the next unit waited for it. `end`: this is the end of the whole.
    why,
    -- [VARCHAR] Unit of the next stretch; null: the end of the whole.
    next_span_id
) as
with recursive
node as (
    select u.trace_id, u.span_id, t.parent_span_id, t.root_id, u.unit, u.stage, u.dependencies, u.name, u.group_owner_span_id, u.is_open,
        u.start_ns, u.start_seq, u.until_ns, u.until_seq
    from units u
    join tree t on t.trace_id = u.trace_id and t.span_id = u.span_id
    where u.unit is not null and u.start_seq is not null
),
-- What let a unit's own code go on: a unit that ended while it waited for it.
passed as (
    select w.trace_id, w.span_id, v.until_seq as seq, v.span_id as past_id, v.until_ns as past_ns, coalesce(w.how, 'await') as how
    from awaits w
    join node u on u.trace_id = w.trace_id and u.span_id = w.span_id
    join node v on v.trace_id = w.trace_id and v.span_id = w.target_span_id
    where not v.is_open and v.root_id = u.root_id and v.until_seq > w.start_seq
        and (w.end_seq is null or v.until_seq <= w.end_seq) and v.until_seq < u.until_seq
    union all
    select trace_id, parent_span_id, until_seq, span_id, until_ns, 'inside'
    from node
    where unit <> 'task' and not is_open and parent_span_id is not null
    union all
    -- Put into the group of another unit: what the group waits for was listed before it was there.
    select v.trace_id, v.group_owner_span_id, v.until_seq, v.span_id, v.until_ns, 'taskgroup'
    from node v
    join node u on u.trace_id = v.trace_id and u.span_id = v.group_owner_span_id
    where not v.is_open and v.group_owner_span_id <> v.parent_span_id and v.root_id = u.root_id and v.until_seq < u.until_seq
),
-- What a stage could not start without.
needed as (
    select trace_id, span_id, parent_span_id, start_seq, stage as needs, 'attempt' as how
    from node where unit = 'stage' and stage is not null
    union all
    select trace_id, span_id, parent_span_id, start_seq, unnest(dependencies), 'dependency'
    from node where unit = 'stage'
),
freed as (
    select n.trace_id, n.span_id, arg_max({'id': d.span_id, 'ns': d.until_ns, 'how': n.how}, d.until_seq) as past
    from needed n
    join node d on d.trace_id = n.trace_id and d.parent_span_id = n.parent_span_id and d.stage = n.needs
    where d.unit = 'stage' and not d.is_open and d.until_seq < n.start_seq and d.start_seq <= d.until_seq
    group by n.trace_id, n.span_id
),
-- Places from which the walk goes back: the end of a unit, in itself; its start, in the unit around it.
places as (
    select trace_id, span_id as host_id, until_seq as seq, span_id as of_id, true as is_end from node
    union all
    select trace_id, parent_span_id, start_seq, span_id, false from node where parent_span_id is not null
),
-- The last passed one before each place.
looked as (
    select trace_id, host_id, of_id, is_end, seq,
        last_value(case when past_id is not null then {'id': past_id, 'ns': past_ns, 'how': how, 'seq': seq} end ignore nulls) over (
            partition by trace_id, host_id order by seq, is_place, how <> 'inside' rows unbounded preceding
        ) as past
    from (
        select trace_id, span_id as host_id, null as of_id, null as is_end, seq, past_id, past_ns, how, false as is_place from passed
        union all
        select trace_id, host_id, of_id, is_end, seq, null, null, null, true from places
    )
),
-- From each place one stretch back, to the next place.
back as (
    select l.trace_id, l.of_id, l.is_end, l.seq, l.host_id,
        case when f.past is not null then f.past.ns when l.past is not null then l.past.ns else h.start_ns end as from_ns,
        case when f.past is not null then f.past.id when l.past is not null then l.past.id else l.host_id end as next_id,
        f.past is not null or l.past is not null as next_is_end,
        case when f.past is not null then f.past.how when l.past is not null then l.past.how else 'start' end as how
    from looked l
    join node h on h.trace_id = l.trace_id and h.span_id = l.host_id
    left join freed f on not l.is_end and f.trace_id = l.trace_id and f.span_id = l.of_id
    where l.of_id is not null
),
tops as (
    select n.trace_id, n.span_id, n.start_ns, n.start_seq, n.until_ns
    from node n
    left join tree p on p.trace_id = n.trace_id and p.span_id = n.parent_span_id
    where n.parent_span_id is null or (n.unit = 'pipeline' and p.run_id is null)
),
-- `to_ns`: end of the stretch that goes back from this place.
walk as (
    select t.trace_id, t.span_id as top_id, t.start_ns as top_ns, t.start_seq as top_seq, 0 as hop, t.span_id as of_id, true as is_end,
        b.seq, greatest(t.until_ns, t.start_ns) as to_ns, b.host_id, 'end' as why, b.from_ns, b.next_id, b.next_is_end, b.how
    from tops t
    join back b on b.trace_id = t.trace_id and b.of_id = t.span_id and b.is_end
    union all
    select w.trace_id, w.top_id, w.top_ns, w.top_seq, w.hop + 1, b.of_id, b.is_end, b.seq,
        greatest(w.top_ns, least(w.to_ns, w.from_ns)), b.host_id, w.how, b.from_ns, b.next_id, b.next_is_end, b.how
    from walk w
    join back b on b.trace_id = w.trace_id and b.of_id = w.next_id and b.is_end = w.next_is_end
    -- Order goes down at each hop; where a damaged trace says otherwise the walk ends, and so it does at the beginning of the whole.
    where b.seq < w.seq and b.seq > w.top_seq and w.hop < 1_000_000
)
select w.trace_id, w.top_id, row_number() over (partition by w.trace_id, w.top_id order by w.hop desc), w.host_id, n.name,
    coalesce(lead(w.to_ns) over (partition by w.trace_id, w.top_id order by w.hop), w.top_ns), w.to_ns,
    w.to_ns - coalesce(lead(w.to_ns) over (partition by w.trace_id, w.top_id order by w.hop), w.top_ns), w.why,
    lag(w.host_id) over (partition by w.trace_id, w.top_id order by w.hop)
from walk w
join node n on n.trace_id = w.trace_id and n.span_id = w.host_id;
