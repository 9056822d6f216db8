-- id: R08
-- name: exception-never-retrieved
-- severity: warning
-- says: A task failed, and nobody ever looked: it was not awaited, and nobody asked for its result or its exception.
-- rule: somebody looks at how a task ended, at the latest before the program ends
-- why: The error is gone. asyncio writes "Task exception was never retrieved" to a log when the task happens to be collected, which may be
--   never; the program goes on as if the work had been done.
-- judges: task that failed
-- message: {subject} failed and nobody ever looked at its error: {note}
-- fix: Await the task where its result is due, start it in a TaskGroup, or give it a done-callback that calls `task.exception()` and says
--   what became of it. A set that keeps background tasks alive does not look at their errors.
-- bad:
--   asyncio.create_task(save(order))              # fails: nobody hears of it
-- good:
--   async with asyncio.TaskGroup() as group:
--       group.create_task(save(order))            # fails: the block raises
-- covers: H2; H8; 2.2 Silent Failures; 5.3 no silent failures
-- certain given: asyncio's own mark, which `await`, `result()`, `exception()`, `gather` and TaskGroups take off, was still there when the
--   task was dropped or the process ended
-- cannot see: the tasks that stageflow makes for its stages, and those that asyncio makes for itself; whether whoever took the exception did
--   anything with it; what handlers at exit look at that run after the recording's end
-- unknown when: the process was killed or records were lost; recording stopped while the task was still there, so that somebody may look
--   yet; the program's own record was too full to tell
-- torn: certain
-- clock: any
-- scope: recording
-- needs: task
-- fault: library where the task's code is installed in site-packages; else code
with
-- More was told of a program than its record keeps.
full_records as (
    select distinct resource_id from units where unit = 'program' and coalesce(events_dropped, 0) > 0
),
judged as (
    select
        u.trace_id, u.span_id, u.subject, u.torn, u.error_type, u.error_message, u.creator_span_id, u.code_file,
        x.span_id is not null as unread, coalesce(x.so_far, false) as so_far,
        coalesce(r.dropped, 0) > 0 or f.resource_id is not null as lost
    from units u
    left join recordings r on r.resource_id = u.resource_id
    left join full_records f on f.resource_id = u.resource_id
    left join (select trace_id, span_id, bool_and(so_far) as so_far from unread group by trace_id, span_id) x
        on x.trace_id = u.trace_id and x.span_id = u.span_id
    -- Ctrl-C and an exit go through the loop to whoever runs it, whoever looks at the task.
    where u.unit = 'task' and u.outcome = 'failed' and coalesce(u.error_type, '') not in ('SystemExit', 'KeyboardInterrupt')
)
select
    -- The task.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.unread and not j.so_far then false
        when j.unread or j.torn or j.lost then null
        else true
    end as ok,
    null::BIGINT as measured,
    null::BIGINT as bound,
    null::VARCHAR as unit,
    -- Who created it; null: no unit did.
    j.creator_span_id as cause_span_id,
    case when coalesce(j.code_file, '') like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when j.unread and j.so_far then 'it was still there when recording stopped: somebody may look yet'
        when not j.unread and j.torn then 'its process was killed: nobody knows whether somebody looked'
        when not j.unread and j.lost then 'records were lost, perhaps the one that tells'
        when j.unread then coalesce(j.error_type, 'an error') || coalesce(' (' || nullif(j.error_message, '') || ')', '')
    end as note
from judged j
