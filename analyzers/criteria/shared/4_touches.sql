-- Who awaited a task, and who cancelled it: one row each time. The runner's teardown and Ctrl-C do not count, nor does a timer,
-- nor a request that only came down a chain of awaits, nor the unit itself or what is below it.
-- Algorithm: scopes are replaced by their hosts; then pairs of a task and something that is deeper and younger in the same trace are
-- climbed, because only such can be below it.
create or replace temp table touches as
with recursive
raw as (
    select t.trace_id, t.span_id, t.depth, t.start_seq as created_seq, b.trace_id as by_trace_id, b.span_id as by_id,
        b.depth as by_depth, b.start_seq as by_created_seq, 'await' as how,
        w.start_ns, w.start_seq, coalesce(w.end_seq, 1::BIGINT << 62) as end_seq
    from awaits w
    join units b on b.trace_id = w.trace_id and b.span_id = w.span_id
    join units t on t.resource_id = b.resource_id and t.span_id = w.target_span_id
    where t.unit = 'task'
    union all
    select t.trace_id, t.span_id, t.depth, t.start_seq, b.trace_id, b.span_id, b.depth, b.start_seq, 'cancel', r.time_ns, r.seq, r.seq
    from requests r
    join units t on t.trace_id = r.trace_id and t.span_id = r.span_id
    join units b on b.resource_id = t.resource_id and b.span_id = r.by_span_id
    where t.unit = 'task' and r.via is null and coalesce(r.live, true) and coalesce(r.addressee_span_id, r.span_id) = r.span_id
        and r.mechanism not in ('runner', 'sigint', 'timer')
),
pairs as (
    select
        r.trace_id, r.span_id, r.depth, r.by_trace_id, coalesce(h.host_id, r.by_id) as by_span_id, r.how, r.start_ns, r.start_seq, r.end_seq,
        r.by_trace_id = r.trace_id and coalesce(h.depth, r.by_depth) > r.depth
            and coalesce(h.start_seq, r.by_created_seq) > r.created_seq as may_be_below
    from raw r
    left join hosts h on h.trace_id = r.by_trace_id and h.span_id = r.by_id
    where coalesce(h.host_id, r.by_id) <> r.span_id
),
climb as (
    select distinct trace_id, span_id, by_span_id, by_span_id as at_id, depth, 0 as hops
    from pairs
    where may_be_below
    union all
    select c.trace_id, c.span_id, c.by_span_id, u.parent_span_id, c.depth, c.hops + 1
    from climb c
    join units u on u.trace_id = c.trace_id and u.span_id = c.at_id
    where u.depth > c.depth and c.hops < 1000
),
below as (
    select distinct trace_id, span_id, by_span_id from climb where at_id = span_id
)
select
    -- The task that was awaited or cancelled.
    p.trace_id,
    p.span_id,
    -- The unit that did it; never a scope.
    p.by_trace_id,
    p.by_span_id,
    -- await or cancel.
    p.how,
    -- When the wait began, or the cancel.
    p.start_ns,
    p.start_seq,
    -- Order of the wait's end; 2^62 while it lasts. Of a cancel: its own order.
    p.end_seq
from pairs p
left join below b on b.trace_id = p.trace_id and b.span_id = p.span_id and b.by_span_id = p.by_span_id
where b.span_id is null;
