-- For people. A criterion uses `tree` instead: of a trace that is 10,000 deep this view has 50 million rows.

-- One row a unit and each unit above it.
create view ancestry (
    -- [VARCHAR] Trace.
    trace_id,
    -- [VARCHAR] The unit.
    span_id,
    -- [VARCHAR] A unit above it.
    ancestor_span_id,
    -- [INTEGER] How far above; 1: its parent.
    distance
) as
with recursive up as (
    select trace_id, span_id, parent_span_id as ancestor_span_id, 1 as distance
    from tree
    where parent_span_id is not null
    union all
    select up.trace_id, up.span_id, tree.parent_span_id, up.distance + 1
    from up join tree on tree.trace_id = up.trace_id and tree.span_id = up.ancestor_span_id
    where tree.parent_span_id is not null
)
select trace_id, span_id, ancestor_span_id, distance from up;
