-- Blocked loops, then the units.

insert into blocked by name
select e.trace_id, e.span_id, b.resource_id, b.loop_id, e.time_ns, e.seq,
    try_cast(e.attributes['spanproof.blocked.duration_ns'] as BIGINT) as duration_ns,
    try_cast(e.attributes['spanproof.blocked.cpu_ns'] as BIGINT) as cpu_ns,
    try_cast(e.attributes['spanproof.blocked.starved_ns'] as BIGINT) as starved_ns,
    coalesce(e.attributes['spanproof.blocked.machine_stalled'] = 'true', false) as machine_stalled,
    e.attributes['code.file.path'] as file,
    try_cast(e.attributes['code.line.number'] as BIGINT) as line,
    e.attributes['code.function.name'] as function
from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
where e.name = 'loop.blocked';

-- How long each unit may be known to live; of spans of others the latest time of their trace.
create temp table lives as
select b.id, b.resource_id, b.loop_id, b.start_ns, r.torn, r.ended_by, r.recording_id,
    case when r.resource_id is null then foreign_end.end_ns when b.clock = 'virtual' then r.virtual_end_ns else r.end_ns end as known_until_ns,
    coalesce(b.end_ns, greatest(known_until_ns, b.start_ns)) as until_ns
from base b
left join recordings r on r.resource_id = b.resource_id
left join (
    select trace_id, max(greatest(start_ns, end_ns)) as end_ns
    from base
    where resource_id not in (select resource_id from recordings) or resource_id is null
    group by trace_id
) foreign_end on r.resource_id is null and foreign_end.trace_id = b.trace_id;

-- The longest stretch that overlaps a life: those that end within it, and the one that was going on at its end. Stretches of one loop do
-- not overlap, so that one is the first that ends later.
create temp table stalls as
with moments as (
    select null as id, resource_id, loop_id, time_ns as at_ns, 0::BIGINT as width_ns, duration_ns from blocked where duration_ns is not null
    union all
    select id, resource_id, loop_id, start_ns, greatest(until_ns - start_ns, 0), null
    from lives
    where start_ns is not null and (resource_id, loop_id) in (select (resource_id, loop_id) from blocked)
), within as (
    select id, max(duration_ns) over (
        partition by resource_id, loop_id order by at_ns range between 0 preceding and width_ns following
    ) as duration_ns
    from moments
), across as (
    select l.id, s.duration_ns
    from lives l asof join blocked s
        on s.resource_id = l.resource_id and s.loop_id = l.loop_id and l.until_ns < s.time_ns
    where s.time_ns - s.duration_ns <= l.until_ns
)
select id, max(duration_ns) as duration_ns
from (from within union all from across)
where id is not null
group by id;

insert into units by name
select l.recording_id, b.resource_id, b.file_id, b.trace_id, b.span_id, b.parent_span_id, b.unit, b.name, b.name as subject,
    w.run as run_id, w.root as root_id, w.depth,
    b.start_ns, b.end_ns, b.start_seq, b.end_seq, s.time_ns as started_ns, s.seq as started_seq,
    l.known_until_ns, l.until_ns, coalesce(b.end_seq, 1::BIGINT << 62) as until_seq,
    b.end_ns is null as is_open, coalesce(l.torn, false) as torn, l.ended_by, b.clock, b.loop_id, b.outcome,
    b.error_type, b.error_message, b.reported_outcome, b.reported_by, b.attempt, b.stage, b.dependencies,
    b.pipeline, b.pipeline_stages, b.pipeline_edges, b.run_uuid, b.deadline_ns, b.timeout_ns, b.deadline_state, b.shielded,
    b.creator_span_id, b.group_owner_span_id, b.group_id, b.detached, b.is_main, b.user_done_callback,
    b.code_file, b.code_line, b.code_function,
    coalesce(b.first_request_ns, q.time_ns) as first_request_ns, coalesce(b.first_request_seq, q.seq) as first_request_seq,
    coalesce(b.first_delivery_ns, d.time_ns) as first_delivery_ns, coalesce(b.first_delivery_seq, d.seq) as first_delivery_seq,
    greatest(10_000_000, 2 * z.duration_ns) as grace_ns,
    b.cleanup_id, b.cleanup_registry_id, b.cleanup_registrar_span_id, b.origin_trace_id, b.origin_span_id, b.status_code, b.events_dropped,
    r.scenario
from base b
join lives l on l.id = b.id
left join (
    select w.id, w.depth, root.span_id as root, run.span_id as run
    from walked w join base root on root.id = w.root left join base run on run.id = w.run
) w on w.id = b.id
left join resources r on r.resource_id = b.resource_id
left join stalls z on z.id = b.id
left join (
    select trace_id, span_id, min(time_ns) as time_ns, min(seq) as seq from events where name = 'started' group by all
) s on s.trace_id = b.trace_id and s.span_id = b.span_id
left join (
    select trace_id, span_id, min(time_ns) as time_ns, min(seq) as seq from requests group by all
) q on q.trace_id = b.trace_id and q.span_id = b.span_id
left join (
    select trace_id, span_id, min(time_ns) as time_ns, min(seq) as seq from deliveries group by all
) d on d.trace_id = b.trace_id and d.span_id = b.span_id;

drop table lives;
drop table stalls;
drop table walked;
