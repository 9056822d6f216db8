-- What happened to units.

insert into cancellations by name
with answered as (
    select e.trace_id, e.span_id, e.name, e.time_ns, e.seq, e.attributes,
        unnest(try(from_json(e.attributes['spanproof.delivery.requests'], '["BIGINT"]'))) as request_id
    from events e
    where e.name in ('cancel.delivered', 'cancel.consumed', 'cancel.swallowed')
    union all
    select e.trace_id, e.span_id, e.name, e.time_ns, e.seq, e.attributes, try_cast(e.attributes['spanproof.request.id'] as BIGINT)
    from events e
    where e.name = 'cancel.withdrawn'
), fates as (
    select trace_id, span_id, request_id,
        min(time_ns) filter (name = 'cancel.delivered') as delivered_ns,
        min(seq) filter (name = 'cancel.delivered') as delivered_seq,
        min(try_cast(attributes['spanproof.turn'] as BIGINT)) filter (name = 'cancel.delivered') as delivered_turn,
        min(time_ns) filter (name = 'cancel.withdrawn') as withdrawn_ns,
        min(seq) filter (name = 'cancel.withdrawn') as withdrawn_seq,
        min(time_ns) filter (name = 'cancel.consumed') as consumed_ns,
        min(seq) filter (name = 'cancel.consumed') as consumed_seq,
        arg_min(attributes['spanproof.consumed.by'], seq) filter (name = 'cancel.consumed') as consumed_by,
        min(time_ns) filter (name = 'cancel.swallowed') as swallowed_ns,
        min(seq) filter (name = 'cancel.swallowed') as swallowed_seq,
        arg_min(attributes['spanproof.swallowed.how'], seq) filter (name = 'cancel.swallowed') as swallowed_how
    from answered
    group by trace_id, span_id, request_id
)
select r.*, f.* exclude (trace_id, span_id, request_id), b.end_ns, b.end_seq, b.outcome
from requests r
left join fates f on f.trace_id = r.trace_id and f.span_id = r.span_id and f.request_id = r.request_id
left join base b on b.trace_id = r.trace_id and b.span_id = r.span_id;

insert into deadlines by name
with moments as (
    select trace_id, span_id, time_ns, seq, ordinal, name, attributes,
        try_cast(attributes['spanproof.deadline.id'] as BIGINT) as deadline_id,
        try_cast(attributes['spanproof.deadline.at_ns'] as BIGINT) as at_ns,
        name in ('deadline.set', 'deadline.extended') as arms
    from events
    where name in ('deadline.set', 'deadline.extended', 'deadline.expired', 'deadline.disarmed')
), grouped as (
    select trace_id, span_id, deadline_id,
        min(time_ns) filter (name = 'deadline.set') as set_ns,
        min(seq) filter (name = 'deadline.set') as set_seq,
        arg_min(at_ns, (seq, ordinal)) filter (arms) as first_at_ns,
        -- The last setting counts, also when it took the deadline off; `arg_max` would pass over that null.
        case when bool_or(arms) then last(at_ns order by seq, ordinal) filter (arms) else max(at_ns) end as at_ns,
        arg_max(try_cast(attributes['spanproof.deadline.timeout_ns'] as BIGINT), (seq, ordinal)) filter (arms) as timeout_ns,
        any_value(attributes['spanproof.deadline.configured']) as configured,
        any_value(attributes['spanproof.deadline.source']) as source,
        any_value(attributes['spanproof.deadline.mechanism']) as mechanism,
        count(*) filter (name = 'deadline.extended') as extended,
        max(time_ns) filter (arms) as armed_ns,
        min(time_ns) filter (name = 'deadline.expired') as expired_ns,
        min(seq) filter (name = 'deadline.expired') as expired_seq,
        min(time_ns) filter (name = 'deadline.disarmed') as disarmed_ns,
        min(seq) filter (name = 'deadline.disarmed') as disarmed_seq,
        any_value(attributes['spanproof.deadline.state']) filter (name = 'deadline.disarmed') as state,
        any_value(attributes['code.file.path']) filter (name = 'deadline.set') as file,
        any_value(try_cast(attributes['code.line.number'] as BIGINT)) filter (name = 'deadline.set') as line,
        any_value(attributes['code.function.name']) filter (name = 'deadline.set') as function
    from moments
    group by trace_id, span_id, deadline_id
)
select g.* replace (coalesce(g.state, b.deadline_state) as state)
from grouped g left join base b on b.trace_id = g.trace_id and b.span_id = g.span_id
union all by name
-- The limit of events may have cut all of a unit's; the attributes survive it.
select trace_id, span_id, deadline_ns as first_at_ns, deadline_ns as at_ns, timeout_ns, 0 as extended, deadline_state as state,
    code_file as file, code_line as line, code_function as function
