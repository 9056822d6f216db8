-- id: P10
-- name: group-member-abandoned
-- severity: error
-- says: A `gather`, `wait` or `as_completed` ended early, by an error or a timeout, and one of its tasks ran on with nobody waiting for it.
-- rule: whoever leaves a group of tasks early cancels the rest of it, or goes on waiting for it
-- why: `gather` hands on the first error and lets the others run; `wait` and `as_completed` give up at their timeout and cancel nobody.
--   What is left runs on unseen: its work goes to waste or comes too late, and its errors reach nobody.
-- judges: member of a gather, wait or as_completed that ended by an error or a timeout
-- message: {subject} ran on for {measured} after its group had ended early, and nobody cancelled it or waited for it (allowed: {bound})
-- fix: Use a TaskGroup, which cancels and awaits the rest by itself; or cancel the others in `except` or `finally` and await them with
--   `gather(*tasks, return_exceptions=True)`. What shall go on is declared with `spanproof.detached()`.
-- bad:
--   await asyncio.gather(load(), parse())                # load() fails: parse() runs on, forgotten
-- good:
--   async with asyncio.TaskGroup() as group:
--       group.create_task(load())
--       group.create_task(parse())
-- covers: H2; H3; 2.2 Orphaned Tasks; 6.2 Parallel Stages with Timeout
-- certain given: the group's members and its end were seen, and nobody asked the member to stop within the grace or waited for it until the recording ended
-- cannot see: a `gather` that had failed before it was awaited, or that is awaited through `shield`; futures that are no tasks; why an early `wait`
--   ended where the recorder does not say so: then it is a timeout unless a member had just ended; somebody who polls `done()`
-- unknown when: the member is open in a trace that is cut, and nobody has asked or awaited it so far: somebody still may
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, cancel, await
-- fault: library where the code that waits is installed in site-packages; else code
with
grouped as (
    select
        a.trace_id, a.span_id, a.target_span_id, a.how, a.end_ns, a.end_seq, a.start_seq, a.ended_by,
        coalesce(a.group_id, -a.start_seq) as group_no, coalesce(a.file, w.code_file) as waiting_file, w.resource_id, w.unit as waiting_unit,
        w.outcome as waiter_outcome, w.until_ns as waiter_until_ns, w.start_seq as waiter_start_seq, w.grace_ns as waiter_grace_ns
    from awaits a
    join units w on w.trace_id = a.trace_id and w.span_id = a.span_id
    where a.how in ('gather', 'wait', 'as_completed') and a.end_seq is not null
),
membership as (
    select
        g.*, m.trace_id as member_trace_id, m.until_ns, m.until_seq, m.settled, m.subject, m.unit, m.outcome, m.grace_ns,
        m.deadline_ns, m.user_done_callback, m.group_owner_span_id, m.detached, m.start_seq as member_start_seq,
        not m.is_open and m.end_seq <= g.end_seq as ended
    from grouped g
    join settled_units m on m.resource_id = g.resource_id and m.span_id = g.target_span_id
),
-- Per group: who of its members broke, who ended last, whether somebody was left.
ends as (
    select
        trace_id, span_id, how, group_no,
        arg_max(target_span_id, until_seq) filter (ended and outcome in ('failed', 'cancelled', 'timed_out')) as broken_id,
        max(until_seq) filter (ended and outcome in ('failed', 'cancelled', 'timed_out')) as broken_seq,
        max(until_seq) filter (ended) as last_seq,
        max(until_ns) filter (ended) as last_ns
    from membership
    group by trace_id, span_id, how, group_no
),
early as (
    select
        m.*, e.broken_id,
        case
            when m.ended_by is not null and m.how <> 'gather' then m.ended_by
            when m.how = 'gather' then case when e.broken_id is not null or not m.ended then 'error' end
            when e.last_seq = e.broken_seq then 'error'
            when e.last_ns >= m.end_ns - m.waiter_grace_ns then 'done'
            when m.waiter_outcome in ('cancelled', 'timed_out') and m.waiter_until_ns <= m.end_ns + m.waiter_grace_ns then 'raised'
            else 'timeout'
        end as why
    from membership m
    join ends e on e.trace_id = m.trace_id and e.span_id = m.span_id and e.how = m.how and e.group_no = m.group_no
    where m.unit = 'task' and not coalesce(m.detached, false)
),
-- Of several groups that left a member the last one counts: it was waited for again after the others.
judged as (
    select *
    from early
    where why in ('error', 'timeout')
        -- Cut by the timeout around it. Who was begun within that timeout is judged by P02, as is what a cancelled unit leaves behind.
        or (why = 'raised' and waiting_unit = 'scope' and waiter_outcome = 'timed_out' and member_start_seq < waiter_start_seq)
    qualify row_number() over (partition by resource_id, target_span_id order by end_seq desc, how, group_no) = 1
),
left_over as (
    select * from judged where until_ns > end_ns + grace_ns
),
asked as (
    select distinct j.member_trace_id, j.target_span_id
    from left_over j
    join asks k on k.trace_id = j.member_trace_id and k.span_id = j.target_span_id
    where k.time_ns <= j.end_ns + j.grace_ns and coalesce(k.consumed_seq > j.end_seq, true)
    union
    select member_trace_id, target_span_id from left_over where deadline_ns <= end_ns + grace_ns
),
awaited as (
    select distinct j.member_trace_id, j.target_span_id
    from left_over j
    join touches t on t.trace_id = j.member_trace_id and t.span_id = j.target_span_id
    where t.how = 'await' and t.end_seq > j.end_seq
)
select
    -- The member.
    j.member_trace_id as trace_id,
    j.target_span_id as span_id,
    j.subject,
    case
        when l.target_span_id is null and not j.settled then null
        when l.target_span_id is null then true
        when asked.target_span_id is not null or awaited.target_span_id is not null or j.group_owner_span_id is not null then true
        when not j.settled then null
        else false
    end as ok,
    -- For how long it ran on after the end of its group; below 0: it had ended before.
    j.until_ns - j.end_ns as measured,
    -- Its grace.
    j.grace_ns as bound,
    'ns' as unit,
    -- The member whose error ended the group; of a timeout: who waited.
    case when j.why = 'error' then coalesce(j.broken_id, j.span_id) else j.span_id end as cause_span_id,
    case when coalesce(j.waiting_file, '') like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when asked.target_span_id is not null then 'asked in time'
        when awaited.target_span_id is not null then 'somebody waits for it again'
        when j.group_owner_span_id is not null then 'its TaskGroup waits for it'
        when not j.settled then 'still open where the trace is cut: somebody may yet await or cancel it'
        when l.target_span_id is null then null
        when j.why = 'error' and j.broken_id is not null then j.how || ' ended with the error of another member'
        when j.why = 'error' then j.how || ' ended by an error'
        when j.why = 'timeout' then j.how || ' ended by its own timeout'
        else j.how || ' was cut by the timeout around it'
    end as note,
    -- A task with a done-callback of the program's is looked after in the customary way.
    case when j.user_done_callback then 'info' end as severity
from judged j
left join left_over l on l.member_trace_id = j.member_trace_id and l.target_span_id = j.target_span_id
left join asked on asked.member_trace_id = j.member_trace_id and asked.target_span_id = j.target_span_id
left join awaited on awaited.member_trace_id = j.member_trace_id and awaited.target_span_id = j.target_span_id
