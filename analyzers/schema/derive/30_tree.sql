-- The tree: one pass from the roots down. Of each fact a rank is carried, a whole number in the order of (time, seq), so that the
-- earliest is a plain minimum; times, seq and span are looked up at the end. Facts are not handed on from one process to another: a
-- cancellation does not travel over the network by itself, and neither clocks nor orders of two processes compare.

create temp table abort_ranks as
select row_number() over (order by end_ns, end_seq nulls last, id) as rank, id, end_ns, end_seq, span_id
from base
where outcome in ('cancelled', 'timed_out') and end_ns is not null;

create temp table request_ranks as
select row_number() over (order by r.time_ns, r.seq nulls last, b.id) as rank, b.id, r.time_ns, r.seq, r.span_id
from requests r join base b on b.trace_id = r.trace_id and b.span_id = r.span_id
where r.live;

create temp table delivery_ranks as
select row_number() over (order by d.time_ns, d.seq nulls last, b.id) as rank, b.id, d.time_ns, d.seq, d.span_id
from deliveries d join base b on b.trace_id = d.trace_id and b.span_id = d.span_id
where not d.borrowed;

create temp table deadline_ranks as
select row_number() over (order by deadline_ns, id) as rank, id, deadline_ns, span_id
from base
where deadline_ns is not null;

create temp table nodes as
select b.id, b.unit = 'pipeline' as is_run, parent.id as parent_id, parent.unit as parent_unit,
    parent.resource_id is not distinct from b.resource_id as at_home,
    a.rank as abort, q.rank as request, d.rank as delivery, t.rank as deadline
from base b
left join base parent on parent.trace_id = b.trace_id and parent.span_id = b.parent_span_id
left join abort_ranks a on a.id = b.id
left join (select id, min(rank) as rank from request_ranks group by id) q on q.id = b.id
left join (select id, min(rank) as rank from delivery_ranks group by id) d on d.id = b.id
left join deadline_ranks t on t.id = b.id;

create temp table walked as
with recursive walk as (
    select id, 0 as depth, id as root, case when is_run then id end as run, parent_unit, abort, request, delivery, deadline,
        null::BIGINT as abort_min, null::BIGINT as abort_max, null::BIGINT as request_min, null::BIGINT as delivery_min,
        null::BIGINT as deadline_min, null::BIGINT as deadline_max
    from nodes
    where parent_id is null
    union all
    select n.id, w.depth + 1, w.root, case when n.is_run then n.id when n.at_home then w.run end, n.parent_unit,
        n.abort, n.request, n.delivery, n.deadline,
        case when n.at_home then least(w.abort_min, w.abort) end, case when n.at_home then greatest(w.abort_max, w.abort) end,
        case when n.at_home then least(w.request_min, w.request) end, case when n.at_home then least(w.delivery_min, w.delivery) end,
        case when n.at_home then least(w.deadline_min, w.deadline) end, case when n.at_home then greatest(w.deadline_max, w.deadline) end
    from walk w join nodes n on n.parent_id = w.id
)
select * from walk;

insert into tree by name
select b.trace_id, b.span_id, w.depth, root.span_id as root_id, run.span_id as run_id,
    case when w.depth > 0 then b.parent_span_id end as parent_span_id, w.parent_unit,
    a.end_ns as anc_abort_end_ns, a.end_seq as anc_abort_end_seq, a.span_id as anc_abort_span_id,
    z.end_ns as anc_abort_last_ns, z.end_seq as anc_abort_last_seq, z.span_id as anc_abort_last_span_id,
    q.time_ns as anc_request_ns, q.seq as anc_request_seq, q.span_id as anc_request_span_id,
    d.time_ns as anc_delivery_ns, d.seq as anc_delivery_seq, d.span_id as anc_delivery_span_id,
    t.deadline_ns as anc_deadline_ns, t.span_id as anc_deadline_span_id, y.deadline_ns as anc_deadline_max_ns
from walked w
join base b on b.id = w.id
join base root on root.id = w.root
left join base run on run.id = w.run
left join abort_ranks a on a.rank = w.abort_min
left join abort_ranks z on z.rank = w.abort_max
left join request_ranks q on q.rank = w.request_min
left join delivery_ranks d on d.rank = w.delivery_min
left join deadline_ranks t on t.rank = w.deadline_min
left join deadline_ranks y on y.rank = w.deadline_max;

insert into problems
select b.file_id, any_value(f.path), any_value(s.line), null,
    format('{} spans whose parents form a circle, or are themselves; for example span {} of trace {}', count(*), min(b.span_id), arg_min(b.trace_id, b.span_id)),
    'they have no place in `tree`', 'data_loss'
from base b join spans s on s.rowid = b.id left join files f on f.file_id = b.file_id
where b.id not in (select id from walked)
group by b.file_id;

insert into problems
select b.file_id, any_value(f.path), null, null,
    format('{} spans whose parent was not read; for example span {} of trace {}', count(*), min(b.span_id), arg_min(b.trace_id, b.span_id)),
    'they count as roots', 'notice'
from base b join nodes n using (id) left join files f on f.file_id = b.file_id
where n.parent_id is null and b.parent_span_id is not null
group by b.file_id;

insert into problems
select b.file_id, any_value(f.path), null, null,
    format('{} spans end before they start: the clock went backwards; for example span {} of trace {}', count(*), min(b.span_id), arg_min(b.trace_id, b.span_id)),
    'they were kept as they are', 'notice'
from base b left join files f on f.file_id = b.file_id
where b.end_ns < b.start_ns
group by b.file_id;

insert into problems
select b.file_id, any_value(f.path), null, null,
    format('{} spans have no start time; for example span {} of trace {}', count(*), min(b.span_id), arg_min(b.trace_id, b.span_id)),
    'they were kept as they are', 'data_loss'
from base b left join files f on f.file_id = b.file_id
where b.start_ns is null
group by b.file_id;

drop table abort_ranks;
drop table request_ranks;
drop table delivery_ranks;
drop table deadline_ranks;
drop table nodes;
