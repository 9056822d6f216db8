-- id: P04
-- name: sibling-not-cancelled
-- severity: error
-- says: A run was aborted from inside, and a stage or task of it that was at work was not asked to stop.
-- rule: when a run is aborted from inside, all of its stages and tasks that are at work are asked to stop within their grace
-- why: The run is lost, and its other branches go on: they use up connections and money, write results that nobody reads, and run into
--   the cleanup that the run has begun.
-- judges: stage or task at work when its run was aborted from inside
-- message: {subject} was at work when its run was aborted because of {cause}, was not asked to stop and ran on for {measured} (allowed: {bound})
-- fix: Whoever aborts a run has to cancel and await its other stages first. In stageflow 1.2.0 a stage that raises does it, a stage that times out or
--   returns a failed output does not: raise from the stage (or from an interceptor), or run pipelines by a helper that cancels the tasks of the
--   stages at work when the run ends; `spanproof/scenarios/workaround.py` is one to copy.
-- bad:
--   if output.status == FAIL:
--       raise PipelineFailed(stage)                          # the other tasks run on
-- good:
--   if output.status == FAIL:
--       for task in active:
--           task.cancel()
--       await asyncio.gather(*active, return_exceptions=True)
--       raise PipelineFailed(stage)
-- covers: H2; H9; 2.2 Orphaned Tasks; 5.1 cancellation propagates; 6.2 Parallel Cancellation; 6.2 Fan-out/Fan-in Cancellation
-- parameter hops: 64 hops; ancestors looked at between a task and its run
-- certain given: the run was aborted from inside at the recorded moment, and no request reached the unit within its grace after it
-- cannot see: units that the library runs without a stage or a task of their own (a thread's work, a callback)
-- unknown when: the trace is cut within the grace after the abort; or more than `hops` ancestors stand between a task and its run
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow, task, cancel, await
-- fault: library for a stage; code for a task of a stage's own
with recursive
aborted as (
    select r.trace_id, r.span_id, r.abort_at_ns, r.abort_at_seq, r.abort_cause_span_id
    from runs r
    where r.abort_from = 'inside' and r.end_ns is not null
),
-- At work at the abort: created before it, not ended by then. What shares a task with a stage or task is judged with it.
active as (
    select
        u.trace_id, u.span_id, u.subject, u.unit, u.parent_span_id, u.until_ns, u.is_open, u.grace_ns, u.deadline_ns,
        a.span_id as run_id, a.abort_at_ns, a.abort_at_seq, coalesce(a.abort_cause_span_id, a.span_id) as cause_span_id,
        a.abort_at_ns + u.grace_ns as due_ns, u.settled
    from aborted a
    join settled_units u on u.trace_id = a.trace_id and u.run_id = a.span_id
    where u.unit in ('stage', 'task') and u.start_seq < a.abort_at_seq and u.until_seq > a.abort_at_seq
),
asked as (
    select distinct a.trace_id, a.span_id
    from active a
    join asks k on k.trace_id = a.trace_id and k.span_id = a.span_id
    where k.time_ns <= a.due_ns and coalesce(k.consumed_seq > a.abort_at_seq, true)
),
-- At fault unless something takes care of it.
candidate as (
    select a.*
    from active a
    left join asked on asked.trace_id = a.trace_id and asked.span_id = a.span_id
    where asked.span_id is null and a.until_ns > a.due_ns and coalesce(a.deadline_ns > a.due_ns, true)
),
-- Between a task and its run: what was asked in time and unwinds has its own tasks to see to, one after the other if it likes.
way as (
    select c.trace_id, c.span_id as judged_id, 1 as hop, c.parent_span_id as at_id, c.run_id, c.due_ns, c.abort_at_seq
    from candidate c
    where c.unit = 'task'
    union all
    select w.trace_id, w.judged_id, w.hop + 1, m.parent_span_id, w.run_id, w.due_ns, w.abort_at_seq
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where w.at_id <> w.run_id and w.hop < $hops
),
covered as (
    select w.trace_id, w.judged_id as span_id
    from way w
    join asks k on k.trace_id = w.trace_id and k.span_id = w.at_id
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where w.at_id <> w.run_id and m.until_seq > w.abort_at_seq
        and k.time_ns <= w.due_ns and coalesce(k.consumed_seq > w.abort_at_seq, true)
    union
    select w.trace_id, w.judged_id
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where w.at_id <> w.run_id and m.until_seq > w.abort_at_seq and m.deadline_ns <= w.due_ns
    union
    -- Somebody still waits for the task after the abort.
    select c.trace_id, c.span_id
    from candidate c
    join touches t on t.trace_id = c.trace_id and t.span_id = c.span_id
    where t.how = 'await' and t.end_seq > c.abort_at_seq and t.start_ns <= c.due_ns
),
-- Beyond what was looked at may be one that was asked in time.
cut_short as (
    select trace_id, judged_id as span_id from way where hop = $hops and at_id <> run_id
),
judged as (
    select
        a.*,
        covered.span_id is not null as is_covered,
        cut_short.span_id is not null as is_cut_short,
        case
            when covered.span_id is null and cut_short.span_id is not null then null
            when c.span_id is not null and covered.span_id is null then false
            -- A unit that was not asked and is no candidate has ended in time, or its deadline is due in time, or knowledge ends within its grace.
            when c.span_id is null and asked.span_id is null and not a.settled and coalesce(a.deadline_ns > a.due_ns, true) then null
            else true
        end as ok
    from active a
    left join asked on asked.trace_id = a.trace_id and asked.span_id = a.span_id
    left join candidate c on c.trace_id = a.trace_id and c.span_id = a.span_id
    left join covered on covered.trace_id = a.trace_id and covered.span_id = a.span_id
    left join cut_short on cut_short.trace_id = a.trace_id and cut_short.span_id = a.span_id
)
select
    -- The stage or task.
    trace_id,
    span_id,
    subject,
    ok,
    -- For how long it was at work after the abort.
    until_ns - abort_at_ns as measured,
    -- Its grace.
    grace_ns as bound,
    'ns' as unit,
    -- The stage whose end made the run stop, else the run.
    cause_span_id,
    case when unit = 'stage' then 'library' else 'code' end as fault,
    case
        when is_covered then 'what it belongs to was asked, or somebody waits for it'
        when is_cut_short then 'more ancestors than `hops` would have to be looked at'
        when ok is null then 'the trace is cut within the grace'
        when not ok and is_open then 'still running where knowledge ends'
    end as note
from judged
