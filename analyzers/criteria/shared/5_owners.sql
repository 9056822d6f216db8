-- The owner of each stage and task: who has to see it to its end. A task that nobody owns, or that is declared detached, or is the main
-- task of its loop, has no row. A scope is never an owner: the unit whose code it is in is.
create or replace temp table owners as
with
-- Of several waits the one that lasted longest counts: who still waits knows more than who gave up.
last_touch as (
    select trace_id, span_id, arg_max(by_span_id, (end_seq, start_seq)) as by_id
    from touches
    group by trace_id, span_id
),
named as (
    select
        u.trace_id,
        u.span_id,
        u.resource_id,
        case
            when u.unit = 'stage' then 'parent'
            when u.group_owner_span_id is not null then 'group'
            when l.by_id is not null then 'touch'
            else 'creator'
        end as owned_by,
        case when u.unit = 'stage' then u.parent_span_id else coalesce(u.group_owner_span_id, l.by_id, u.creator_span_id) end as owner_id
    from units u
    left join last_touch l on l.trace_id = u.trace_id and l.span_id = u.span_id
    where u.unit in ('stage', 'task') and not coalesce(u.detached, false) and not coalesce(u.is_main, false)
),
-- What has a scope's id for its owner's, with the scope's host instead.
hosted as (
    select n.trace_id, n.span_id, n.resource_id, n.owned_by, coalesce(h.host_id, n.owner_id) as owner_id
    from named n
    left join (select s.resource_id, hosts.span_id, hosts.host_id from hosts join units s using (trace_id, span_id)) h
        on h.resource_id = n.resource_id and h.span_id = n.owner_id
    where n.owner_id is not null
)
select
    -- The stage or task.
    n.trace_id,
    n.span_id,
    -- Its owner.
    o.trace_id as owner_trace_id,
    o.span_id as owner_span_id,
    -- Why that one: group, touch (the last to await or cancel it), creator, parent (of a stage: its run).
    n.owned_by,
    -- End of the owner; null: no end was recorded.
    o.end_ns as owner_end_ns,
    o.end_seq as owner_end_seq,
    -- The owner is the main task of its loop.
    coalesce(o.is_main, false) as owner_is_main
from hosted n
join units o on o.resource_id = n.resource_id and o.span_id = n.owner_id
where o.unit is not null and o.unit not in ('scope', 'program');
