-- The record of section 1.2 of the research summary: every timeout and every cancellation that happened, whatever is thought of it.

-- One row a request on a unit that it was meant for or that it was handed on to, and one a deadline whose timer ran and asked nobody.
create view audit (
    -- [VARCHAR] timeout: a deadline's timer asked, or ran; cancellation: anybody else asked.
    kind,
    -- [VARCHAR] The file that it was read from.
    path,
    -- [INTEGER] The process.
    resource_id,
    -- [BIGINT] Number of the request in the process; null: nobody was asked.
    request_id,
    -- [BIGINT] Request from which it was handed on; null: none.
    via,
    -- [VARCHAR] Trace of the unit.
    trace_id,
    -- [VARCHAR] The unit that was asked, or whose deadline passed.
    span_id,
    -- [VARCHAR] Its name.
    name,
    -- [VARCHAR] Name of the run that it works for; null: none.
    run,
    -- [BIGINT] The deadline that asked, else the unit's own; null: it had none.
    deadline_ns,
    -- [BIGINT] The time that it had been given.
    timeout_ns,
    -- [BIGINT] When that deadline's timer ran; null: it did not.
    expired_ns,
    -- [BIGINT] When it was asked.
    requested_ns,
    -- [VARCHAR] How: timer, task_cancel, taskgroup, gather, wait_for, runner, sigint, anyio, stageflow, library.
    mechanism,
    -- [VARCHAR] The unit that asked; null: a timer, or nobody that is a unit.
    by_span_id,
    -- [VARCHAR] Its name.
    by_name,
    -- [VARCHAR] Message of the request: why, where somebody said it.
    message,
    -- [VARCHAR] File of the line that asked, or that set the deadline.
    file,
    -- [BIGINT] Line.
    line,
    -- [VARCHAR] Function.
    function,
    -- [BIGINT] When the unit got it; null: it did not.
    delivered_ns,
    -- [BIGINT] When it was taken back before that.
    withdrawn_ns,
    -- [VARCHAR] What ended it lawfully inside the unit: timeout, taskgroup, runner, anyio, uncancel.
    consumed_by,
    -- [VARCHAR] How the unit swallowed it: returned, raised, went_on.
    swallowed_how,
    -- [BIGINT] From the delivery to the end of the unit, or to where the request was used up: how long it cleaned up.
    cleanup_ns,
    -- [BIGINT] Callbacks of the run's cleanup registry that began after the request.
    callbacks,
    -- [BIGINT] Those of them that failed.
    callbacks_failed,
    -- [BIGINT] End of the unit; null: none was recorded.
    end_ns,
    -- [VARCHAR] What the unit's own code did; null: it is open.
    outcome,
    -- [VARCHAR] What was reported of it.
    reported_outcome
) as
with
-- The deadline whose timer made a request: the last one of the unit that ran by then.
timers as (
    select c.trace_id, c.span_id, c.request_id, arg_max(d.deadline_id, d.expired_seq) as deadline_id
    from cancellations c
    join deadlines d on d.trace_id = c.trace_id and d.span_id = c.span_id and d.expired_seq <= c.seq
    where c.mechanism in ('timer', 'wait_for', 'anyio')
    group by c.trace_id, c.span_id, c.request_id
),
asked as (
    select c.*, t.deadline_id
    from cancellations c
    left join timers t on t.trace_id = c.trace_id and t.span_id = c.span_id and t.request_id = c.request_id
    -- A task that was done already was asked for nothing.
    where c.live is distinct from false
),
moments as (
    select trace_id, span_id, request_id, via, deadline_id, time_ns as requested_ns, seq, mechanism, by_span_id, message, file, line, function,
        delivered_ns, withdrawn_ns, consumed_ns, consumed_by, swallowed_how
    from asked
    union all by name
    select d.trace_id, d.span_id, d.deadline_id, d.expired_seq as seq, d.file, d.line, d.function
    from deadlines d
    where d.expired_ns is not null
        and not exists (from asked a where a.trace_id = d.trace_id and a.span_id = d.span_id and a.deadline_id = d.deadline_id)
),
ran as (
    select trace_id, run_span_id, started_seq, failed_seq is not null as failed
    from cleanups
    where started_seq is not null
),
callbacks as (
    select m.trace_id, m.span_id, m.seq, count(*) as total, count(*) filter (r.failed) as failed
    from moments m
    join units u on u.trace_id = m.trace_id and u.span_id = m.span_id
    join ran r on r.trace_id = m.trace_id and r.run_span_id = coalesce(u.run_id, u.span_id) and r.started_seq > m.seq
    group by m.trace_id, m.span_id, m.seq
)
select
    case when m.deadline_id is not null or m.mechanism = 'timer' then 'timeout' else 'cancellation' end,
    f.path, u.resource_id, m.request_id, m.via, m.trace_id, m.span_id, u.name, run.name,
    coalesce(d.at_ns, u.deadline_ns), coalesce(d.timeout_ns, u.timeout_ns), d.expired_ns, m.requested_ns,
    m.mechanism, m.by_span_id, y.name, m.message, coalesce(m.file, d.file), coalesce(m.line, d.line), coalesce(m.function, d.function),
    m.delivered_ns, m.withdrawn_ns, m.consumed_by, m.swallowed_how,
    case when m.delivered_ns is not null then coalesce(m.consumed_ns, u.end_ns) - m.delivered_ns end,
    coalesce(c.total, 0), coalesce(c.failed, 0), u.end_ns, u.outcome, u.reported_outcome
from moments m
join units u on u.trace_id = m.trace_id and u.span_id = m.span_id
left join files f on f.file_id = u.file_id
left join deadlines d on d.trace_id = m.trace_id and d.span_id = m.span_id and d.deadline_id = m.deadline_id
left join units run on run.trace_id = u.trace_id and run.span_id = u.run_id and run.span_id <> u.span_id
left join units y on y.resource_id = u.resource_id and y.span_id = m.by_span_id
left join callbacks c on c.trace_id = m.trace_id and c.span_id = m.span_id and c.seq = m.seq;
