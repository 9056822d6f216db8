-- id: R02
-- name: unnamed-error
-- severity: warning
-- says: A stage ran into its timeout and ended its run by that, and the error that the run's caller got does not say which stage it was, or
--   which timeout.
-- rule: the error of a run that ended by a stage's timeout names that stage and the timeout that was armed
-- why: Whoever reads the error in a log has to know where to look and which number to change. "Timed out" alone starts a search through
--   all stages and all settings.
-- judges: stage whose own deadline expired and ended its run
-- message: {subject} ran into its timeout of {bound}, and the error that the caller of {cause} got does not name {note}
-- fix: Let a timeout reach the library as it is: raise nothing else over it in `finally` or `except CancelledError`. Where you write the
--   error yourself, put the stage's name and the timeout with its unit into the text.
-- bad:
--   async def fetch(ctx):
--       try:
--           return await download()
--       finally:
--           raise RuntimeError("connection lost")       # takes the place of the timeout
-- good:
--   async def fetch(ctx):
--       try:
--           return await download()
--       finally:
--           await close_quietly()                       # "Stage 'fetch' failed: Stage timed out after 300ms"
-- covers: H1; 2.2 Timeout Leakage; 5.3 error messages are actionable
-- parameter rounding_us: 500 us; a text may round the timeout to whole milliseconds
-- certain given: the text of the error and the stage that it carries were recorded as the caller got them
-- cannot see: what the program itself adds to the error further up; a text whose meaning is right and whose wording is strange, such as a
--   timeout as the difference of two times
-- unknown when: what the caller got was not recorded, or its text was cut before the name or number; the armed timeout is not known
-- torn: certain
-- clock: any
-- scope: trace
-- margin: none
-- needs: stageflow, deadline
-- fault: library, which writes the text; code where the stage put an error of its own, or a cancellation, in the place of the timeout
with
expired as (
    select trace_id, span_id, max(timeout_ns) as timeout_ns
    from deadlines
    where state = 'expired' or expired_ns is not null
    group by trace_id, span_id
),
-- Stages that a deadline of their own has ended. Who answers with an output, be it one that fails, has ended in its own words.
timed_out as (
    select u.trace_id, u.span_id, u.run_id, u.stage, u.subject, u.outcome, u.start_seq, coalesce(u.timeout_ns, e.timeout_ns) as timeout_ns
    from units u
    left join expired e on e.trace_id = u.trace_id and e.span_id = u.span_id
    where u.unit = 'stage' and u.run_id is not null and (e.span_id is not null or u.deadline_state = 'expired')
        and (u.outcome in ('timed_out', 'cancelled') or u.outcome = 'failed' and u.error_type is not null)
        and (u.trace_id, u.span_id) not in (select (trace_id, span_id) from outputs where outputs.span_id is not null)
),
-- What the caller of each of their runs got.
told as (
    select r.trace_id, r.span_id, string_agg(r.error, chr(10) order by r.seq) as text, arg_max(r.stage, r.seq) as stage,
        arg_max(r.error_type, r.seq) as error_type
    from reports r
    where r.channel in ('caller', 'exception') and r.outcome <> 'completed'
        and (r.trace_id, r.span_id) in (select (trace_id, run_id) from timed_out)
    group by r.trace_id, r.span_id
),
ended as (
    select r.trace_id, r.span_id, r.abort_cause_span_id, r.abort_at_seq, t.span_id is not null as is_told, coalesce(t.text, '') as text,
        t.stage, t.error_type, p.torn
    from runs r
    join units p on p.trace_id = r.trace_id and p.span_id = r.span_id
    left join told t on t.trace_id = r.trace_id and t.span_id = r.span_id
    where r.aborted and r.abort_from = 'inside' and (r.trace_id, r.span_id) in (select (trace_id, run_id) from timed_out)
),
-- The stage that the error carries: whether it is there, and whether it had ended badly by then.
carried as (
    select e.trace_id, e.span_id, arg_max(s.span_id, s.start_seq) as last_id,
        bool_or(s.outcome in ('failed', 'timed_out', 'cancelled') and s.end_seq < e.abort_at_seq) as has_failed
    from ended e
    join units s on s.trace_id = e.trace_id and s.run_id = e.span_id and s.unit = 'stage' and s.stage = e.stage
    group by e.trace_id, e.span_id
),
-- Of several that timed out the one that ended the run: that of the error, or, where the error carries none that has failed, the first.
subjects as (
    select s.*, e.is_told, e.text, e.stage as told_stage, e.error_type, e.torn and e.stage is not null and c.last_id is null as is_missing
    from timed_out s
    join ended e on e.trace_id = s.trace_id and e.span_id = s.run_id
    left join carried c on c.trace_id = e.trace_id and c.span_id = e.span_id
    where s.span_id = case when coalesce(c.has_failed, false) then c.last_id else e.abort_cause_span_id end
        -- In a whole recording a caller that was told nothing got nothing, which is R01's and O02's to judge.
        and (e.is_told or e.torn)
),
-- The numbers of the text, each with the word that follows, and with a word such as "timeout" that stands before it.
numbers as (
    -- The pattern is written out each time: one that is no constant is compiled anew for each row.
    select trace_id, span_id,
        unnest(regexp_extract_all(
            text, '((?:time[sd]?[ _-]?out|deadline|limit)[a-z_]*\W{0,4}(?:(?:of|is|was|after|in|at)\W{1,2})?)?\b(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([\p{L}µ]*)', 1
        )) as before,
        unnest(regexp_extract_all(
            text, '((?:time[sd]?[ _-]?out|deadline|limit)[a-z_]*\W{0,4}(?:(?:of|is|was|after|in|at)\W{1,2})?)?\b(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([\p{L}µ]*)', 2
        )) as number,
        unnest(regexp_extract_all(
            text, '((?:time[sd]?[ _-]?out|deadline|limit)[a-z_]*\W{0,4}(?:(?:of|is|was|after|in|at)\W{1,2})?)?\b(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([\p{L}µ]*)', 3
        )) as after
    from (
        select trace_id, span_id, lower(regexp_replace(text, '(\d),(\d\d\d)\b', '\1\2', 'g')) as text from subjects
    )
),
-- In nanoseconds; a number without a unit behind a word such as "timeout" is one of milliseconds or of seconds.
times as (
    select trace_id, span_id, unnest(case
        when after in ('ms', 'msec', 'msecs', 'millis', 'millisecond', 'milliseconds') then [1e6]
        when after in ('s', 'sec', 'secs', 'second', 'seconds') then [1e9]
        when after in ('m', 'min', 'mins', 'minute', 'minutes') then [6e10]
        when after in ('h', 'hour', 'hours') then [3.6e12]
        when after in ('us', 'µs', 'μs', 'microsecond', 'microseconds') then [1e3]
        when after in ('ns', 'nanosecond', 'nanoseconds') then [1.0]
        when before <> '' then [1e6, 1e9]
        else []
    end) * number::DOUBLE as ns
    from numbers
),
numbered as (
    select distinct s.trace_id, s.span_id
    from subjects s
    join times t on t.trace_id = s.trace_id and t.span_id = s.span_id
    where abs(t.ns - s.timeout_ns) <= $rounding_us::BIGINT * 1000
),
judged as (
    select s.*, n.span_id is not null as has_timeout,
        -- As a word: neither `fetch` in `prefetch` nor in `fetch-all`.
        case
            when s.told_stage = s.stage then true
            when not contains(s.text, s.stage) then false
            else regexp_matches(
                s.text, '(^|[^\p{L}\p{N}_-])' || regexp_escape(s.stage) || '($|[^\p{L}\p{N}_.-]|\.($|[^\p{L}\p{N}_]))'
            )
        end as has_stage
    from subjects s
    left join numbered n on n.trace_id = s.trace_id and n.span_id = s.span_id
)
select
    -- The stage that timed out.
    j.trace_id,
    j.span_id,
    j.subject,
    case
        when not j.is_told then null
        when j.has_stage and j.has_timeout then true
        when j.timeout_ns is null or length(j.text) >= 1000 or j.is_missing then null
        else false
    end as ok,
    null::BIGINT as measured,
    -- The timeout that was armed.
    j.timeout_ns as bound,
    'ns' as unit,
    -- The run whose caller got the error.
    j.run_id as cause_span_id,
    case when j.outcome = 'timed_out' then 'library' else 'code' end as fault,
    case
        when not j.is_told then 'what the caller got was not recorded'
        when j.has_stage and j.has_timeout then null
        when j.timeout_ns is null then 'the timeout that was armed is not known'
        when length(j.text) >= 1000 then 'the text of the error was cut'
        when j.is_missing then 'the stage that the error carries is not in the trace'
        else case when j.has_stage then 'the timeout' when j.has_timeout then 'the stage' else 'the stage and the timeout' end
            || case
                when j.text = '' then ': it is a ' || coalesce(regexp_extract(j.error_type, '[^.]+$'), 'an error') || ' without a text'
                else ': "' || left(j.text, 160) || case when length(j.text) > 160 then '…' else '' end || '"'
            end
    end as note
from judged j
