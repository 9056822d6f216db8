-- id: C02
-- name: cleanup-not-run
-- severity: error
-- says: A cleanup callback was registered, not taken back, and never started though its run has ended.
-- rule: a cleanup that was registered runs when its run ends, unless it is taken back
-- why: What it was to give back (a lock, a connection, a half-written file) stays as it is, and nobody is told.
-- judges: registered cleanup callback
-- message: the cleanup {subject} was registered and never ran
-- fix: Register a cleanup while its run is at work, not before `run()` and not after. For a single stage `try`/`finally` or `async with` is safer.
-- bad:
--   graph.register_cleanup(close_connection)       # outside of a run the registration is dropped without a word
--   await graph.run(ctx)
-- good:
--   async def stage(ctx):
--       async with connect() as connection:        # closed however the stage ends
--           ...
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 cleanup handlers execute; 6.3 Resource Cleanup
-- certain given: the registration, and each start of a callback, go through the library's own registry, which is watched
-- cannot see: cleanup that is registered nowhere: `finally` blocks, `cleanup_on_cancel`; a registry whose list is changed by hand
-- unknown when: the run is still open, or the trace is cut within the grace after its end
-- torn: certain
-- clock: any
-- scope: trace
-- needs: cleanup
-- fault: library
select
    -- The unit that registered it, else the run; the subject is that unit and the callback's name.
    coalesce(g.trace_id, r.trace_id, c.trace_id) as trace_id,
    coalesce(g.span_id, r.span_id) as span_id,
    coalesce(g.subject, r.subject) || ' ' || coalesce(c.name, 'callback') as subject,
    case
        when c.started_ns is not null then true
        when c.dropped then false
        when r.is_open then null
        when r.torn and r.known_until_ns <= r.end_ns + r.grace_ns then null
        else false
    end as ok,
    -- How long before the end of its run it was registered.
    r.end_ns - c.registered_ns as measured,
    null::BIGINT as bound,
    'ns' as unit,
    -- The run that should have run it.
    c.run_span_id as cause_span_id,
    'library' as fault,
    case
        when c.dropped then 'the registration was dropped: no run was going on'
        when c.started_ns is null and r.is_open then 'the run is still open'
        when c.started_ns is null and c.registered_ns > r.end_ns then 'registered after the end of its run'
    end as note
from cleanups c
left join units g on g.resource_id = c.resource_id and g.span_id = c.registrar_span_id
left join units r on r.resource_id = c.resource_id and r.span_id = c.run_span_id
where c.unregistered_ns is null and coalesce(g.span_id, r.span_id) is not null
    -- Outside of a run nobody is bound to run it, unless the registration itself was lost.
    and (r.span_id is not null or c.dropped)
