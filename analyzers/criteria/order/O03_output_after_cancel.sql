-- id: O03
-- name: output-after-cancel
-- severity: error
-- says: A stage produced an output although it had got its cancellation, or although its run had been aborted.
-- rule: a stage that was cancelled, or whose run was aborted, produces no output any more
-- why: The result of a run that is over is written, sent or paid for all the same, after the caller was told that there would be none.
-- judges: output of a stage
-- message: {subject} produced an output although it should have stopped: {note}
-- fix: Let CancelledError pass through the stage, so that nothing is returned after it. A run has to cancel and await its stages before it ends.
-- bad:
--   try:
--       rows = await load()
--   except asyncio.CancelledError:
--       return StageOutput.ok(partial=rows)
-- good:
--   try:
--       rows = await load()
--   except asyncio.CancelledError:
--       await save(rows)
--       raise
-- covers: H3; H5; H9; 2.2 Partial Results; 2.2 Race Conditions; 5.3 no race conditions; 6.1 Exact Timeout
-- certain given: the output, the delivery and the abort were recorded in one process
-- cannot see: outputs that a stage writes by itself (to a database, a queue) and does not return
-- unknown when: its run is still open where the trace is cut: it may complete, or turn out to have been aborted when its cleanups began
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow, cancel, delivery
-- fault: code where the stage swallowed its cancellation; library where nobody had told the stage that its run was over
with
-- A delivery that the stage turned out to have swallowed before. A failed or cancelled output is an answer to it, as for P08.
swallowed as (
    select o.trace_id, o.span_id, o.seq, min(c.delivered_ns) as at_ns, arg_min(c.by_span_id, c.delivered_seq) as by_id
    from outputs o
    join cancellations c on c.trace_id = o.trace_id and c.span_id = o.span_id
    where c.delivered_seq < o.seq and c.consumed_ns is null and c.swallowed_ns is not null
    group by o.trace_id, o.span_id, o.seq
),
produced as (
    select
        o.trace_id, o.span_id, o.seq, o.time_ns, u.subject, u.grace_ns, u.run_id, w.at_ns as swallowed_ns, w.by_id, r.aborted, r.abort_at_ns, r.abort_at_seq,
        coalesce(p.settled, true) as settled,
        u.outcome in ('failed', 'cancelled') and u.error_type is null as answered,
        l.start_seq is not null as unwinding
    from outputs o
    join units u on u.trace_id = o.trace_id and u.span_id = o.span_id
    left join swallowed w on w.trace_id = o.trace_id and w.span_id = o.span_id and w.seq = o.seq
    left join runs r on r.trace_id = u.trace_id and r.span_id = u.run_id
    left join settled_units p on p.trace_id = u.trace_id and p.span_id = u.run_id
    left join unwindings l on l.trace_id = o.trace_id and l.span_id = o.span_id and l.start_seq <= o.seq and l.end_seq >= o.seq
),
-- A run that is cut while it cleans up: should it turn out to be aborted, then from there on.
cleaning as (
    select trace_id, run_span_id as span_id, min(started_ns) as started_ns
    from cleanups
    where started_ns is not null
    group by trace_id, run_span_id
),
judged as (
    select
        p.*,
        p.swallowed_ns is not null and not p.answered as kept,
        not p.unwinding and not (p.answered and p.swallowed_ns is not null)
            and coalesce(p.aborted and p.time_ns > p.abort_at_ns + p.grace_ns, false) as late,
        not p.settled and not p.unwinding and coalesce(p.time_ns > c.started_ns + p.grace_ns, false) as may_be_late
    from produced p
    left join cleaning c on c.trace_id = p.trace_id and c.span_id = p.run_id
)
select
    -- The stage that produced it.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.kept then false
        when j.late and j.settled then false
        when j.late or j.may_be_late then null
        else true
    end as ok,
    -- How long after the delivery, or after its run was aborted; none of both: 0.
    case when j.kept then j.time_ns - j.swallowed_ns when j.aborted then greatest(j.time_ns - j.abort_at_ns, 0) else 0 end as measured,
    -- Its grace after an abort; after a swallowed delivery nothing.
    case when j.kept then null else j.grace_ns end as bound,
    'ns' as unit,
    -- Who had cancelled it; or its run.
    case when j.kept then j.by_id when j.late or j.may_be_late then j.run_id end as cause_span_id,
    case when j.kept then 'code' when j.late then 'library' end as fault,
    case
        when j.kept then 'it had got its cancellation, and did not pass it on'
        when j.late and not j.settled then 'its run is still open where the trace is cut: it may yet complete'
        when j.late then 'its run had been aborted'
        when j.may_be_late then 'its run was cleaning up where the trace is cut: it may have been aborted'
    end as note
from judged j
