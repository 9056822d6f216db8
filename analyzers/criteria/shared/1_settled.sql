-- Units with one fact more: whether anything can still happen to them that was not recorded.
create or replace temp view settled_units as
select
    u.*,
    -- It has ended, or its process or its loop has: no later record can change what is known of it.
    not u.is_open or coalesce(u.ended_by = 'process', false) or l.closed_ns is not null as settled
from units u
left join loops l on l.resource_id = u.resource_id and l.loop_id = u.loop_id;
