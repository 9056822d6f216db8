-- What units held, opened and handed over. Each is known by its number in the process; a record that was cut leaves nulls.

insert into holdings by name
with moments as (
    select e.trace_id, e.span_id, e.name as event, e.time_ns, e.seq, e.attributes, b.resource_id,
        try_cast(e.attributes['spanproof.resource.id'] as BIGINT) as holding_id
    from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
    where e.name in ('resource.acquired', 'resource.transferred', 'resource.released')
)
select resource_id, holding_id,
    arg_min(trace_id, seq) as trace_id,
    arg_min(span_id, seq) as span_id,
    any_value(attributes['spanproof.resource.name']) as name,
    coalesce(any_value(attributes['spanproof.resource.kind']), 'declared') as kind,
    min(time_ns) filter (event = 'resource.acquired') as acquired_ns,
    min(seq) filter (event = 'resource.acquired') as acquired_seq,
    arg_max(attributes['spanproof.resource.to_span_id'], seq) filter (event = 'resource.transferred') as to_span_id,
    max(time_ns) filter (event = 'resource.transferred') as transferred_ns,
    max(seq) filter (event = 'resource.transferred') as transferred_seq,
    max(time_ns) filter (event = 'resource.released') as released_ns,
    max(seq) filter (event = 'resource.released') as released_seq,
    any_value(attributes['spanproof.resource.how']) filter (event = 'resource.released') as how,
    any_value(attributes['code.file.path']) filter (event = 'resource.acquired') as file,
    any_value(try_cast(attributes['code.line.number'] as BIGINT)) filter (event = 'resource.acquired') as line,
    any_value(attributes['code.function.name']) filter (event = 'resource.acquired') as function
from moments
where holding_id is not null
group by resource_id, holding_id;

insert into generators by name
with moments as (
    select e.trace_id, e.span_id, e.name as event, e.time_ns, e.seq, e.attributes, b.resource_id,
        try_cast(e.attributes['spanproof.generator.id'] as BIGINT) as generator_id
    from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
    where e.name in ('generator.opened', 'generator.iterated', 'generator.closed')
)
select resource_id, generator_id,
    arg_min(trace_id, seq) as trace_id,
    arg_min(span_id, seq) as span_id,
    any_value(attributes['spanproof.generator.name']) as name,
    min(time_ns) filter (event = 'generator.opened') as opened_ns,
    min(seq) filter (event = 'generator.opened') as opened_seq,
    arg_max(coalesce(attributes['spanproof.generator.by_span_id'], span_id), seq) filter (event <> 'generator.closed') as last_span_id,
    max(time_ns) filter (event <> 'generator.closed') as last_ns,
    max(seq) filter (event <> 'generator.closed') as last_seq,
    max(time_ns) filter (event = 'generator.closed') as closed_ns,
    max(seq) filter (event = 'generator.closed') as closed_seq,
    any_value(attributes['spanproof.generator.by_span_id']) filter (event = 'generator.closed') as closed_by_span_id,
    any_value(attributes['spanproof.generator.how']) filter (event = 'generator.closed') as how,
    any_value(attributes['code.file.path']) filter (event = 'generator.opened') as file,
    any_value(try_cast(attributes['code.line.number'] as BIGINT)) filter (event = 'generator.opened') as line,
    any_value(attributes['code.function.name']) filter (event = 'generator.opened') as function
from moments
where generator_id is not null
group by resource_id, generator_id;

insert into threads by name
with moments as (
    select e.trace_id, e.span_id, e.name as event, e.time_ns, e.seq, e.attributes, b.resource_id,
        try_cast(e.attributes['spanproof.thread.id'] as BIGINT) as thread_id
    from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
    where e.name in ('thread.started', 'thread.finished')
)
select resource_id, thread_id,
    arg_min(trace_id, seq) as trace_id,
    arg_min(span_id, seq) as span_id,
    any_value(attributes['spanproof.thread.name']) as name,
    any_value(attributes['spanproof.thread.executor']) as executor,
    coalesce(any_value(attributes['spanproof.clock']), 'monotonic') as clock,
    min(time_ns) filter (event = 'thread.started') as started_ns,
    min(seq) filter (event = 'thread.started') as started_seq,
    max(time_ns) filter (event = 'thread.finished') as finished_ns,
    max(seq) filter (event = 'thread.finished') as finished_seq,
    any_value(attributes['spanproof.thread.outcome']) as outcome,
    any_value(attributes['code.file.path']) filter (event = 'thread.started') as file,
    any_value(try_cast(attributes['code.line.number'] as BIGINT)) filter (event = 'thread.started') as line,
    any_value(attributes['code.function.name']) filter (event = 'thread.started') as function
from moments
where thread_id is not null
group by resource_id, thread_id;

insert into checkpoints by name
select trace_id, span_id, time_ns, seq,
    replace(name, 'checkpoint.', '') as what,
    attributes['spanproof.checkpoint.key'] as key,
    attributes['spanproof.checkpoint.store'] as store,
    attributes['code.file.path'] as file,
    try_cast(attributes['code.line.number'] as BIGINT) as line,
    attributes['code.function.name'] as function
from events
where name in ('checkpoint.saved', 'checkpoint.loaded', 'checkpoint.missed', 'checkpoint.dropped');

insert into outputs by name
select trace_id, span_id, time_ns, seq,
    attributes['spanproof.output.status'] as status,
    try_cast(attributes['spanproof.output.has_data'] as BOOLEAN) as has_data
from events
where name = 'output.produced';

insert into heartbeats by name
select trace_id, span_id, time_ns, seq, try_cast(attributes['spanproof.heartbeat.timeout_ns'] as BIGINT) as timeout_ns
from events
where name = 'heartbeat';

insert into rounds by name
select b.resource_id, e.trace_id, e.span_id, e.time_ns, e.seq,
    e.attributes['spanproof.round.name'] as name,
    row_number() over (partition by b.resource_id, e.attributes['spanproof.round.name'] order by e.seq) as round,
    try_cast(e.attributes['spanproof.round.memory_bytes'] as BIGINT) as memory_bytes,
    try_cast(e.attributes['spanproof.round.descriptors'] as BIGINT) as descriptors,
    try_cast(e.attributes['spanproof.round.watched'] as BIGINT) as watched,
    try_cast(e.attributes['spanproof.round.alive'] as BIGINT) as alive,
    try_cast(e.attributes['spanproof.round.took_ns'] as BIGINT) as took_ns,
    try_cast(e.attributes['spanproof.round.armed'] as BOOLEAN) as armed
from events e join base b on b.trace_id = e.trace_id and b.span_id = e.span_id
where e.name = 'round';

insert into unread by name
select u.trace_id, u.span_id, e.time_ns, e.seq, coalesce(try_cast(e.attributes['spanproof.unread.so_far'] as BOOLEAN), false) as so_far
from events e
join base p on p.trace_id = e.trace_id and p.span_id = e.span_id
join base u on u.resource_id = p.resource_id and u.span_id = e.attributes['spanproof.unread.span_id']
where e.name = 'exception.unread';
