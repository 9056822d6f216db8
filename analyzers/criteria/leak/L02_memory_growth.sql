-- id: L02
-- name: memory-growth
-- severity: error
-- says: Memory grows with each repetition of the same thing, after the warm-up.
-- rule: what is repeated leaves no memory behind
-- why: A service repeats it a million times. What one repetition keeps is nothing; what a million keep ends the process, at night.
-- judges: series of rounds that were measured
-- message: {subject} grows by {measured} (allowed: {bound}); {note}
-- fix: Watch what a round leaves behind (`rounds.watch(thing)` tells whether a thing is still alive), then look for who refers to it: a list or a
--   dictionary that is never emptied, a callback that is never taken back, a task that never ends, an exception kept with its traceback.
-- bad:
--   seen.append(ctx)                        # for every run, for ever
-- good:
--   recent = collections.deque(maxlen=100)   # bounded
-- covers: 5.2 No memory growth during timeout stress tests; 2.2 Memory Leak; 6.5 Memory Pressure
-- parameter bytes_per_round: 16 bytes; the smallest of Python's objects, so that one object left behind in each round is found
-- parameter warm_up_rounds: 5 rounds; left out at the beginning of a series: caches fill, modules are imported, pools are opened
-- parameter least_rounds: 20 rounds; what must be left after the warm-up: of fewer a slope cannot be told from noise
-- certain given: each round does the same as the others, and whoever repeats it drops what it got; one late step and single values that stand out are discounted
-- cannot see: memory of libraries that do not take it from Python; a leak that comes less often than once in some ten rounds
-- unknown when: the trace is cut: the rounds that are missing could be level
-- torn: unknown
-- clock: any
-- scope: set
-- samples: needed
-- margin: none
-- needs: none
-- fault: code
with
-- The rounds of a series that were measured, numbered from 1 without a gap.
measured as (
    select resource_id, trace_id, span_id, name, seq, memory_bytes::DOUBLE as y,
        row_number() over (partition by resource_id, name order by seq) as x
    from rounds
    where memory_bytes is not null
),
kept as (
    select * from measured where x > $warm_up_rounds
    qualify count(*) over (partition by resource_id, name) >= $least_rounds
),
-- How far each value stands out from both neighbours.
alone as (
    select *, abs(y - (
        y + coalesce(lag(y) over series, y) + coalesce(lead(y) over series, y)
        - greatest(y, lag(y) over series, lead(y) over series) - least(y, lag(y) over series, lead(y) over series)
    )) as apart
    from kept
    window series as (partition by resource_id, name order by x)
),
-- Without the one that stands out most.
common as (
    select * from alone
    qualify apart = 0 or row_number() over (partition by resource_id, name order by apart desc, x) > 1
),
-- How much higher a round and the one after it are than the two before: a value that stands out alone is no step.
steps as (
    select *,
        case when lag(y) over series is not null
            then least(y, lead(y) over series) - greatest(lag(y) over series, lag(y, 2) over series)
        end as step
    from common
    window series as (partition by resource_id, name order by x)
),
-- By how much the largest step exceeds the usual one, and where it is: something was filled once, perhaps late.
largest as (
    select resource_id, name, greatest(max(step) - greatest(median(step), 0), 0) as excess, arg_max(x, step) as at_x
    from steps
    group by resource_id, name
),
levelled as (
    select k.*, k.y - case when k.x >= l.at_x then l.excess else 0 end as level
    from common k
    join largest l on l.resource_id = k.resource_id and l.name = k.name
),
fitted as (
    select resource_id, name, count(*) as n,
        arg_max(trace_id, seq) as trace_id, arg_max(span_id, seq) as span_id,
        regr_slope(level, x) as slope,
        -- Residual variance over the spread of the rounds.
        sqrt(greatest(regr_syy(level, x) - regr_sxy(level, x) ** 2 / regr_sxx(level, x), 0) / (count(*) - 2) / regr_sxx(level, x)) as error
    from levelled
    group by resource_id, name
),
-- Student's t for 99.9 %, two-sided: the expansion of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5, about the normal
-- quantile 3.290527; from 15 degrees of freedom on it is right to three digits.
interval as (
    select *, error * (
        3.290527 + (3.290527 ** 3 + 3.290527) / 4 / (n - 2)
        + (5 * 3.290527 ** 5 + 16 * 3.290527 ** 3 + 3 * 3.290527) / 96 / (n - 2) ** 2
        + (3 * 3.290527 ** 7 + 19 * 3.290527 ** 5 + 17 * 3.290527 ** 3 - 15 * 3.290527) / 384 / (n - 2) ** 3
    ) as half
    from fitted
)
select
    -- The unit on which the last round of the series stands; the subject is that unit and the name of the series.
    i.trace_id,
    i.span_id,
    u.subject || ' ' || i.name as subject,
    -- A billionth of the slope is what the arithmetic may be wrong by.
    i.slope - i.half <= $bytes_per_round * (1 + 1e-9) as ok,
    -- Growth a round.
    round(i.slope, 3) as measured,
    $bytes_per_round as bound,
    'bytes per round' as unit,
    null::VARCHAR as cause_span_id,
    'code' as fault,
    'over ' || i.n || ' rounds after the warm-up; 99.9 % sure that it is between ' || printf('%.1f', i.slope - i.half) || ' and '
        || printf('%.1f', i.slope + i.half) as note
from interval i
join units u on u.trace_id = i.trace_id and u.span_id = i.span_id
