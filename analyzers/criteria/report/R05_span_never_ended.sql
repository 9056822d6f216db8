-- id: R05
-- name: span-never-ended
-- severity: error
-- says: A pipeline, stage, subpipeline, cleanup or a span of another library has no end though its process ended normally.
-- rule: what a process has begun has an end by the time that it ends normally
-- why: Whoever looks at the trace or waits for its end learns nothing: neither success nor failure was told.
-- judges: pipeline, stage, subpipeline, cleanup or foreign span
-- message: {subject} has no end though its process ended normally; it had been open for {measured}
-- fix: Await what you start before the program ends, and end spans in `finally` (or with `with`).
-- bad:
--   span = tracer.start_span("work")
--   await work()                            # raises: the span never ends
--   span.end()
-- good:
--   with tracer.start_as_current_span("work"):
--       await work()
-- covers: H2; H4; 2.2 Silent Failures; 5.3 no silent failures
-- certain given: the process is known to have ended normally, and what was open then was written
-- cannot see: spans that a library began and dropped without exporting them
-- unknown when: the process was killed, or recording stopped before it ended
-- torn: certain
-- clock: any
-- scope: recording
-- needs: none
-- fault: library for what the library runs; code for a foreign span
select
    -- What has no end.
    u.trace_id,
    u.span_id,
    u.subject,
    case when not u.is_open then true when u.settled then false end as ok,
    -- How long it had been open when knowledge ended.
    u.until_ns - u.start_ns as measured,
    null::BIGINT as bound,
    'ns' as unit,
    u.parent_span_id as cause_span_id,
    case when u.unit is null then 'code' else 'library' end as fault,
    case when u.is_open and not u.settled then 'its process was killed, or recording stopped before it ended' end as note
from settled_units u
-- A foreign span without a recording comes from a process of which nothing is known, whatever a map calls it.
where case
    when u.recording_id is null then not u.is_open
    else u.unit is null or u.unit in ('pipeline', 'stage', 'subpipeline', 'cleanup')
end
