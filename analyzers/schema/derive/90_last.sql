-- What the traces say of themselves, and the sums.

insert into problems
select r.file_id, f.path, null, null,
    format('probe {} raised {} ({})', probe, error_type, error), 'the recorder switched it off; what it would have seen is missing', 'data_loss'
from faults join resources r using (resource_id) left join files f on f.file_id = r.file_id;

insert into problems
select r.file_id, f.path, null, null,
    format('the recorder lost {} records{}', g.dropped, coalesce(' (' || l.why || ')', '')), 'what was written was read', 'data_loss'
from recordings g join resources r using (resource_id) left join files f on f.file_id = r.file_id
left join (
    select s.resource_id,
        string_agg(e.attributes['spanproof.lost.why'] || ': ' || e.attributes['spanproof.lost.records'], '; ' order by e.seq) as why
    from events e join spans s on s.trace_id = e.trace_id and s.span_id = e.span_id
    where e.name = 'records.lost'
    group by s.resource_id
) l on l.resource_id = g.resource_id
where g.dropped > 0;

insert into problems
select r.file_id, f.path, null, null,
    format('the recorder deleted {} parts of the recording to stay below its limit of size', g.parts_deleted),
    'what is left was read', 'data_loss'
from recordings g join resources r using (resource_id) left join files f on f.file_id = r.file_id
where g.parts_deleted > 0;

insert into problems
select s.file_id, any_value(f.path), null, null,
    format('{} spans had more events than their writer keeps; for example span {} of trace {}', count(*), min(s.span_id), arg_min(s.trace_id, s.span_id)),
    'the events that were written were read', 'data_loss'
from spans s left join files f on f.file_id = s.file_id
where s.dropped_events > 0 or try_cast(s.attributes['spanproof.events_dropped'] as BIGINT) > 0
group by s.file_id;

update files set problems = (select count(*) from problems p where p.file_id = files.file_id);

drop table base;
