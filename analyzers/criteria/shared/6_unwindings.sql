-- Stretches of unwinding: from a unit's first own delivery that nothing consumed to its end by CancelledError. Work in it is lawful. One
-- that is open may yet turn out to be a swallow.
create or replace temp view unwindings as
select
    -- The unit.
    u.trace_id,
    u.span_id,
    -- The delivery.
    min(c.delivered_ns) as start_ns,
    min(c.delivered_seq) as start_seq,
    -- The end of the unit; while it is open the end of knowledge, and an order after everything.
    any_value(u.until_ns) as end_ns,
    any_value(u.until_seq) as end_seq,
    any_value(u.is_open) as is_open
from cancellations c
join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
where c.delivered_seq is not null and c.consumed_ns is null and c.swallowed_ns is null
    and (u.is_open or u.outcome in ('cancelled', 'timed_out'))
group by u.trace_id, u.span_id;
