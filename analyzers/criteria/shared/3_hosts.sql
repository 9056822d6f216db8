-- The unit whose code a scope is in: scopes within scopes are climbed. A scope stands for it wherever the question is who did something.
create or replace temp table hosts as
with recursive climb as (
    select s.trace_id, s.span_id, s.parent_span_id as host_id, 1 as hops
    from units s
    where s.unit = 'scope'
    union all
    select c.trace_id, c.span_id, p.parent_span_id, c.hops + 1
    from climb c
    join units p on p.trace_id = c.trace_id and p.span_id = c.host_id
    where p.unit = 'scope' and c.hops < 100
)
select
    -- The scope.
    c.trace_id,
    c.span_id,
    -- The unit around it that is no scope.
    h.span_id as host_id,
    h.depth,
    h.start_seq
from climb c
join units h on h.trace_id = c.trace_id and h.span_id = c.host_id
where h.unit is distinct from 'scope';
