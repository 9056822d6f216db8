-- id: R06
-- name: depth-exceeded
-- severity: error
-- says: Work failed because it was nested too deep: the interpreter's stack was full, or a configured limit of child runs was reached.
-- rule: runs within runs end before the interpreter's stack does
-- why: A RecursionError strikes wherever the stack happens to be full, also in cleanup and in the middle of the library; what it leaves behind is
--   unfinished.
-- judges: run inside of another run, or unit that failed for its depth
-- message: {subject} was nested too deep: {note}
-- fix: Bound the depth before you begin (stageflow's spawner takes `max_depth`), or turn the recursion into a loop over a list of what is left to do.
-- bad:
--   async def visit(node):
--       for child in node.children:
--           await visit(child)                       # as deep as the data
-- good:
--   waiting = [root]
--   while waiting:
--       waiting.extend(await look_at(waiting.pop()))
-- covers: H6; 2.2 Nested Cancellation; 3.2 Deep nesting; 6.4 Deep Nesting
-- parameter hops: 20000 hops; runs within runs whose depth is counted
-- certain given: the error that ended the unit was seen
-- cannot see: a RecursionError that code catches; one that an error of its own stands for
-- unknown when: never: what it needs is told at the end of the unit
-- torn: certain
-- clock: any
-- scope: trace
-- needs: task
-- fault: caller where a configured limit ended a spawn; library where the code is installed in site-packages; else code
with recursive
failed as (
    select u.trace_id, u.span_id, u.resource_id, u.parent_span_id, u.origin_span_id, u.subject, u.run_id, u.code_file,
        u.error_type like '%MaxDepthExceededError' as by_limit, u.error_message, u.end_seq
    from units u
    where not u.is_open and u.outcome = 'failed'
        and regexp_matches(u.error_type, '(^|\.)(RecursionError|MaxDepthExceededError)$')
),
-- Units that failed because something inside of them, or something that they awaited, had failed so.
outer_ones as (
    select f.trace_id, f.parent_span_id as span_id from failed f where f.parent_span_id is not null
    union
    select w.trace_id, w.span_id
    from awaits w
    join failed t on t.span_id = w.target_span_id
    join failed f on f.trace_id = w.trace_id and f.span_id = w.span_id and f.resource_id = t.resource_id and f.end_seq >= t.end_seq
),
innermost as (
    select f.*
    from failed f
    left join outer_ones o on o.trace_id = f.trace_id and o.span_id = f.span_id
    where o.span_id is null
),
-- Each run with the run around it, also where a trace begins in the middle of one.
nested as (
    select p.trace_id, p.span_id, coalesce(above.trace_id, origin.trace_id) as outer_trace_id, coalesce(above.run_id, origin.run_id) as outer_id
    from units p
    left join units above on above.trace_id = p.trace_id and above.span_id = p.parent_span_id
    left join units origin on p.parent_span_id is null and origin.resource_id = p.resource_id and origin.span_id = p.origin_span_id
    where p.unit = 'pipeline'
),
levels as (
    select trace_id, span_id, 1 as depth from nested where outer_id is null
    union all
    select n.trace_id, n.span_id, l.depth + 1
    from levels l
    join nested n on n.outer_trace_id = l.trace_id and n.outer_id = l.span_id
    where l.depth < $hops
)
select
    -- The unit that failed.
    i.trace_id,
    i.span_id,
    i.subject,
    false as ok,
    -- How many runs it was inside of.
    l.depth as measured,
    null::INTEGER as bound,
    'runs' as unit,
    -- Its run.
    i.run_id as cause_span_id,
    case when i.by_limit then 'caller' when coalesce(i.code_file, '') like '%/site-packages/%' then 'library' else 'code' end as fault,
    case when i.by_limit then coalesce(i.error_message, 'a configured limit was reached') else 'RecursionError, the stack was full' end as note,
    -- A limit that somebody has set does what it is for.
    case when i.by_limit then 'info' end as severity
from innermost i
left join levels l on l.trace_id = i.trace_id and l.span_id = i.run_id
union all
select l.trace_id, l.span_id, u.subject, true, l.depth, null, 'runs', null, null, null, null
from levels l
join units u on u.trace_id = l.trace_id and u.span_id = l.span_id
left join innermost i on i.trace_id = l.trace_id and i.span_id = l.span_id
where l.depth > 1 and i.span_id is null
