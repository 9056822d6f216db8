-- id: P05
-- name: start-after-cancel
-- severity: error
-- says: A stage, pipeline or subpipeline started although what it belongs to had been aborted or flagged as cancelled.
-- rule: nothing new starts in a run that has been aborted or flagged
-- why: Work is begun for a run that is over. Its effects (a payment, a message) happen after the caller was told that they would not.
-- judges: stage, pipeline or subpipeline in a run that was aborted or flagged
-- message: {subject} started {measured} after {cause} had been aborted or flagged (allowed: {bound})
-- fix: Look at the run's cancellation before starting anything for it, and let a cancellation end the loop that starts things.
-- bad:
--   for item in items:
--       try:
--           await spawn(item)
--       except asyncio.CancelledError:
--           continue                # the next child pipeline starts in a dead run
-- good:
--   for item in items:
--       ctx.raise_if_cancelled()
--       await spawn(item)
-- covers: H2; H3; 2.2 Nested Cancellation; 6.2 Sequential Cancellation
-- parameter flag_tolerance_ms: 100 ms; a cooperative flag has to be noticed as fast as a deadline (success criterion 5.1)
-- parameter hops: 256 hops; steps upwards to find out whether it was started from an unwinding stretch
-- certain given: the start and the abort or the flag were recorded in one process, in their order
-- cannot see: work that begins as a plain call inside a unit that was at work already
-- unknown when: what started it had a cancellation and is still open, so that it is not decided whether it unwinds; or its run was cancelled and is still open in a trace that is cut, so that it may yet complete;
--   or it is more than `hops` deep, so that what it was started from may be further up
-- torn: certain
-- clock: any
-- scope: trace
-- needs: stageflow, cancel, delivery, flag
-- fault: library for a stage, which the run starts; code for a pipeline or subpipeline, which a stage's own code starts
with recursive
-- The run in which each of them starts: a pipeline starts in that of its parent.
started as (
    select
        u.trace_id, u.span_id, u.resource_id, u.subject, u.unit, u.parent_span_id, u.start_ns, u.start_seq, u.grace_ns,
        case when u.unit = 'pipeline' then p.run_id else u.run_id end as in_run_id
    from units u
    left join units p on u.unit = 'pipeline' and p.trace_id = u.trace_id and p.span_id = u.parent_span_id
    where u.unit in ('pipeline', 'subpipeline') or (u.unit = 'stage' and u.started_seq is not null)
),
-- What stops a run, with the runs below it that were not over by then.
stop as (
    select r.trace_id, r.span_id as run_id, r.span_id as cause_id, r.abort_at_ns as at_ns, false as flagged, u.settled as sure, 0 as hop
    from runs r
    join settled_units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    -- A run that is cut may yet complete, though it was cancelled: then it was not aborted.
    where r.aborted
    union all
    select p.trace_id, p.span_id, p.span_id, f.time_ns, true, true, 0
    from flags f
    join units by_unit on by_unit.trace_id = f.trace_id and by_unit.span_id = f.span_id
    join units p on p.resource_id = by_unit.resource_id and p.span_id = f.run_span_id
),
nested as (
    select * from stop
    union
    select s.trace_id, c.span_id, s.cause_id, case when s.flagged then s.at_ns else r.end_ns end, s.flagged, s.sure, s.hop + 1
    from nested s
    join started c on c.trace_id = s.trace_id and c.in_run_id = s.run_id and c.unit = 'pipeline'
    join units child on child.trace_id = c.trace_id and child.span_id = c.span_id
    left join runs r on r.trace_id = s.trace_id and r.span_id = s.cause_id
    -- What is below an aborted run is bound by the end of that run, not by the moment when it began to stop.
    where child.until_ns > s.at_ns and s.hop < $hops and (s.flagged or r.end_ns is not null)
),
-- Each of them with everything that should have kept it from starting.
ruled as (
    select s.trace_id, s.span_id, n.at_ns, n.cause_id, n.sure,
        case when n.flagged then $flag_tolerance_ms::BIGINT * 1000000 else s.grace_ns end as bound_ns
    from started s
    join nested n on n.trace_id = s.trace_id and n.run_id = s.in_run_id
    union all
    select s.trace_id, s.span_id, t.anc_abort_end_ns, t.anc_abort_span_id, true, s.grace_ns
    from started s
    join tree t on t.trace_id = s.trace_id and t.span_id = s.span_id
    where t.anc_abort_span_id is not null
    union all
    -- A run that is cut while it cleans up: should it turn out to be aborted, then from there on.
    select s.trace_id, s.span_id, c.started_ns, c.run_span_id, false, s.grace_ns
    from started s
    join settled_units r on r.trace_id = s.trace_id and r.span_id = s.in_run_id
    join cleanups c on c.trace_id = r.trace_id and c.run_span_id = r.span_id
    where not r.settled and c.started_ns + s.grace_ns < s.start_ns
),
first_rule as (
    select trace_id, span_id,
        arg_min({'at_ns': at_ns, 'cause_id': cause_id, 'bound_ns': bound_ns}, (at_ns + bound_ns, cause_id)) as rule,
        min(at_ns + bound_ns) filter (sure) as sure_ns
    from ruled
    group by trace_id, span_id
),
judged as (
    select s.*, f.rule.at_ns as at_ns, f.rule.cause_id as cause_id, f.rule.bound_ns as bound_ns,
        s.start_ns > f.rule.at_ns + f.rule.bound_ns as late, coalesce(s.start_ns > f.sure_ns, false) as surely_late
    from started s
    join first_rule f on f.trace_id = s.trace_id and f.span_id = s.span_id
),
-- The way up from the late ones. `as_of` is when the start was decided: its own start, and above the task that started it the
-- creation of that task.
way as (
    select trace_id, span_id as judged_id, parent_span_id as at_id, start_seq as as_of, 1 as hop
    from judged
    where late
    union all
    select w.trace_id, w.judged_id, m.parent_span_id, case when m.unit in ('task', 'stage') then m.start_seq else w.as_of end, w.hop + 1
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    where w.hop < $hops
),
-- Started from a cleanup, or from a stretch between a delivery and an end by CancelledError.
unwinding as (
    select w.trace_id, w.judged_id as span_id, bool_or(m.unit = 'cleanup' or not m.is_open) as certain
    from way w
    join units m on m.trace_id = w.trace_id and m.span_id = w.at_id
    left join asks k on k.trace_id = m.trace_id and k.span_id = m.span_id and k.delivered_seq <= w.as_of
    where m.unit = 'cleanup'
        or (m.until_seq >= w.as_of and k.delivered_seq is not null and k.swallowed_ns is null
            and coalesce(k.consumed_seq > w.as_of, true) and (m.is_open or m.outcome in ('cancelled', 'timed_out')))
    group by w.trace_id, w.judged_id
),
-- Beyond what was looked at may be one that unwinds.
cut_short as (
    select trace_id, judged_id as span_id from way where hop = $hops and at_id is not null
)
select
    -- What started.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when not j.late then true
        when w.certain then true
        when w.span_id is not null or not j.surely_late or cut_short.span_id is not null then null
        else false
    end as ok,
    -- How long after the abort or flag it started; below 0: before.
    j.start_ns - j.at_ns as measured,
    -- Its grace, or the tolerance for flags.
    j.bound_ns as bound,
    'ns' as unit,
    -- The ancestor or run that was aborted or flagged.
    j.cause_id as cause_span_id,
    case when j.unit = 'stage' then 'library' else 'code' end as fault,
    case
        when w.certain then 'started from an unwinding stretch or a cleanup'
        when w.span_id is not null then 'whether what started it unwinds is not decided yet'
        when j.late and not j.surely_late then 'its run is still open where the trace is cut: it was cancelled, and may yet complete'
        when cut_short.span_id is not null then 'more ancestors than `hops` would have to be looked at'
    end as note
from judged j
left join unwinding w on w.trace_id = j.trace_id and w.span_id = j.span_id
left join cut_short on cut_short.trace_id = j.trace_id and cut_short.span_id = j.span_id
