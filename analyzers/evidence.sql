-- What was recorded about the units in `wanted`: one row a fact, in their order, for `evidence.py`.
-- `rank` says what is told first where a unit has more facts than there is room for: 0 its life, 1 cancellation, 2 what it did, 3 the rest.
with facts as (
    select w.trace_id, w.span_id, u.start_ns as time_ns, u.start_seq as seq, 'start' as event, 0 as rank,
        coalesce(u.creator_span_id, u.parent_span_id) as actor, u.code_file as file, u.code_line as line, null as detail
    from wanted w join units u using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, u.until_ns, u.until_seq, case when u.is_open then 'open' else 'end' end, 0,
        null, null, null, case when u.is_open then coalesce(u.ended_by, 'torn') else coalesce(u.outcome, '') end
    from wanted w join units u using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.time_ns, c.seq, 'cancel.requested', 1, c.by_span_id, c.file, c.line, c.mechanism
    from wanted w join cancellations c using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.swallowed_ns, c.swallowed_seq, 'cancel.swallowed', 1, null, null, null, c.swallowed_how
    from wanted w join cancellations c using (trace_id, span_id) where c.swallowed_ns is not null
    union all
    select w.trace_id, w.span_id, c.consumed_ns, c.consumed_seq, 'cancel.consumed', 2, null, null, null, c.consumed_by
    from wanted w join cancellations c using (trace_id, span_id) where c.consumed_ns is not null
    union all
    select w.trace_id, w.span_id, d.time_ns, d.seq, 'cancel.delivered', 1, null, d.file, d.line, case when d.borrowed then 'borrowed' end
    from wanted w join deliveries d using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, d.set_ns, d.set_seq, 'deadline.set', 2, null, d.file, d.line, d.timeout_ns::VARCHAR
    from wanted w join deadlines d using (trace_id, span_id) where d.set_ns is not null
    union all
    select w.trace_id, w.span_id, d.expired_ns, d.expired_seq, 'deadline.expired', 1, null, d.file, d.line, d.timeout_ns::VARCHAR
    from wanted w join deadlines d using (trace_id, span_id) where d.expired_ns is not null
    union all
    select w.trace_id, w.span_id, r.time_ns, r.seq, 'reported', 3, null, null, null,
        concat_ws(' ', r.channel, r.outcome, case when r.error is not null then '(' || r.error[:200] || ')' end)
    from wanted w join reports r using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, r.abort_at_ns, r.abort_at_seq, 'abort', 1, r.abort_cause_span_id, null, null, r.abort_from
    from wanted w join runs r using (trace_id, span_id) where r.aborted
    union all
    select w.trace_id, w.span_id, f.time_ns, f.seq, 'cancel.flagged', 1, coalesce(f.by_span_id, f.span_id), f.file, f.line, f.mechanism
    from wanted w join units u using (trace_id, span_id) join flags f on f.run_span_id = w.span_id
    join units b on b.trace_id = f.trace_id and b.span_id = f.span_id and b.resource_id = u.resource_id
    union all
    select w.trace_id, w.span_id, b.time_ns, b.seq, 'loop.blocked', case when b.duration_ns >= 50_000_000 then 2 else 3 end,
        null, b.file, b.line, b.duration_ns::VARCHAR
    from wanted w join blocked b using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.failed_ns, c.failed_seq, 'cleanup.failed', 1, null, c.file, c.line,
        concat_ws(' ', c.failure, c.error_type)
    from wanted w join cleanups c on c.trace_id = w.trace_id and c.cleanup_span_id = w.span_id where c.failed_ns is not null
    union all
    select w.trace_id, w.span_id, c.registered_ns, c.registered_seq, 'cleanup.registered', 2, null, c.file, c.line, c.name
    from wanted w join cleanups c on c.trace_id = w.trace_id and c.registrar_span_id = w.span_id
    where c.registered_ns is not null and c.started_ns is null
    union all
    select w.trace_id, w.span_id, f.first_read_ns, f.first_read_seq, 'cancel.flag_read', 1, null, null, null, f.mechanism
    from wanted w join flags f on f.first_read_by_span_id = w.span_id
    join units b on b.trace_id = f.trace_id and b.span_id = f.span_id
    join units u on u.trace_id = w.trace_id and u.span_id = w.span_id and u.resource_id = b.resource_id
    where f.first_read_ns is not null
    union all
    select w.trace_id, w.span_id, a.start_ns, a.start_seq, 'awaits', 3, a.target_span_id, a.file, a.line, a.how
    from wanted w join awaits a using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, a.end_ns, a.end_seq, 'awaits.end', 3, a.target_span_id, null, null, a.how
    from wanted w join awaits a using (trace_id, span_id) where a.end_ns is not null
    union all
    select w.trace_id, w.span_id, c.started_ns, c.started_seq, 'cleanup.started', 2, c.registrar_span_id, null, null, c.name
    from wanted w join cleanups c on c.trace_id = w.trace_id and c.cleanup_span_id = w.span_id where c.started_ns is not null
    union all
    select w.trace_id, w.span_id, h.acquired_ns, h.acquired_seq, 'resource.acquired', 2, null, h.file, h.line, h.name
    from wanted w join holdings h using (trace_id, span_id) where h.acquired_ns is not null
    union all
    select w.trace_id, w.span_id, h.transferred_ns, h.transferred_seq, 'resource.transferred', 2, h.to_span_id, null, null, h.name
    from wanted w join holdings h using (trace_id, span_id) where h.transferred_ns is not null
    union all
    select w.trace_id, w.span_id, h.released_ns, h.released_seq, 'resource.released', 2, null, null, null, concat_ws(' ', h.name, h.how)
    from wanted w join holdings h using (trace_id, span_id) where h.released_ns is not null
    union all
    select w.trace_id, w.span_id, g.opened_ns, g.opened_seq, 'generator.opened', 2, null, g.file, g.line, g.name
    from wanted w join generators g using (trace_id, span_id) where g.opened_ns is not null
    union all
    select w.trace_id, w.span_id, g.last_ns, g.last_seq, 'generator.iterated', 2, g.last_span_id, null, null, g.name
    from wanted w join generators g using (trace_id, span_id) where g.last_seq > g.opened_seq
    union all
    select w.trace_id, w.span_id, g.closed_ns, g.closed_seq, 'generator.closed', 2, g.closed_by_span_id, null, null, concat_ws(' ', g.name, g.how)
    from wanted w join generators g using (trace_id, span_id) where g.closed_ns is not null
    union all
    select w.trace_id, w.span_id, t.started_ns, t.started_seq, 'thread.started', 2, null, t.file, t.line, t.name
    from wanted w join threads t using (trace_id, span_id) where t.started_ns is not null and t.clock is not distinct from (
        select u.clock from units u where u.trace_id = w.trace_id and u.span_id = w.span_id)
    union all
    select w.trace_id, w.span_id, t.finished_ns, t.finished_seq, 'thread.finished', 2, null, null, null, concat_ws(' ', t.name, t.outcome)
    from wanted w join threads t using (trace_id, span_id) where t.finished_ns is not null and t.clock is not distinct from (
        select u.clock from units u where u.trace_id = w.trace_id and u.span_id = w.span_id)
    union all
    select w.trace_id, w.span_id, h.time_ns, h.seq, 'heartbeat', 2, null, null, null, h.timeout_ns::VARCHAR
    from wanted w join heartbeats h using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, c.time_ns, c.seq, 'checkpoint.' || c.what, 2, null, c.file, c.line, c.key
    from wanted w join checkpoints c using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, o.time_ns, o.seq, 'output.produced', 2, null, null, null,
        concat_ws(' ', o.status, case when not o.has_data then 'without data' end)
    from wanted w join outputs o using (trace_id, span_id)
    union all
    select w.trace_id, w.span_id, x.time_ns, x.seq, 'exception.unread', 1, null, null, null, null
    from wanted w join unread x using (trace_id, span_id)
),
ranked as (
    select *, row_number() over (partition by trace_id, span_id order by rank, seq, event) as place from facts
)
select r.trace_id, r.span_id, r.time_ns, r.event, r.actor, r.file, r.line, r.detail, u.name, a.name, r.seq
from ranked r
join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
left join units a on a.resource_id is not distinct from u.resource_id and a.span_id = r.actor
where r.place <= $1
order by r.trace_id, r.time_ns, r.seq, r.event, r.span_id, r.actor
