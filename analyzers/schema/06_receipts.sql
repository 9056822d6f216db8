-- A receipt: what came of one request, from whoever asked to the last cleanup.

-- One row a request of a receipt. A receipt begins with a request that was handed on from none; to it belong the requests that were handed
-- on from it (`via`), and those that a unit made while it was unwinding because of it (`by hand`).
create view receipt_requests (
    -- [INTEGER] The process.
    resource_id,
    -- [BIGINT] The receipt: number of its first request in the process.
    receipt_id,
    -- [BIGINT] Number of the request in the process.
    request_id,
    -- [BIGINT] Request that it comes from; null: the first.
    from_request_id,
    -- [INTEGER] How many requests are before it in the chain: 0 for the first. Chains are followed for 10,000.
    hop,
    -- [VARCHAR] first; via: handed on from the one before, down a chain of awaits; by hand: made by a unit that was unwinding.
    how
) as
with recursive
standing as (
    select u.resource_id, r.request_id, r.via, r.by_span_id, r.seq
    from requests r
    join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
    where r.request_id is not null
),
asked as (
    select resource_id, request_id, any_value(via) as via, any_value(by_span_id) as by_span_id, min(seq) as seq
    from standing
    group by resource_id, request_id
),
-- A unit's stretch of unwinding, by the request that it got.
unwinding as (
    select u.resource_id, c.span_id, c.request_id, c.delivered_seq, coalesce(c.consumed_seq, u.until_seq) as until_seq
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where c.delivered_seq is not null and c.swallowed_how is distinct from 'went_on'
),
by_hand as (
    select a.resource_id, a.request_id, arg_max(w.request_id, w.delivered_seq) as from_request_id
    from asked a
    join unwinding w on w.resource_id = a.resource_id and w.span_id = a.by_span_id
    where a.via is null and a.seq > w.delivered_seq and a.seq < w.until_seq and w.request_id <> a.request_id
    group by a.resource_id, a.request_id
),
linked as (
    select a.resource_id, a.request_id, coalesce(v.request_id, h.from_request_id) as from_request_id,
        case when v.request_id is not null then 'via' when h.from_request_id is not null then 'by hand' else 'first' end as how
    from asked a
    -- One that was not read has left no receipt; what comes from it begins one.
    left join asked v on v.resource_id = a.resource_id and v.request_id = a.via and v.seq < a.seq
    left join by_hand h on h.resource_id = a.resource_id and h.request_id = a.request_id
),
chain as (
    select resource_id, request_id as receipt_id, request_id, from_request_id, 0 as hop, how
    from linked
    where from_request_id is null
    union all
    select l.resource_id, c.receipt_id, l.request_id, l.from_request_id, c.hop + 1, l.how
    from chain c
    join linked l on l.resource_id = c.resource_id and l.from_request_id = c.request_id
    where c.hop < 10_000
)
select resource_id, receipt_id, request_id, from_request_id, hop, how from chain;

