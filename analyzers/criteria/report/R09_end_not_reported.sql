-- id: R09
-- name: end-not-reported
-- severity: info
-- says: The library told its observers that a stage started, and never that it ended.
-- rule: whoever was told that a stage starts is told how it ended
-- why: A log, a metric or a span that an observer opened at the start stays open for ever. Dashboards count such stages as running, and nobody
--   learns that they were cancelled.
-- judges: stage whose body started and has ended, and of which something was told
-- message: {subject} ended, and no observer was told: {note}
-- fix: In an interceptor of your own, do not rely on `after` alone: note what was opened in `before`, and close what is left when the run ends. stageflow
--   1.2.0 calls neither `after` nor `on_error` for a stage that is cancelled.
-- bad:
--   async def after(self, stage_name, result, ctx):
--       self.running.discard(stage_name)            # is never called for a stage that was cancelled
-- good:
--   async def run(order):
--       try:
--           return await order.run(ctx, interceptors=[watch])
--       finally:
--           watch.close_what_is_left()
-- covers: H8; 2.2 Silent Failures; 5.3 no silent failures; 3.1 Interceptors
-- certain given: each call of the library's interceptors and each event that it emits was seen while the seam `stageflow` held
-- cannot see: what an observer does with what it is told; observers that a stage calls by itself
-- unknown when: the trace is cut: the observers may have been told after its last record
-- torn: unknown
-- clock: any
-- scope: trace
-- needs: stageflow
-- fault: library, which tells its observers
with
-- What was told of each; where nothing at all was, nothing is known of who was told.
told as (
    select
        r.trace_id, r.span_id,
        bool_or(r.channel in ('after', 'on_error') or (r.channel = 'event' and coalesce(r.status, '') not like '%start%')) as observers
    from reports r
    group by r.trace_id, r.span_id
)
select
    -- The stage.
    u.trace_id,
    u.span_id,
    u.subject,
    t.observers as ok,
    -- How long it had run, and counts as running since.
    u.end_ns - u.start_ns as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- Its run.
    u.run_id as cause_span_id,
    'library' as fault,
    case when not t.observers then 'it ' || coalesce(replace(replace(replace(u.outcome, 'timed_out', 'timed out'), 'cancelled', 'was cancelled'), '_', ' '), 'ended') end
        as note
from units u
join told t on t.trace_id = u.trace_id and t.span_id = u.span_id
where u.unit = 'stage' and u.started_seq is not null and not u.is_open and u.outcome is distinct from 'unfinished'
