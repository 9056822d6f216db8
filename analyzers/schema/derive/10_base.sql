-- Spans with their attributes as typed columns, and the recordings. `base` is dropped at the end.

insert into recordings by name
with told as (
    select resource_id,
        max(try_cast(attributes['spanproof.tick_ns'] as BIGINT)) as tick_ns,
        max(try_cast(attributes['spanproof.virtual_tick_ns'] as BIGINT)) as virtual_tick_ns,
        max(try_cast(attributes['spanproof.tick_seq'] as BIGINT)) as tick_seq,
        arg_max(try_cast(attributes['spanproof.open_units'] as BIGINT), rev) as open_units,
        max(try_cast(attributes['spanproof.dropped'] as BIGINT)) as dropped,
        max(try_cast(attributes['spanproof.parts_deleted'] as BIGINT)) as parts_deleted,
        arg_max(attributes['spanproof.ended_by'], rev) as ended_by
    from spans
    where attributes['spanproof.unit'] = 'recording'
    group by resource_id
), seen as (
    -- What a recording without a tick was seen to know: it was killed in its first second, or cut.
    select resource_id,
        max(greatest(start_ns, end_ns)) filter (attributes['spanproof.clock'] is distinct from 'virtual') as seen_ns,
        max(greatest(start_ns, end_ns)) filter (attributes['spanproof.clock'] = 'virtual') as virtual_seen_ns
    from spans
    group by resource_id
)
select r.recording_id, r.resource_id, r.pid, told.tick_ns, told.virtual_tick_ns, told.tick_seq, told.open_units, told.ended_by,
    told.ended_by is null as torn,
    coalesce(told.dropped, 0) as dropped,
    coalesce(told.parts_deleted, 0) as parts_deleted,
    coalesce(told.tick_ns, seen.seen_ns) as end_ns,
    coalesce(told.virtual_tick_ns, seen.virtual_seen_ns) as virtual_end_ns
from resources r left join told using (resource_id) left join seen using (resource_id)
where r.format is not null;

create temp table base as
select rowid as id, resource_id, file_id, trace_id, span_id, name, start_ns, end_ns, status_code,
    -- Where an application's own span stands between, our recorder says which unit the parent is.
    coalesce(attributes['spanproof.parent_unit'], parent_span_id) as parent_span_id,
    attributes['spanproof.unit'] as unit,
    coalesce(attributes['spanproof.clock'], 'monotonic') as clock,
    try_cast(attributes['spanproof.loop'] as BIGINT) as loop_id,
    try_cast(attributes['spanproof.start_seq'] as BIGINT) as start_seq,
    try_cast(attributes['spanproof.end_seq'] as BIGINT) as end_seq,
    attributes['spanproof.outcome'] as outcome,
    attributes['error.type'] as error_type,
    attributes['exception.message'] as error_message,
    attributes['spanproof.reported_outcome'] as reported_outcome,
    attributes['spanproof.reported_by'] as reported_by,
    try_cast(attributes['spanproof.attempt'] as BIGINT) as attempt,
    attributes['spanproof.stage'] as stage,
    try(from_json(attributes['spanproof.stage.dependencies'], '["VARCHAR"]')) as dependencies,
    attributes['spanproof.pipeline'] as pipeline,
    try(from_json(attributes['spanproof.pipeline.stages'], '["VARCHAR"]')) as pipeline_stages,
    try(from_json(attributes['spanproof.pipeline.edges'], '["VARCHAR"]')) as pipeline_edges,
    attributes['spanproof.run_uuid'] as run_uuid,
    try_cast(attributes['spanproof.deadline_ns'] as BIGINT) as deadline_ns,
    try_cast(attributes['spanproof.timeout_ns'] as BIGINT) as timeout_ns,
    attributes['spanproof.deadline_state'] as deadline_state,
    coalesce(attributes['spanproof.shielded'] = 'true', false) as shielded,
    attributes['spanproof.creator_span_id'] as creator_span_id,
    attributes['spanproof.group_owner_span_id'] as group_owner_span_id,
    try_cast(attributes['spanproof.group_id'] as BIGINT) as group_id,
    coalesce(attributes['spanproof.detached'] = 'true', false) as detached,
    coalesce(attributes['spanproof.main'] = 'true', false) as is_main,
    coalesce(attributes['spanproof.user_done_callback'] = 'true', false) as user_done_callback,
    attributes['code.file.path'] as code_file,
    try_cast(attributes['code.line.number'] as BIGINT) as code_line,
    attributes['code.function.name'] as code_function,
    try_cast(attributes['spanproof.first_request_ns'] as BIGINT) as first_request_ns,
    try_cast(attributes['spanproof.first_request_seq'] as BIGINT) as first_request_seq,
    try_cast(attributes['spanproof.first_delivery_ns'] as BIGINT) as first_delivery_ns,
    try_cast(attributes['spanproof.first_delivery_seq'] as BIGINT) as first_delivery_seq,
    try_cast(attributes['spanproof.cleanup.id'] as BIGINT) as cleanup_id,
    try_cast(attributes['spanproof.cleanup.registry'] as BIGINT) as cleanup_registry_id,
    attributes['spanproof.cleanup.registrar_span_id'] as cleanup_registrar_span_id,
    attributes['spanproof.origin.trace_id'] as origin_trace_id,
    attributes['spanproof.origin.span_id'] as origin_span_id,
    coalesce(try_cast(attributes['spanproof.events_dropped'] as BIGINT), 0) as events_dropped
from spans
where attributes['spanproof.unit'] is distinct from 'recording';
