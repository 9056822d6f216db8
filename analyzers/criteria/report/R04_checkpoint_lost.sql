-- id: R04
-- name: checkpoint-lost
-- severity: error
-- says: A run that was aborted had saved a checkpoint, and whoever looked for it afterwards did not find it.
-- rule: a checkpoint that was saved is found after the abort of what saved it
-- why: A checkpoint exists for this very case. Without it the work is done again, or, worse, done twice: a payment, a mail.
-- judges: checkpoint that was looked for after what saved it was aborted
-- message: the checkpoint {thing} was saved before the abort of {cause}, and {holder} could not find it {measured} later
-- fix: Keep one store for all runs, outside of what a run creates for itself, and save under a key that a later run knows too.
-- bad:
--   async def run_once():
--       await graph.run(ctx, interceptors=get_default_interceptors())      # a new, empty store for each run
-- good:
--   INTERCEPTORS = [*get_default_interceptors(include_idempotency=False), IdempotencyInterceptor(store=STORE)]
--   async def run_once():
--       await graph.run(ctx, interceptors=INTERCEPTORS)
-- covers: 2.2 Checkpoint Loss; H8; 5.3 partial results accessible after timeout
-- parameter hops: 64 hops; steps upwards from who saved it, to find a run or unit around it that was aborted
-- certain given: the two looked for the same thing: one kind of store, one key, runs of one pipeline, in one process
-- cannot see: stores that are not the library's own; what was kept in another process; a checkpoint that was found and is out of date
-- unknown when: the trace is cut: that the checkpoint was deleted on purpose may be missing
-- torn: unknown
-- clock: any
-- scope: recording
-- samples: needed
-- needs: stageflow
-- fault: code, which chooses the store
with recursive
looks as (
    select c.trace_id, c.span_id, c.what, c.key, coalesce(c.store, '') as store, c.time_ns, c.seq, u.resource_id, u.subject, u.run_id,
        coalesce(r.pipeline, '') as pipeline
    from checkpoints c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    left join runs r on r.trace_id = u.trace_id and r.span_id = u.run_id
    where c.key is not null and u.resource_id is not null
),
-- At each look the last that a run of that pipeline has saved before it, and when it was given up last, by whomever.
ordered as (
    select *,
        last_value(case when what = 'saved' then {'trace_id': trace_id, 'span_id': span_id, 'run_id': run_id, 'time_ns': time_ns, 'seq': seq} end
            ignore nulls) over (partition by resource_id, store, key, pipeline order by seq) as kept,
        max(seq) filter (what = 'dropped') over (partition by resource_id, store, key order by seq) as dropped_seq
    from looks
),
judged as (
    select * from ordered where what in ('loaded', 'missed') and kept is not null and coalesce(dropped_seq < kept.seq, true)
),
-- From who saved it upwards: in a run its pipelines, outside of any run the tasks and scopes.
climb as (
    select distinct kept.trace_id as trace_id, kept.span_id as saver_id, kept.span_id as at_id, kept.run_id is not null as in_run, 0 as hop
    from judged
    union all
    select c.trace_id, c.saver_id, u.parent_span_id, c.in_run, c.hop + 1
    from climb c
    join units u on u.trace_id = c.trace_id and u.span_id = c.at_id
    where u.parent_span_id is not null and c.hop < $hops
),
aborts as (
    select c.trace_id, c.saver_id, r.span_id as aborted_id, r.abort_at_seq as seq
    from climb c
    join runs r on r.trace_id = c.trace_id and r.span_id = c.at_id
    where r.aborted and r.abort_at_seq is not null
    union all
    select c.trace_id, c.saver_id, u.span_id, u.end_seq
    from climb c
    join units u on u.trace_id = c.trace_id and u.span_id = c.at_id
    where not c.in_run and u.unit in ('task', 'scope') and u.outcome in ('cancelled', 'timed_out', 'failed') and u.end_seq is not null
),
first_abort as (
    select trace_id, saver_id, min(seq) as seq, arg_min(aborted_id, seq) as aborted_id from aborts group by trace_id, saver_id
),
-- A store may be asked twice for one decision: whoever looks for a key is one subject.
subjects as (
    select j.trace_id, j.span_id, j.subject, j.key, bool_and(j.what = 'loaded') as found, arg_max(j.kept, j.seq) as kept, max(j.time_ns) as time_ns,
        arg_max(a.aborted_id, j.seq) as aborted_id
    from judged j
    join first_abort a on a.trace_id = j.kept.trace_id and a.saver_id = j.kept.span_id
    where j.seq > a.seq
    group by j.trace_id, j.span_id, j.subject, j.key
)
select
    -- The unit that looked for it; the subject is that unit and the key.
    s.trace_id,
    s.span_id,
    s.subject || ' ' || s.key as subject,
    s.found as ok,
    -- From the saving to the look.
    s.time_ns - s.kept.time_ns as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- What saved it and was aborted: the run, or outside of runs the task or scope.
    s.aborted_id as cause_span_id,
    'code' as fault,
    null::VARCHAR as note
from subjects s
