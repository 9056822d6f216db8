-- id: C07
-- name: cleanup-under-use
-- severity: error
-- says: A cleanup callback ran while the unit that had registered it was still at work, or a run ran the callback of another run.
-- rule: a cleanup callback runs when who registered it is done, and in its own run
-- why: What the callback gives back (a connection, a lock, a temporary file) is taken away from who is still using it.
-- judges: cleanup callback that was started in a run
-- message: {subject} ran too early: {note}
-- fix: Use one graph for one run at a time: build a new one for each run. Where a run is aborted, its stages have to be cancelled and awaited
--   before its cleanups run; for a single stage `try`/`finally` or `async with` is safer.
-- bad:
--   graph = pipeline.build()
--   await asyncio.gather(graph.run(first), graph.run(second))   # the two share one registry
-- good:
--   await asyncio.gather(pipeline.build().run(first), pipeline.build().run(second))
-- covers: H4; H7; 2.2 Cleanup Failure; 2.2 Race Conditions; 5.1 cleanup handlers execute; 5.3 no race conditions; 6.3 Resource Cleanup
-- parameter hops: 64 hops; steps upwards from who runs a callback, to tell whether who registered it is one of its ancestors
-- certain given: each registration and each start of a callback go through the library's own registry, which is watched
-- cannot see: whether the one that is still at work uses what the callback gives back; callbacks that were registered in no unit
-- unknown when: more steps than `hops` lie between who runs the callback and who may be above it
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cleanup, task
-- fault: library
with recursive
started as (
    select
        c.resource_id, c.run_span_id, c.started_ns, c.started_seq,
        u.trace_id, u.span_id, u.subject, coalesce(c.runner_span_id, u.parent_span_id) as runner_id, u.run_id,
        coalesce(s.host_id, c.registrar_span_id) as registrar_id
    from cleanups c
    join units u on u.resource_id = c.resource_id and u.span_id = c.cleanup_span_id
    left join units k on k.resource_id = c.resource_id and k.span_id = c.registrar_span_id
    left join hosts s on s.trace_id = k.trace_id and s.span_id = k.span_id
    where c.started_seq is not null and coalesce(u.run_id, c.run_span_id) is not null
),
joined as (
    select
        s.*, g.subject as registrar, g.run_id as registrar_run_id, g.until_ns,
        coalesce(g.start_seq < s.started_seq and g.until_seq > s.started_seq and s.registrar_id <> s.runner_id, false) as at_work
    from started s
    left join units g on g.resource_id = s.resource_id and g.span_id = s.registrar_id
),
-- From who runs it upwards, also out of its trace, as long as it may be of interest: to the one that registered it.
above as (
    select resource_id, span_id, registrar_id, runner_id as at_id, 0 as hop
    from joined
    where at_work
    union all
    select a.resource_id, a.span_id, a.registrar_id, coalesce(u.parent_span_id, u.origin_span_id), a.hop + 1
    from above a
    join units u on u.resource_id = a.resource_id and u.span_id = a.at_id
    where a.at_id <> a.registrar_id and a.hop < $hops and coalesce(u.parent_span_id, u.origin_span_id) is not null
),
found as (
    select resource_id, span_id, bool_or(at_id = registrar_id) as is_above, max(hop) >= $hops as gave_up
    from above
    group by resource_id, span_id
),
-- From the run of who registered it upwards: a child's stage may register with the run around its own.
outwards as (
    select resource_id, span_id, run_id, registrar_run_id as at_id, 0 as hop
    from joined
    where registrar_run_id is not null and run_id is not null and registrar_run_id <> run_id
    union all
    select o.resource_id, o.span_id, o.run_id, above_it.run_id, o.hop + 1
    from outwards o
    join units p on p.resource_id = o.resource_id and p.span_id = o.at_id
    join units above_it on above_it.resource_id = o.resource_id and above_it.span_id = p.parent_span_id
    where o.at_id <> o.run_id and o.hop < $hops and above_it.run_id is not null
),
inside as (
    select resource_id, span_id, bool_or(at_id = run_id) as is_inside, max(hop) >= $hops as gave_up
    from outwards
    group by resource_id, span_id
),
judged as (
    select
        j.*,
        coalesce(j.run_span_id <> j.run_id, false) as of_another,
        coalesce(not i.is_inside and not i.gave_up, false) as from_another,
        coalesce(not i.is_inside and i.gave_up, false) as run_unknown,
        j.at_work and not coalesce(f.is_above, false) and not coalesce(f.gave_up, false) as too_early,
        j.at_work and not coalesce(f.is_above, false) and coalesce(f.gave_up, false) as unknown
    from joined j
    left join found f on f.resource_id = j.resource_id and f.span_id = j.span_id
    left join inside i on i.resource_id = j.resource_id and i.span_id = j.span_id
)
select
    -- The cleanup unit.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when j.of_another or j.from_another or j.too_early then false
        when j.unknown or j.run_unknown then null
        else true
    end as ok,
    -- For how long who had registered it was at work from then on.
    case when j.at_work then j.until_ns - j.started_ns end as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- The unit that registered it.
    j.registrar_id as cause_span_id,
    'library' as fault,
    case
        when j.of_another or j.from_another then concat(
            coalesce(r.subject, 'a run'), ' ran it, though it belongs to another run',
            case
                when j.too_early then '; ' || j.registrar || ', which registered it, was still at work'
                when j.registrar is not null then '; ' || j.registrar || ' had registered it'
            end
        )
        when j.too_early then j.registrar || ', which registered it, was still at work'
        when j.unknown or j.run_unknown then 'too far below to tell whether it was run by what is inside ' || j.registrar
    end as note
from judged j
left join units r on r.resource_id = j.resource_id and r.span_id = j.run_id
