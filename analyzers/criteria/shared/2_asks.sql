-- One row a request that asked a unit to stop and still stands: the task was not done, and nobody took it back before delivery.
create or replace temp view asks as
select
    -- The unit.
    c.trace_id,
    c.span_id,
    c.request_id,
    -- When it was asked.
    c.time_ns,
    c.seq,
    -- When the request ended lawfully inside the unit; from then on the unit is not asked any more. Null: it did not.
    c.consumed_ns,
    c.consumed_seq,
    -- When the unit turned out to have swallowed it. Null: it did not.
    c.swallowed_ns,
    c.delivered_ns,
    c.delivered_seq
from cancellations c
where coalesce(c.live, true) and c.withdrawn_ns is null;
