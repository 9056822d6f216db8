-- id: P07
-- name: cancel-leaked
-- severity: error
-- says: A unit ended as cancelled although nobody had asked it to stop, or only code that had no business with it.
-- rule: what ends as cancelled was asked to stop from outside of it: by the program, its owner, its own run, a deadline around it, Ctrl-C or the teardown
-- why: A cancellation that was meant for something else has stopped this unit as well. Whoever waits for it takes it for stopped on purpose:
--   no error is logged, the work is not done, and the cancellation goes on upwards to what had nothing to do with it.
-- judges: unit that ended by CancelledError
-- message: {subject} ended as cancelled, but the cancellation was not meant for it: {note}
-- fix: Catch the CancelledError of what you await where you await it, unless you were asked yourself (`asyncio.current_task().cancelling()`), and
--   turn it into an error of your own. Share a task only behind `asyncio.shield`; give each run a graph and a token of its own; never raise CancelledError by hand.
-- bad:
--   shared = asyncio.create_task(fetch())      # another stage cancels it
--   async def stage(ctx):
--       return await shared                     # its CancelledError ends this stage, and the run
-- good:
--   async def stage(ctx):
--       await asyncio.wait([shared])
--       if shared.cancelled():
--           return StageOutput.fail("the shared fetch was stopped")
--       return shared.result()
-- covers: H1; H2; H3; 2.2 Nested Cancellation; 2.2 Silent Failures; 5.3 no silent failures; 6.2 Nested Pipelines
-- parameter hops: 256 hops; steps upwards from one run to find out whether another one is above it
-- certain given: every call of `cancel()` on a task was seen while the seam `cancel` held, and the unit has ended
-- cannot see: who cancelled a plain future; a task that was asked and had answered before the recording began; of what is raised by hand where
-- unknown when: the recorder's limit cut events of the unit, or the two runs are too deep to tell whether one is below the other
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task, cancel, delivery
-- fault: interpreter where Python 3.11 or 3.12 let a timeout's own cancellation out after a TaskGroup's abort; library where another run's code asked
--   or flagged, where a run takes the CancelledError of a stage for its own, or where the code is installed in site-packages; else code
with recursive
-- Ended by CancelledError. A stage or run that ends as cancelled by an output, by heeding a flag or by stageflow's own error did not.
ended as (
    select u.trace_id, u.span_id, u.resource_id, u.subject, u.unit, u.run_id, u.outcome, u.error_type, u.end_seq, u.code_file,
        u.events_dropped, u.first_request_seq, u.first_delivery_seq
    from units u
    where u.unit in ('task', 'stage', 'pipeline', 'subpipeline', 'cleanup') and not u.is_open and u.outcome in ('cancelled', 'timed_out')
        and case
            when u.error_type is null then coalesce(u.first_delivery_seq, u.first_request_seq) is not null
            else u.error_type not like '%StageCancellationRequested' and u.error_type not like '%UnifiedPipelineCancelled'
        end
        and (u.error_type is not null or u.unit <> 'stage' or (u.trace_id, u.span_id) not in (select (trace_id, span_id) from outputs))
),
-- Requests that a scope or a group inside has used up: from then on they are no reason any more.
used_up as (
    select u.resource_id, c.request_id, min(c.consumed_seq) as seq
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.consumed_by in ('timeout', 'taskgroup', 'anyio')
    group by u.resource_id, c.request_id
),
-- Where the code of one run, which is stageflow's, asked a unit of another run, or flagged that run.
asked_across as (
    select distinct u.resource_id, r.request_id, r.by_span_id as by_id, u.run_id
    from requests r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    join units b on b.resource_id = u.resource_id and b.span_id = r.by_span_id
    where r.mechanism = 'stageflow' and r.via is null and r.by_span_id <> u.run_id and b.unit = 'pipeline'
        and coalesce(r.addressee_span_id, r.span_id) = r.span_id
),
flagged_across as (
    select b.resource_id, f.run_span_id as run_id, f.by_span_id as by_id, f.seq, f.first_read_seq
    from flags f
    join units s on s.trace_id = f.trace_id and s.span_id = f.span_id
    join units b on b.resource_id = s.resource_id and b.span_id = f.by_span_id
    where b.unit = 'pipeline' and f.by_span_id <> f.run_span_id and coalesce(regexp_matches(f.file, '(site|dist)-packages/stageflow/'), true)
),
pairs as (
    select resource_id, run_id, by_id from asked_across
    union
    select resource_id, run_id, by_id from flagged_across
),
-- From either run upwards, also from where a trace begins to what it was started from, in search of the other one.
climb as (
    select resource_id, run_id, by_id, run_id as at_id, by_id as wanted_id, 0 as hop from pairs
    union all
    select resource_id, run_id, by_id, by_id, run_id, 0 from pairs
    union all
    select c.resource_id, c.run_id, c.by_id, coalesce(u.parent_span_id, u.origin_span_id), c.wanted_id, c.hop + 1
    from climb c
    join units u on u.resource_id = c.resource_id and u.span_id = c.at_id
    where c.at_id <> c.wanted_id and c.hop < $hops
),
kin as (
    select resource_id, run_id, by_id, bool_or(at_id = wanted_id) as related, max(hop) >= $hops as unsure
    from climb
    group by resource_id, run_id, by_id
),
strangers as (
    select resource_id, run_id, by_id, unsure from kin where not coalesce(related, false)
),
foreign_request as (
    select a.resource_id, a.request_id, a.by_id, s.unsure
    from asked_across a
    join strangers s on s.resource_id = a.resource_id and s.run_id = a.run_id and s.by_id = a.by_id
),
foreign_flag as (
    select f.resource_id, f.run_id, arg_min(f.by_id, f.seq) as by_id, min(f.seq) as seq, min(f.first_read_seq) as read_seq, bool_or(s.unsure) as unsure
    from flagged_across f
    join strangers s on s.resource_id = f.resource_id and s.run_id = f.run_id and s.by_id = f.by_id
    group by f.resource_id, f.run_id
),
-- What such a run had for a reason of its own: somebody else's flag, or a stage that went wrong later.
own_reason as (
    select g.resource_id, g.run_id, min(f.seq) as seq
    from foreign_flag g
    join flags f on f.run_span_id = g.run_id
    join units s on s.trace_id = f.trace_id and s.span_id = f.span_id and s.resource_id = g.resource_id
    left join strangers x on x.resource_id = g.resource_id and x.run_id = g.run_id and x.by_id = f.by_span_id
    where x.by_id is null
    group by g.resource_id, g.run_id
    union all
    select g.resource_id, g.run_id, min(u.end_seq)
    from foreign_flag g
    join units u on u.resource_id = g.resource_id and u.run_id = g.run_id
    where u.unit = 'stage' and u.outcome in ('failed', 'timed_out') and u.end_seq > g.seq
    group by g.resource_id, g.run_id
),
misled as (
    select g.resource_id, g.run_id, g.by_id, g.read_seq, g.unsure, min(o.seq) as own_seq
    from foreign_flag g
    left join own_reason o on o.resource_id = g.resource_id and o.run_id = g.run_id
    where g.read_seq is not null
    group by all
),
-- What was asked of each, and whether it was asked by whom it may concern.
asked as (
    select
        e.trace_id, e.span_id,
        bool_or(f.request_id is null and m.run_id is null) as lawful,
        bool_or(coalesce(f.unsure, m.unsure, false)) as unsure,
        bool_or(m.run_id is not null) as by_flag,
        -- What stands inside the addressee has its cause there.
        any_value(case when coalesce(c.addressee_span_id, c.span_id) = c.span_id then coalesce(f.by_id, m.by_id) else c.addressee_span_id end)
            filter (f.request_id is not null or m.run_id is not null) as by_id
    from ended e
    join cancellations c on c.trace_id = e.trace_id and c.span_id = e.span_id
    left join used_up k on k.resource_id = e.resource_id and k.request_id = c.request_id
    left join foreign_request f on f.resource_id = e.resource_id and f.request_id = c.request_id
    left join misled m on m.resource_id = e.resource_id and m.run_id = e.run_id and c.mechanism = 'stageflow' and c.by_span_id = e.run_id
        and c.seq > m.read_seq and coalesce(m.own_seq > c.seq, true)
    where coalesce(c.live, true) and c.withdrawn_seq is null and coalesce(k.seq > e.end_seq, true)
    group by e.trace_id, e.span_id
),
judged as (
    select
        e.*, a.by_id, coalesce(a.by_flag, false) as by_flag,
        case
            when a.lawful or e.outcome = 'timed_out' then true
            when a.by_id is not null and a.unsure then null
            when a.by_id is not null then false
            when e.events_dropped > 0 then null
            else false
        end as ok
    from ended e
    left join asked a on a.trace_id = e.trace_id and a.span_id = e.span_id
),
-- Those whom nobody had asked, with the scopes of their own code: where did it come from?
unasked as (
    select * from judged where not ok and by_id is null
),
member as (
    select trace_id, span_id, span_id as at_id from unasked
    union all
    select o.trace_id, o.span_id, h.span_id from unasked o join hosts h on h.trace_id = o.trace_id and h.host_id = o.span_id
),
told as (
    select m.trace_id, m.at_id, max(d.seq) as last_seq
    from member m
    join deliveries d on d.trace_id = m.trace_id and d.span_id = m.at_id
    group by m.trace_id, m.at_id
),
-- Waits that a cancellation was thrown into after the last one: another one in between was dealt with.
waited as (
    select distinct m.trace_id, m.span_id, m.at_id, w.target_span_id, w.end_seq
    from member m
    join awaits w on w.trace_id = m.trace_id and w.span_id = m.at_id
),
stale as (
    select distinct w.trace_id, w.at_id, w.end_seq
    from waited w
    join told t on t.trace_id = w.trace_id and t.at_id = w.at_id
    join deliveries d on d.trace_id = w.trace_id and d.span_id = w.at_id
    where d.seq > w.end_seq and d.seq < t.last_seq
),
sources as (
    select o.trace_id, o.span_id, t.span_id as source_id, t.end_seq, 'await' as how
    from unasked o
    join waited w on w.trace_id = o.trace_id and w.span_id = o.span_id
    left join stale s on s.trace_id = w.trace_id and s.at_id = w.at_id and s.end_seq = w.end_seq
    join units t on t.resource_id = o.resource_id and t.span_id = w.target_span_id
    where s.at_id is null and t.outcome = 'cancelled' and t.end_seq <= o.end_seq and coalesce(w.end_seq >= t.end_seq, true)
    union all
    -- What ran inside it, in the same task, or as a stage of it.
    select m.trace_id, m.span_id, t.span_id, t.end_seq, case when t.unit = 'scope' then 'scope' else 'inside' end
    from member m
    join unasked o on o.trace_id = m.trace_id and o.span_id = m.span_id
    join units t on t.trace_id = m.trace_id and t.parent_span_id = m.at_id
    where t.unit in ('pipeline', 'subpipeline', 'stage') and t.outcome in ('cancelled', 'timed_out') and t.end_seq <= o.end_seq
    union all
    select m.trace_id, m.span_id, t.span_id, t.end_seq, 'inside'
    from member m
    join unasked o on o.trace_id = m.trace_id and o.span_id = m.span_id
    join units t on t.resource_id = o.resource_id and t.origin_span_id = m.at_id
    where t.unit = 'pipeline' and t.outcome = 'cancelled' and t.end_seq <= o.end_seq
    union all
    -- A scope of its own code that asked, and was left by a CancelledError.
    select m.trace_id, m.span_id, m.at_id, s.end_seq, 'scope'
    from member m
    join unasked o on o.trace_id = m.trace_id and o.span_id = m.span_id
    join units s on s.trace_id = m.trace_id and s.span_id = m.at_id
    join cancellations c on c.trace_id = m.trace_id and c.span_id = m.at_id
    where m.at_id <> m.span_id and s.outcome in ('cancelled', 'timed_out') and s.error_type not like '%TimeoutError'
        and coalesce(c.addressee_span_id, c.span_id) = m.at_id and c.delivered_seq is not null and s.end_seq <= o.end_seq
),
-- Tasks that it had cancelled by its own hand.
by_own_hand as (
    select m.trace_id, m.span_id, t.span_id as source_id, max(t.end_seq) as end_seq
    from member m
    join unasked o on o.trace_id = m.trace_id and o.span_id = m.span_id
    join requests r on r.by_span_id = m.at_id and r.via is null and coalesce(r.live, true)
    join units t on t.trace_id = r.trace_id and t.span_id = r.span_id and t.resource_id = o.resource_id
    where t.unit = 'task' and t.outcome = 'cancelled' and t.end_seq <= o.end_seq and t.span_id <> o.span_id
    group by m.trace_id, m.span_id, t.span_id
),
source as (
    select o.trace_id, o.span_id,
        arg_max({'id': s.source_id, 'how': s.how}, s.end_seq) as last,
        any_value(h.source_id) as own_id
    from unasked o
    left join sources s on s.trace_id = o.trace_id and s.span_id = o.span_id
    -- Where nothing was thrown into it, it may have found the error in a task that it had cancelled before.
    left join (
        select trace_id, span_id, arg_max(source_id, end_seq) as source_id from by_own_hand group by trace_id, span_id
    ) h on h.trace_id = o.trace_id and h.span_id = o.span_id and o.first_delivery_seq is null
    group by o.trace_id, o.span_id
),
-- Python before 3.13 keeps counting the request by which a TaskGroup had stopped its own task, when it had come while the group was
-- being left; a timeout around it takes its own cancellation for one from outside then.
miscounted as (
    select distinct o.trace_id, o.span_id
    from unasked o
    join source s on s.trace_id = o.trace_id and s.span_id = o.span_id
    join units t on t.resource_id = o.resource_id and t.span_id = s.last.id
    join requests r on r.trace_id = t.trace_id and r.span_id = t.span_id and r.mechanism = 'taskgroup'
    join resources p on p.resource_id = o.resource_id
    where (s.last.how = 'scope' or t.outcome = 'timed_out') and (p.python like '3.11%' or p.python like '3.12%')
),
named as (
    select
        j.*,
        coalesce(j.by_id, s.last.id, s.own_id) as cause_id,
        case
            when j.by_id is not null then case when j.by_flag then 'flag' else 'request' end
            when x.span_id is not null then 'miscounted'
            when h.source_id is not null then 'own'
            when s.last is not null then s.last.how
            when s.own_id is not null then 'own'
            when j.first_delivery_seq is not null then 'future'
            else 'raised'
        end as why
    from judged j
    left join source s on s.trace_id = j.trace_id and s.span_id = j.span_id
    left join by_own_hand h on h.trace_id = j.trace_id and h.span_id = j.span_id and h.source_id = s.last.id
    left join miscounted x on x.trace_id = j.trace_id and x.span_id = j.span_id
    union all by name
    -- A run that another run's code had flagged, and that stopped for it: by stageflow's own error.
    -- Where a stage of it was cancelled for that, this is told first.
    select u.trace_id, u.span_id, u.resource_id, u.subject, u.unit, u.run_id, u.code_file, coalesce(s.span_id, m.by_id) as cause_id,
        'flag' as why, case when m.unsure then null else false end as ok
    from misled m
    join units u on u.resource_id = m.resource_id and u.span_id = m.run_id
    left join (
        select resource_id, run_id, arg_min(span_id, end_seq) as span_id from judged where not ok and by_flag and unit = 'stage' group by resource_id, run_id
    ) s on s.resource_id = m.resource_id and s.run_id = m.run_id
    where u.outcome = 'cancelled' and u.error_type like '%UnifiedPipelineCancelled' and u.end_seq > m.read_seq
        and coalesce(m.own_seq > u.end_seq, true)
)
select
    -- The unit that ended by CancelledError.
    n.trace_id,
    n.span_id,
    n.subject,
    n.ok,
    null::BIGINT as measured,
    null::BIGINT as bound,
    null::VARCHAR as unit,
    -- What the cancellation came out of; the run whose code asked or flagged. Null: it cannot be told.
    case when n.ok is distinct from true then n.cause_id end as cause_span_id,
    case
        when n.ok then null
        when n.why = 'miscounted' then 'interpreter'
        when n.why in ('request', 'flag') or n.unit in ('pipeline', 'subpipeline') or coalesce(n.code_file, '') like '%/site-packages/%' then 'library'
        else 'code'
    end as fault,
    case
        when n.ok then null
        when n.ok is null and n.cause_id is null then 'events of it were cut: somebody may have asked it'
        when n.ok is null then 'whether the run that asked is above or below it is too deep to tell'
        when n.why = 'request' then 'the request came from the code of a run that is neither above nor below its own'
        when n.why = 'flag' then 'its run stopped for a flag that the code of another run had set, which is neither above nor below it'
        when n.why = 'miscounted' then 'a timeout let its own cancellation out, because this Python still counted the one of a TaskGroup that was over'
        when n.why = 'own' then 'it awaited a task that it had cancelled itself, and let the error pass'
        when n.why = 'scope' then 'only a timeout or scope inside it had asked, and let its own cancellation out'
        when n.why = 'inside' then 'the CancelledError of what ran inside it went on upwards'
        when n.why = 'await' then 'what it awaited had been cancelled, and it let that error pass'
        when n.why = 'future' then 'a future that it awaited had been cancelled, and it let that error pass'
        else 'its own code raised CancelledError, or found it in something that was over already'
    end as note,
    -- Whoever cancels its own helper, or hands a task a future and cancels that, gets what it asked for.
    case when not n.ok and ((n.why = 'future' and n.unit = 'task') or (n.why = 'own' and n.unit in ('task', 'cleanup'))) then 'info' end as severity
from named n