-- One row a step of a receipt: read them by `seq`, from the request to the last cleanup and the end of everything that it reached. At the
-- end of the list: who was there, below what was asked, and did not hear of it.
create view receipts (
    -- [INTEGER] The process.
    resource_id,
    -- [BIGINT] The receipt: number of its first request in the process.
    receipt_id,
    -- [BIGINT] The request that this step belongs to.
    request_id,
    -- [INTEGER] How many requests are before that one in the chain.
    hop,
    -- [VARCHAR] requested, withdrawn, delivered, consumed, swallowed, cleanup started, cleanup finished, cleanup failed, ended, open (no
    -- end was recorded), unheard (it was there and was not asked).
    what,
    -- [BIGINT] When; of `unheard`: when the unit above it was asked.
    time_ns,
    -- [BIGINT] Order; of `unheard`: that of the request on the unit above it.
    seq,
    -- [BIGINT] Time since the first request.
    since_ns,
    -- [VARCHAR] Trace of the unit.
    trace_id,
    -- [VARCHAR] The unit that it happened to.
    span_id,
    -- [VARCHAR] Its name.
    name,
    -- [VARCHAR] Of `requested` the unit that asked; of `unheard` the unit above it that was asked; null: none.
    by_span_id,
    -- [VARCHAR] Name of that unit.
    by_name,
    -- [VARCHAR] Of `requested` the mechanism, of `consumed` by what, of `swallowed` how, of `cleanup ...` its name, of `ended` the outcome,
    -- of `unheard` the outcome.
    detail,
    -- [VARCHAR] File of the line that asked, or that was waiting.
    file,
    -- [BIGINT] Line.
    line,
    -- [VARCHAR] Function.
    function,
    -- [BIGINT] End of the unit; while it is open the end of knowledge.
    until_ns
) as
with recursive
-- Where each request of a receipt stands, and what became of it there.
standing as (
    select q.resource_id, q.receipt_id, q.hop, q.how, c.*, u.name, u.until_ns, u.until_seq, u.is_open
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    join receipt_requests q on q.resource_id = u.resource_id and q.request_id = c.request_id
),
-- Each unit once a receipt, with the request that reached it first.
reached as (
    select resource_id, receipt_id, trace_id, span_id, arg_min(request_id, seq) as request_id, arg_min(hop, seq) as hop,
        min(seq) as seq, arg_min(time_ns, seq) as time_ns, any_value(name) as name, any_value(until_ns) as until_ns,
        any_value(until_seq) as until_seq, any_value(is_open) as is_open, any_value(outcome) as outcome, bool_or(live) as live
    from standing
    group by resource_id, receipt_id, trace_id, span_id
),
-- Downwards from what was reached, past what had ended by then, to the first on each way that was there and was not reached.
below as (
    select r.resource_id, r.receipt_id, r.request_id, r.hop, r.seq, r.time_ns, r.span_id as above_id, r.name as above_name,
        r.until_seq as above_until_seq, t.trace_id, t.span_id, 0 as hops
    from reached r
    join tree t on t.trace_id = r.trace_id and t.parent_span_id = r.span_id
    left join reached o on o.resource_id = r.resource_id and o.receipt_id = r.receipt_id and o.trace_id = t.trace_id and o.span_id = t.span_id
    where r.live and o.span_id is null
    union all
    select b.resource_id, b.receipt_id, b.request_id, b.hop, b.seq, b.time_ns, b.above_id, b.above_name, b.above_until_seq,
        t.trace_id, t.span_id, b.hops + 1
    from below b
    join units e on e.trace_id = b.trace_id and e.span_id = b.span_id
    join tree t on t.trace_id = b.trace_id and t.parent_span_id = b.span_id
    where e.until_seq < b.seq and b.hops < 64
),
unheard as (
    select b.*, u.name, u.until_ns, u.outcome, u.is_open
    from below b
    join units u on u.trace_id = b.trace_id and u.span_id = b.span_id
    left join reached o on o.resource_id = b.resource_id and o.receipt_id = b.receipt_id and o.trace_id = b.trace_id and o.span_id = b.span_id
    where u.start_seq < b.seq and u.until_seq > b.seq and o.span_id is null
        -- Somebody else had asked it, or did before the unit above it was gone.
        and not coalesce(u.first_request_seq < b.above_until_seq, false)
),
cleaned as (
    select r.resource_id, r.receipt_id, r.request_id, r.hop, c.*, r.until_ns
    from reached r
    join cleanups c on c.trace_id = r.trace_id and c.run_span_id = r.span_id
    where c.started_seq > r.seq
),
steps as (
    select resource_id, receipt_id, request_id, hop, 'requested' as what, time_ns, seq, trace_id, span_id, name, by_span_id,
        mechanism as detail, file, line, function, until_ns
    from standing
    union all by name
    select resource_id, receipt_id, request_id, hop, 'withdrawn' as what, withdrawn_ns as time_ns, withdrawn_seq as seq, trace_id,
        span_id, name, until_ns
    from standing where withdrawn_seq is not null
    union all by name
    select s.resource_id, s.receipt_id, s.request_id, s.hop, 'delivered' as what, s.delivered_ns as time_ns, s.delivered_seq as seq,
        s.trace_id, s.span_id, s.name, d.file, d.line, d.function, s.until_ns
    from standing s
    left join deliveries d on d.trace_id = s.trace_id and d.span_id = s.span_id and d.seq = s.delivered_seq
    where s.delivered_seq is not null
    union all by name
    select resource_id, receipt_id, request_id, hop, 'consumed' as what, consumed_ns as time_ns, consumed_seq as seq, trace_id, span_id,
        name, consumed_by as detail, until_ns
    from standing where consumed_seq is not null
    union all by name
    select resource_id, receipt_id, request_id, hop, 'swallowed' as what, swallowed_ns as time_ns, swallowed_seq as seq, trace_id,
        span_id, name, swallowed_how as detail, until_ns
    from standing where swallowed_seq is not null
    union all by name
    select resource_id, receipt_id, request_id, hop, 'cleanup started' as what, started_ns as time_ns, started_seq as seq, trace_id,
        run_span_id as span_id, coalesce(name, '') as detail, file, line, function, until_ns
    from cleaned
    union all by name
    select resource_id, receipt_id, request_id, hop, 'cleanup finished' as what, finished_ns as time_ns, finished_seq as seq, trace_id,
        run_span_id as span_id, coalesce(name, '') as detail, until_ns
    from cleaned where finished_seq is not null
    union all by name
    select resource_id, receipt_id, request_id, hop, 'cleanup failed' as what, failed_ns as time_ns, failed_seq as seq, trace_id,
        run_span_id as span_id, coalesce(name, '') as detail, until_ns
    from cleaned where failed_seq is not null
    union all by name
    select resource_id, receipt_id, request_id, hop, case when is_open then 'open' else 'ended' end as what, until_ns as time_ns,
        until_seq as seq, trace_id, span_id, name, outcome as detail, until_ns
    from reached where until_seq > seq
    union all by name
    select resource_id, receipt_id, request_id, hop, 'unheard' as what, time_ns, seq, trace_id, span_id, name, above_id as by_span_id,
        coalesce(outcome, case when is_open then 'open' end) as detail, until_ns
    from unheard
),
begun as (
    select resource_id, receipt_id, min(time_ns) filter (hop = 0) as begin_ns from standing group by resource_id, receipt_id
)
select s.resource_id, s.receipt_id, s.request_id, s.hop, s.what, s.time_ns, s.seq, s.time_ns - b.begin_ns, s.trace_id, s.span_id,
    coalesce(s.name, u.name), s.by_span_id, y.name, s.detail, s.file, s.line, s.function, s.until_ns
from steps s
join begun b on b.resource_id = s.resource_id and b.receipt_id = s.receipt_id
left join units u on u.trace_id = s.trace_id and u.span_id = s.span_id
left join units y on y.resource_id = s.resource_id and y.span_id = s.by_span_id;
