-- id: D06
-- name: retry-without-deadline
-- severity: error
-- says: The first attempt of a stage had a deadline, and a later attempt ran without any: neither its own nor one around it.
-- rule: a later attempt is bounded as the first one was
-- why: A retry is made when something is already wrong. Without a deadline it may hang for ever, and the whole run with it.
-- judges: later attempt of a stage whose first attempt had a deadline
-- message: {subject} was tried again without a deadline (the first attempt had {bound}); this attempt took {measured}
-- fix: Put a deadline around the whole stage, retries included, or arm one for each attempt: with stageflow's `ErrorAction.RETRY` a timeout inside the
--   stage's own code (`asyncio.timeout`) or around the run is the only one that holds.
-- bad:
--   try:
--       result = await asyncio.wait_for(attempt(), timeout)
--   except ConnectionError:
--       result = await attempt()                        # no deadline any more
-- good:
--   async with asyncio.timeout(timeout):
--       try:
--           result = await attempt()
--       except ConnectionError:
--           result = await attempt()
-- covers: H1; 2.2 Timeout Drift; 5.1 stage is cancelled within the configured time
-- parameter hops: 1000 hops; ancestors looked at for a deadline in force
-- certain given: the attempts of one stage in one run are those that the library's graph made, in their order
-- cannot see: retries inside a stage's own code; a timeout that the stage's code arms inside itself, which bounds a part of it alone
-- unknown when: the first attempt was not read; or more ancestors than `hops` would have to be looked at
-- torn: certain
-- clock: any
-- scope: trace
-- margin: none
-- needs: deadline, stageflow
-- fault: library, which makes the attempts
with recursive
attempts as (
    select u.trace_id, u.span_id, u.run_id, u.stage, u.attempt, u.subject, u.start_ns, u.start_seq, u.until_ns, u.parent_span_id, u.started_seq
    from units u
    where u.unit = 'stage' and u.run_id is not null and u.stage is not null and u.attempt is not null
),
repeated as (
    select trace_id, run_id, stage, min(attempt) as first_attempt, arg_min(span_id, attempt) as first_id
    from attempts
    group by trace_id, run_id, stage
    having max(attempt) > 1
),
members as (
    select a.*, r.first_attempt, r.first_id, a.span_id = r.first_id as is_first
    from attempts a
    join repeated r on r.trace_id = a.trace_id and r.run_id = a.run_id and r.stage = a.stage
    -- What was skipped or answered in its place never ran, and needs no deadline.
    where a.started_seq is not null
),
own as (
    select d.trace_id, d.span_id, max(d.timeout_ns) as timeout_ns
    from deadlines d
    where d.first_at_ns is not null and d.trace_id in (select trace_id from repeated)
    group by d.trace_id, d.span_id
),
-- Upwards from attempts without one of their own, for a deadline in force when the attempt began; also past the beginning of the trace,
-- where that is the run itself: what called it has it run inside its own scopes.
given as (
    select
        d.trace_id, d.span_id, d.set_seq, coalesce(least(d.expired_seq, d.disarmed_seq), u.until_seq) as over_seq, d.timeout_ns
    from deadlines d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    where d.first_at_ns is not null and exists (select 1 from repeated)
),
way as (
    select m.trace_id, m.span_id as judged_id, m.trace_id as at_trace_id, m.parent_span_id as at_id, 1 as hop
    from members m
    left join own o on o.trace_id = m.trace_id and o.span_id = m.span_id
    where o.span_id is null and m.parent_span_id is not null
    union all
    select
        w.trace_id, w.judged_id,
        case when u.parent_span_id is null then u.origin_trace_id else u.trace_id end, coalesce(u.parent_span_id, u.origin_span_id), w.hop + 1
    from way w
    join units u on u.trace_id = w.at_trace_id and u.span_id = w.at_id
    where w.hop < $hops
        and (u.parent_span_id is not null or (u.unit = 'pipeline' and u.origin_trace_id is not null and u.origin_span_id is not null))
),
around as (
    select w.trace_id, w.judged_id as span_id, max(g.timeout_ns) as timeout_ns
    from way w
    join given g on g.trace_id = w.at_trace_id and g.span_id = w.at_id
    join members m on m.trace_id = w.trace_id and m.span_id = w.judged_id
    where coalesce(g.set_seq < m.start_seq, true) and g.over_seq > m.start_seq
    group by w.trace_id, w.judged_id
),
cut_short as (
    select distinct trace_id, judged_id as span_id from way where hop = $hops
),
bounded as (
    select
        m.*, coalesce(o.timeout_ns, a.timeout_ns) as timeout_ns, o.span_id is not null or a.span_id is not null as has_deadline,
        c.span_id is not null as cut_short
    from members m
    left join own o on o.trace_id = m.trace_id and o.span_id = m.span_id
    left join around a on a.trace_id = m.trace_id and a.span_id = m.span_id
    left join cut_short c on c.trace_id = m.trace_id and c.span_id = m.span_id
)
select
    -- The later attempt.
    l.trace_id,
    l.span_id,
    l.subject,
    case
        when l.has_deadline then true
        when f.attempt > 1 or l.cut_short then null
        else false
    end as ok,
    -- How long it took, or has taken so far.
    l.until_ns - l.start_ns as measured,
    -- The timeout of the first attempt.
    f.timeout_ns as bound,
    'ns' as unit,
    -- The first attempt.
    f.span_id as cause_span_id,
    'library' as fault,
    case
        when l.has_deadline then null
        when f.attempt > 1 then 'the first attempt was not read'
        when l.cut_short then 'more ancestors than `hops` would have to be looked at'
        else 'attempt ' || l.attempt
    end as note
from bounded l
join bounded f on f.trace_id = l.trace_id and f.span_id = l.first_id
where not l.is_first and (f.has_deadline or f.attempt > 1)
