-- id: D05
-- name: deadline-not-armed
-- severity: warning
-- says: A timeout was configured, and the work ran with another one, or with none.
-- rule: the timeout that was configured is the one that is armed
-- why: People trust a number that nobody applies: the work hangs for ever, or is cut much later or earlier than they wrote.
-- judges: configured timeout
-- message: {subject}: {note}; armed: {measured}
-- fix: Configure a number of milliseconds above 0, keep `TimeoutInterceptor` among the interceptors, and let a retry arm its own deadline.
-- bad:
--   context = PipelineContext(data={"_timeout_ms": 500})
--   await pipeline.run(context, interceptors=[LoggingInterceptor()])    # nobody reads it: 30 seconds are armed
-- good:
--   context = PipelineContext(data={"_timeout_ms": 500})
--   await pipeline.run(context, interceptors=[TimeoutInterceptor(), LoggingInterceptor()])
-- covers: H1; 2.2 Timeout Drift; 5.1 stage is cancelled within the configured time; 6.4 Zero Timeout
-- parameter rounding_ms: 1 ms; how far the armed value may be from the configured one: what rounding makes of it
-- certain given: the configured value was read where the library reads it, when the work began
-- cannot see: the library's default, which nobody configured (D06 tells where a retry has lost it); a value under a key that the library never reads, or that it overwrites before the stage begins (`_timeout.<stage>` in the context, with its own interceptor at work)
-- unknown when: never; a deadline that was cut by the recorder's limit of events is no subject
-- torn: certain
-- clock: any
-- scope: trace
-- margin: none
-- needs: deadline
-- fault: library where a number above 0 was configured and none was armed, because it tries again without; else caller: what was configured cannot be armed, or the interceptor that reads it was left out
with
configured as (
    select
        d.trace_id, d.span_id, u.subject, u.unit, d.configured, d.source, d.mechanism, d.at_ns, d.first_at_ns, d.timeout_ns, d.extended, u.attempt,
        u.started_seq is null as never_ran,
        -- The number that is meant: of a stage's in ms, of all others in seconds.
        case d.configured
            when 'True' then 1
            when 'False' then 0
            else try_cast(d.configured as DOUBLE)
        end as number,
        case when d.source is null then 1e9 else 1e6 end as scale
    from deadlines d
    join units u on u.trace_id = d.trace_id and u.span_id = d.span_id
    -- The library's default is nobody's word: where a retry has lost it, D06 says so.
    where d.configured is not null and d.source is distinct from 'default'
),
weighed as (
    select
        *,
        case when isfinite(number) and abs(number * scale) < 9e18 then round(number * scale)::BIGINT end as meant_ns,
        -- A deadline that was moved later was armed with the first value; only the last one is known.
        first_at_ns is not null as armed,
        number = 'infinity'::DOUBLE or (source is null and configured = 'None') as wants_none
    from configured
),
judged as (
    select
        *,
        case
            when coalesce(wants_none, false) then 'as configured'
            when number <= 0 and source is not null and not armed then 'none is meant'
            when not armed then 'none'
            when extended > 0 or timeout_ns is null or meant_ns is null then 'as configured'
            when abs(timeout_ns - meant_ns) <= $rounding_ms::BIGINT * 1000000 then 'as configured'
            else 'another'
        end as found
    from weighed
)
select
    -- The unit whose timeout was configured.
    j.trace_id,
    j.span_id,
    j.subject,
    j.found = 'as configured' as ok,
    -- The timeout that was armed; null: none was.
    case when j.armed then j.timeout_ns end as measured,
    -- The one that was configured; null: it is no number, or it is for ever.
    j.meant_ns as bound,
    'ns' as unit,
    null::VARCHAR as cause_span_id,
    case when j.found = 'none' and j.number > 0 then 'library' else 'caller' end as fault,
    case
        when j.found = 'as configured' then null
        else case when isnan(j.number) or j.number is null then 'the timeout ' else 'a timeout of ' end
            || j.configured || case when isfinite(j.number) then case when j.source is null then ' s' else ' ms' end else '' end || ' was configured'
            || case j.source when 'context' then ' for the whole run' when 'stage' then ' for this stage' else '' end
            || case
                when j.found = 'none is meant' then ', which the library takes for no timeout at all'
                when j.found = 'another' then ', and nobody read it'
                when isnan(j.number) or j.number is null then ', which is no number' || case when j.never_ran then ': the stage failed before it ran' else '' end
                when coalesce(j.attempt, 1) > 1 then ', and this later attempt ran without it'
                else ', and it was not armed'
            end
    end as note,
    case when j.found = 'none is meant' then 'info' end as severity
from judged j