from base b
where (deadline_ns is not null or timeout_ns is not null)
    and not exists (from grouped g where g.trace_id = b.trace_id and g.span_id = b.span_id);

insert into awaits by name
select trace_id, span_id,
    unnest(try(from_json(attributes['spanproof.await.targets'], '["VARCHAR"]'))) as target_span_id,
    attributes['spanproof.await.how'] as how,
    try_cast(attributes['spanproof.await.group'] as BIGINT) as group_id,
    time_ns as start_ns, seq as start_seq,
    try_cast(attributes['spanproof.await.end_ns'] as BIGINT) as end_ns,
    try_cast(attributes['spanproof.await.end_seq'] as BIGINT) as end_seq,
    attributes['spanproof.await.ended_by'] as ended_by,
    attributes['code.file.path'] as file,
    try_cast(attributes['code.line.number'] as BIGINT) as line,
    attributes['code.function.name'] as function
from events
where name = 'awaits';

insert into cleanups by name
with moments as (
    select b.resource_id, e.trace_id, e.span_id, e.name, e.time_ns, e.seq,
        try_cast(e.attributes['spanproof.cleanup.id'] as BIGINT) as cleanup_id,
        try_cast(e.attributes['spanproof.cleanup.registry'] as BIGINT) as registry_id,
        e.attributes['spanproof.cleanup.name'] as cleanup_name,
        e.attributes['spanproof.cleanup.run_span_id'] as run_span_id,
        e.attributes['spanproof.cleanup.registrar_span_id'] as registrar_span_id,
        e.attributes['spanproof.cleanup.runner_span_id'] as runner_span_id,
        try_cast(e.attributes['spanproof.cleanup.budget_ns'] as BIGINT) as budget_ns,
        e.attributes['spanproof.cleanup.failure'] as failure,
        e.attributes['spanproof.report.error_type'] as error_type,
        e.attributes['spanproof.report.error'] as error,
        e.attributes['code.file.path'] as file,
        try_cast(e.attributes['code.line.number'] as BIGINT) as line,
        e.attributes['code.function.name'] as function
    from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
    where e.name in (
        'cleanup.registered', 'cleanup.unregistered', 'cleanup.dropped', 'cleanup.started', 'cleanup.finished', 'cleanup.failed'
    )
    union all by name
    -- The unit itself says that the callback was started, should its event be cut.
    select resource_id, trace_id, span_id, 'unit' as name, start_ns as time_ns, start_seq as seq, cleanup_id,
        cleanup_registry_id as registry_id, cleanup_registrar_span_id as registrar_span_id
    from base
    where cleanup_id is not null
)
select m.resource_id, m.cleanup_id,
    coalesce(any_value(run.trace_id), arg_min(m.trace_id, m.seq)) as trace_id,
    any_value(registry_id) as registry_id,
    any_value(cleanup_name) as name,
    any_value(run_span_id) as run_span_id,
    coalesce(any_value(registrar_span_id), any_value(m.span_id) filter (m.name in ('cleanup.registered', 'cleanup.dropped'))) as registrar_span_id,
    any_value(runner_span_id) as runner_span_id,
    min(time_ns) filter (m.name = 'cleanup.registered') as registered_ns,
    min(seq) filter (m.name = 'cleanup.registered') as registered_seq,
    min(time_ns) filter (m.name = 'cleanup.unregistered') as unregistered_ns,
    min(seq) filter (m.name = 'cleanup.unregistered') as unregistered_seq,
    bool_or(m.name = 'cleanup.dropped') as dropped,
    coalesce(min(time_ns) filter (m.name = 'cleanup.started'), min(time_ns) filter (m.name = 'unit')) as started_ns,
    coalesce(min(seq) filter (m.name = 'cleanup.started'), min(seq) filter (m.name = 'unit')) as started_seq,
    min(time_ns) filter (m.name = 'cleanup.finished') as finished_ns,
    min(seq) filter (m.name = 'cleanup.finished') as finished_seq,
    min(time_ns) filter (m.name = 'cleanup.failed') as failed_ns,
    min(seq) filter (m.name = 'cleanup.failed') as failed_seq,
    any_value(failure) as failure,
    any_value(m.error_type) as error_type,
    any_value(error) as error,
    any_value(budget_ns) as budget_ns,
    any_value(m.span_id) filter (m.name in ('unit', 'cleanup.started')) as cleanup_span_id,
    any_value(file) as file,
    any_value(line) as line,
    any_value(function) as function
