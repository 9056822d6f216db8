-- Requests and deliveries: the tree needs them.

insert into requests by name
select trace_id, span_id, time_ns, seq,
    try_cast(attributes['spanproof.request.id'] as BIGINT) as request_id,
    attributes['spanproof.request.mechanism'] as mechanism,
    attributes['spanproof.request.by_span_id'] as by_span_id,
    try_cast(attributes['spanproof.request.via'] as BIGINT) as via,
    attributes['spanproof.request.addressee_span_id'] as addressee_span_id,
    attributes['spanproof.request.message'] as message,
    try_cast(attributes['spanproof.request.count'] as BIGINT) as count,
    attributes['spanproof.request.live'] is distinct from 'false' as live,
    attributes['spanproof.request.member_span_id'] as member_span_id,
    coalesce(attributes['spanproof.request.before_first_step'] = 'true', false) as before_first_step,
    try_cast(attributes['spanproof.turn'] as BIGINT) as turn,
    attributes['code.file.path'] as file,
    try_cast(attributes['code.line.number'] as BIGINT) as line,
    attributes['code.function.name'] as function
from events
where name = 'cancel.requested';

insert into deliveries by name
select trace_id, span_id, time_ns, seq,
    coalesce(attributes['spanproof.delivery.borrowed'] = 'true', false) as borrowed,
    coalesce(try(from_json(attributes['spanproof.delivery.requests'], '["BIGINT"]')), []) as requests,
    try_cast(attributes['spanproof.turn'] as BIGINT) as turn,
    attributes['code.file.path'] as file,
    try_cast(attributes['code.line.number'] as BIGINT) as line,
    attributes['code.function.name'] as function
from events
where name = 'cancel.delivered';
