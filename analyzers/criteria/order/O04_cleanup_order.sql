-- id: O04
-- name: cleanup-order
-- severity: warning
-- says: The cleanup callbacks of a run were not started in the reverse order of their registration.
-- rule: cleanup callbacks run last-in first-out
-- why: What was taken later may rest on what was taken before: a transaction on its connection. Closed in the wrong order, the later one fails.
-- judges: registry of cleanup callbacks of which two or more were started
-- message: {subject} did not run its cleanups last-in first-out: {note}
-- fix: Let one registry (or one `AsyncExitStack`) run all callbacks, one after the other, and do not change its list by hand.
-- bad:
--   for callback in callbacks:                  # first-in first-out
--       await callback()
-- good:
--   for callback in reversed(callbacks):
--       await callback()
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 cleanup handlers execute; 6.3 Resource Cleanup
-- certain given: each registration and each start of a callback go through the library's own registry, which is watched
-- cannot see: cleanup that is registered nowhere: `finally` blocks, exit stacks, `cleanup_on_cancel`
-- unknown when: the run is still open, and callbacks are left of which one may yet run too late
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cleanup
-- fault: library
with
registered as (
    select
        c.resource_id, c.registry_id, coalesce(c.run_span_id, '') as run_id, c.name, c.registered_seq, c.started_seq, c.cleanup_span_id,
        min(c.started_seq) over (partition by c.resource_id, c.registry_id, coalesce(c.run_span_id, '')) as began_seq
    from cleanups c
    where c.registry_id is not null and c.registered_seq is not null and c.unregistered_seq is null and not coalesce(c.dropped, false)
),
started as (
    select * from registered where started_seq is not null
),
-- Of those that were there when the clean-up began: one that was registered later must not start later.
first as (
    select
        *,
        arg_max(name, started_seq) over later as other,
        max(started_seq) over later as other_seq
    from started
    where registered_seq < began_seq
    window later as (
        partition by resource_id, registry_id, run_id order by registered_seq desc rows between unbounded preceding and 1 preceding
    )
),
-- What was registered during the clean-up has to start before whatever starts after that.
late as (
    select x.resource_id, x.registry_id, x.run_id, x.name, x.started_seq, y.name as other, y.started_seq as other_seq
    from started y
    join started x on x.resource_id = y.resource_id and x.registry_id = y.registry_id and x.run_id = y.run_id
    where y.registered_seq > y.began_seq and x.registered_seq < y.registered_seq and y.registered_seq < x.started_seq
        and x.started_seq < y.started_seq
),
wrong as (
    select resource_id, registry_id, run_id, arg_min({name: name, other: other}, started_seq) as pair, count(*) as number
    from (
        select resource_id, registry_id, run_id, name, started_seq, other from first where other_seq > started_seq
        union all
        select resource_id, registry_id, run_id, name, started_seq, other from late
    )
    group by resource_id, registry_id, run_id
),
registries as (
    select
        resource_id, registry_id, run_id,
        count(started_seq) as number,
        count(*) - count(started_seq) as waiting,
        arg_min(cleanup_span_id, started_seq) as cleanup_id
    from registered
    group by resource_id, registry_id, run_id
    having count(started_seq) >= 2
)
select
    -- The run; of a registry that belongs to none the unit around its first callback.
    u.trace_id,
    u.span_id,
    u.subject,
    case
        when w.number > 0 then false
        when u.is_open and not u.settled and g.waiting > 0 then null
        else true
    end as ok,
    -- How many callbacks were started before one that was registered later.
    coalesce(w.number, 0) as measured,
    0 as bound,
    'callbacks' as unit,
    g.cleanup_id as cause_span_id,
    'library' as fault,
    case
        when w.number > 0 then '''' || w.pair.name || ''' was started before ''' || w.pair.other || ''', which had been registered after it'
        when u.is_open and not u.settled and g.waiting > 0 then 'still open, and callbacks are left'
    end as note
from registries g
left join wrong w on w.resource_id = g.resource_id and w.registry_id = g.registry_id and w.run_id = g.run_id
left join units c on c.resource_id = g.resource_id and c.span_id = g.cleanup_id
join settled_units u on u.resource_id = g.resource_id and u.span_id = coalesce(nullif(g.run_id, ''), c.parent_span_id)