from moments m left join (select resource_id, trace_id, span_id from base where unit = 'pipeline') run on run.resource_id = m.resource_id and run.span_id = m.run_span_id
-- A dropped registration may have no number; each is one of its own.
group by m.resource_id, m.cleanup_id, case when m.cleanup_id is null then (m.span_id, m.seq) end;

insert into reports by name
select trace_id, span_id, time_ns, seq,
    attributes['spanproof.report.channel'] as channel,
    attributes['spanproof.report.outcome'] as outcome,
    attributes['spanproof.report.status'] as status,
    attributes['spanproof.report.error_type'] as error_type,
    attributes['spanproof.report.error'] as error,
    attributes['spanproof.report.stage'] as stage,
    try(from_json(attributes['spanproof.report.results'], '["VARCHAR"]')) as results,
    attributes['spanproof.report.short_cut_by'] as short_cut_by,
    try_cast(attributes['spanproof.report.has_data'] as BOOLEAN) as has_data
from events
where name = 'reported';

insert into flags by name
select f.trace_id, f.span_id, f.time_ns, f.seq,
    try_cast(f.attributes['spanproof.flag.id'] as BIGINT) as flag_id,
    f.attributes['spanproof.flag.run_span_id'] as run_span_id,
    f.attributes['spanproof.flag.by_span_id'] as by_span_id,
    f.attributes['spanproof.flag.mechanism'] as mechanism,
    r.time_ns as first_read_ns, r.seq as first_read_seq, r.reader as first_read_by_span_id,
    f.attributes['code.file.path'] as file,
    try_cast(f.attributes['code.line.number'] as BIGINT) as line,
    f.attributes['code.function.name'] as function
from events f
left join base b on b.trace_id = f.trace_id and b.span_id = f.span_id
left join (
    select b.resource_id, try_cast(e.attributes['spanproof.flag.id'] as BIGINT) as flag_id, min(e.time_ns) as time_ns, min(e.seq) as seq,
        arg_min(coalesce(e.attributes['spanproof.flag.reader_span_id'], e.span_id), e.seq) as reader
    from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
    where e.name = 'cancel.flag_read'
    group by b.resource_id, flag_id
) r on r.resource_id = b.resource_id and r.flag_id = try_cast(f.attributes['spanproof.flag.id'] as BIGINT)
where f.name = 'cancel.flagged';

insert into loops by name
select r.recording_id, b.resource_id,
    coalesce(try_cast(e.attributes['spanproof.loop'] as BIGINT), b.loop_id) as loop_id,
    min(e.time_ns) filter (e.name = 'loop.opened') as opened_ns,
    min(e.seq) filter (e.name = 'loop.opened') as opened_seq,
    min(e.time_ns) filter (e.name = 'loop.closing') as closing_ns,
    min(e.seq) filter (e.name = 'loop.closing') as closing_seq,
    min(e.time_ns) filter (e.name = 'loop.stopped') as stopped_ns,
    min(e.seq) filter (e.name = 'loop.stopped') as stopped_seq,
    min(e.time_ns) filter (e.name = 'loop.closed') as closed_ns,
    min(e.seq) filter (e.name = 'loop.closed') as closed_seq
from events e
join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
left join recordings r on r.resource_id = b.resource_id
where e.name in ('loop.opened', 'loop.closing', 'loop.stopped', 'loop.closed')
group by r.recording_id, b.resource_id, coalesce(try_cast(e.attributes['spanproof.loop'] as BIGINT), b.loop_id);

insert into faults by name
select s.resource_id, e.time_ns, e.seq,
    e.attributes['spanproof.fault.probe'] as probe,
    e.attributes['exception.type'] as error_type,
    e.attributes['exception.message'] as error
from events e join spans s on s.trace_id = e.trace_id and s.span_id = e.span_id
where e.name = 'probe.fault';
