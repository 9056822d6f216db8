-- Runs: when and from where each was aborted.

insert into runs by name
with stage_cancels as (
    select u.trace_id, u.run_id as span_id, arg_min({at_ns: r.time_ns, at_seq: r.seq, member: r.member_span_id}, (r.time_ns, r.seq)) as first
    from requests r join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.by_span_id = u.run_id and r.mechanism = 'stageflow' and u.unit = 'stage'
    group by u.trace_id, u.run_id
), own as (
    select d.trace_id, d.span_id, arg_min({at_ns: d.time_ns, at_seq: d.seq, asked_by: coalesce(r.by_span_id, nullif(r.addressee_span_id, d.span_id))}, (d.time_ns, d.seq)) as first
    from deliveries d left join requests r
        on r.trace_id = d.trace_id and r.span_id = d.span_id and r.request_id = d.requests[1]
    where not d.borrowed and (d.trace_id, d.span_id) in (select (trace_id, span_id) from units where unit = 'pipeline')
    group by d.trace_id, d.span_id
), cleaned as (
    select trace_id, run_span_id as span_id, arg_min({at_ns: started_ns, at_seq: started_seq}, (started_ns, started_seq)) as first
    from cleanups
    where started_ns is not null
    group by trace_id, run_span_id
), broken as (
    -- The first stage of the run that did not end well.
    select trace_id, run_id as span_id, arg_min({end_ns: end_ns, end_seq: end_seq, span_id: span_id}, (end_ns, end_seq)) as first
    from units
    where unit = 'stage' and outcome in ('failed', 'timed_out', 'cancelled') and end_ns is not null
    group by trace_id, run_id
), causes as (
    select p.*, own.first as own, stage_cancels.first as stages, cleaned.first as cleaned, broken.first as broken,
        p.end_ns is not null and p.outcome is distinct from 'unfinished' as has_ended,
        coalesce(p.outcome <> 'completed', true)
            and (has_ended and p.outcome is not null or own.first is not null or stage_cancels.first is not null) as is_aborted
    from units p
    left join own on own.trace_id = p.trace_id and own.span_id = p.span_id
    left join stage_cancels on stage_cancels.trace_id = p.trace_id and stage_cancels.span_id = p.span_id
    left join cleaned on cleaned.trace_id = p.trace_id and cleaned.span_id = p.span_id
    left join broken on broken.trace_id = p.trace_id and broken.span_id = p.span_id
    where p.unit = 'pipeline'
), candidates as (
    select trace_id, span_id, own.at_ns as at_ns, own.at_seq as at_seq, 'outside' as came_from from causes where is_aborted and own is not null
    union all
    select trace_id, span_id, stages.at_ns, stages.at_seq, 'inside' from causes where is_aborted and stages is not null
    union all
    select trace_id, span_id, cleaned.at_ns, cleaned.at_seq, 'inside' from causes where is_aborted and cleaned is not null
    union all
    select trace_id, span_id, end_ns, end_seq, 'inside' from causes where is_aborted and has_ended
), earliest as (
    select trace_id, span_id, arg_min({at_ns: at_ns, at_seq: at_seq, came_from: came_from}, (at_ns, at_seq)) as abort
    from candidates
    group by trace_id, span_id
)
select c.trace_id, c.span_id, c.pipeline, c.start_ns, c.end_ns, c.outcome, c.is_aborted as aborted,
    e.abort.at_ns as abort_at_ns, e.abort.at_seq as abort_at_seq, e.abort.came_from as abort_from,
    case
        when e.abort.came_from = 'outside' then c.own.asked_by
        when e.abort.came_from = 'inside' then coalesce(
            c.stages.member, case when (c.broken.end_ns, c.broken.end_seq) <= (e.abort.at_ns, e.abort.at_seq) then c.broken.span_id end)
    end as abort_cause_span_id
from causes c left join earliest e on e.trace_id = c.trace_id and e.span_id = c.span_id;
