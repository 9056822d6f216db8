-- Of repeated records of one span only that with the highest revision stays; of equals the last that was read.

create temp table repeated as
select record, file_id, trace_id, span_id, rev, resource_id,
    row_number() over (partition by trace_id, span_id order by rev desc, record desc) as place,
    hash(name, start_ns, end_ns, attributes) as content
from spans
where (trace_id, span_id) in (select (trace_id, span_id) from spans group by trace_id, span_id having count(*) > 1);

-- Our recorder repeats a span on purpose, with a higher revision. Others do not, and nor do we with the same revision.
insert into problems
select a.file_id, any_value(f.path), null, null,
    format('{} records repeat a span{}, for example span {} of trace {}',
        count(*), if(same, '', ' and say something else of it'), min(a.span_id), arg_min(a.trace_id, a.span_id)),
    'of each span the last record was kept', if(same, 'info', 'data_loss')
from (
    select a.*, a.content = kept.content as same
    from repeated a join repeated kept on kept.trace_id = a.trace_id and kept.span_id = a.span_id and kept.place = 1
    where a.place > 1
) a join resources r using (resource_id) left join files f on f.file_id = a.file_id
where r.format is null
group by a.file_id, same;

insert into problems
select a.file_id, any_value(f.path), null, null,
    format('{} records have the revision of another record of their span, and say something else; for example span {} of trace {}',
        count(*), min(a.span_id), arg_min(a.trace_id, a.span_id)),
    'of each span the last record was kept', 'notice'
from repeated a join resources r using (resource_id) left join files f on f.file_id = a.file_id
join repeated kept on kept.trace_id = a.trace_id and kept.span_id = a.span_id and kept.place = 1
where r.format is not null and a.place > 1 and a.rev = kept.rev and a.content <> kept.content
group by a.file_id;

delete from events where record in (select record from repeated where place > 1);
delete from links where record in (select record from repeated where place > 1);
delete from spans where record in (select record from repeated where place > 1);
drop table repeated;
