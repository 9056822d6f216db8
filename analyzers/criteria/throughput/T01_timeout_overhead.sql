-- id: T01
-- name: timeout-overhead
-- severity: warning
-- says: Arming and disarming a timeout around work that needs none costs more than a millisecond.
-- rule: a timeout that does not fire costs at most a millisecond
-- why: It is paid for each call, also when all goes well. Whoever finds timeouts slow leaves them out, and then waits for ever when it matters.
-- judges: series of paired samples with and without a timeout
-- message: {subject} takes {measured} longer with a timeout than without (allowed: {bound}); {note}
-- fix: Arm one timeout around many steps instead of one around each, and `asyncio.timeout()` instead of what starts a task or a thread for it.
-- bad:
--   for row in rows:
--       await run_in_thread_with_timeout(handle, row, timeout=1)
-- good:
--   async with asyncio.timeout(len(rows)):
--       for row in rows:
--           await handle(row)
-- covers: 5.2 Timeout overhead < 1ms for typical stages
-- parameter overhead_ms: 1 ms; success criterion 5.2
-- parameter least_pairs: 6 pairs; the fewest of which an interval for their median can be told with 95 % confidence
-- certain given: the two samples of each pair do the same but for the timeout, one right after the other; the median of the differences counts, so that
--   a pause of the machine or the collector in some of them changes nothing
-- cannot see: what a timeout costs the other tasks of the loop; a difference on a virtual clock, which takes no time
-- unknown when: the trace is cut: the pairs that are missing could be faster
-- torn: unknown
-- clock: real
-- scope: set
-- samples: needed
-- margin: none
-- needs: none
-- fault: code
with
samples as (
    select resource_id, trace_id, span_id, name, seq, took_ns, armed,
        row_number() over (partition by resource_id, name, armed order by seq) as pair
    from rounds
    where took_ns is not null and armed is not null
),
-- The first sample with a timeout goes with the first one without, the second with the second.
pairs as (
    select w.resource_id, w.name, w.took_ns - o.took_ns as extra_ns,
        case when w.seq > o.seq then w.trace_id else o.trace_id end as trace_id,
        case when w.seq > o.seq then w.span_id else o.span_id end as span_id,
        greatest(w.seq, o.seq) as seq
    from samples w
    join samples o on o.resource_id = w.resource_id and o.name = w.name and o.pair = w.pair
    where w.armed and not o.armed
),
ranked as (
    select *, row_number() over (partition by resource_id, name order by extra_ns) as rank, count(*) over (partition by resource_id, name) as n
    from pairs
    qualify n >= $least_pairs
),
-- The interval of the median lies between two of the ordered differences (the sign test; Conover, Practical Nonparametric Statistics, 3.2):
-- the rank of the lower one is the 2.5 % quantile of a binomial distribution, by its normal approximation.
series as (
    select resource_id, name, any_value(n) as n, arg_max(trace_id, seq) as trace_id, arg_max(span_id, seq) as span_id,
        median(extra_ns) as extra_ns,
        min(extra_ns) filter (rank >= greatest(floor((n - 1.959964 * sqrt(n)) / 2), 1)) as low_ns,
        max(extra_ns) filter (rank <= n + 1 - greatest(floor((n - 1.959964 * sqrt(n)) / 2), 1)) as high_ns
    from ranked
    group by resource_id, name
)
select
    -- The unit on which the last sample of the series stands; the subject is that unit and the name of the series.
    s.trace_id,
    s.span_id,
    u.subject || ' ' || s.name as subject,
    s.low_ns <= $overhead_ms * 1000000 as ok,
    -- Median of what a sample with a timeout took longer than the one without.
    s.extra_ns::BIGINT as measured,
    ($overhead_ms * 1000000)::BIGINT as bound,
    'ns' as unit,
    null::VARCHAR as cause_span_id,
    'code' as fault,
    s.n || ' pairs, 95 % sure that it is between ' || printf('%.3f', s.low_ns / 1e6) || ' and ' || printf('%.3f', s.high_ns / 1e6) || ' ms' as note
from series s
join units u on u.trace_id = s.trace_id and u.span_id = s.span_id
