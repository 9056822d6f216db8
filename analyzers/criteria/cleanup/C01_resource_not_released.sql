-- id: C01
-- name: resource-not-released
-- severity: error
-- says: A connection, file, socket or other resource was taken and not given back by the time it had to be.
-- rule: who takes a resource gives it back before it ends, or hands it to somebody who does
-- why: Resources run out. Each one that is left open stays so until the process ends: files cannot be replaced, connections are refused,
--   data that was not flushed is lost.
-- judges: resource that was taken: declared by `spanproof.resource`, or an open file or socket that was seen
-- message: {subject} was not given back in time: {note}
-- fix: Take it with `with` or `async with`, which gives it back also when a timeout or a cancellation leaves the block. Where it has to live
--   longer than the task that takes it, let that task's owner take it, or hand it over (`transfer` of a declared one).
-- bad:
--   connection = await connect()
--   await send(connection, data)            # a timeout here leaves the connection open
--   await connection.close()
-- good:
--   async with connect() as connection:
--       await send(connection, data)
-- covers: H4; H7; 2.2 Cleanup Failure; 5.1 no resource leaks after cancellation; 6.3 Resource Cleanup; 6.3 Context Manager Cleanup; 6.5 Resource Exhaustion
-- certain given: each release of a declared resource goes through its object, and the recording kept every event of the units that it names
-- cannot see: what is neither declared nor a Python file or socket: database handles of C libraries, sockets of
--   uvloop; who closed a file after the end of the outermost unit around the one that opened it; that a file or socket was handed over
-- unknown when: the owner is still open, or the trace is cut within the grace after its end; it was handed to a task that was not recorded;
--   events of its unit were cut; a socket may yet be closed by a pool of the main task, which is still at work
-- torn: certain
-- clock: any
-- scope: recording
-- needs: resource, task
-- fault: library where the line that took it is installed in site-packages; else code
with
taken as (
    select h.* replace (nullif(h.how, '') as how), u.subject as taker, u.root_id, coalesce(s.host_id, h.span_id) as taker_id, coalesce(u.events_dropped, 0) > 0 as cut,
        coalesce(g.dropped, 0) > 0 as lost
    from holdings h
    join units u on u.trace_id = h.trace_id and u.span_id = h.span_id
    left join hosts s on s.trace_id = h.trace_id and s.span_id = h.span_id
    left join recordings g on g.resource_id = h.resource_id
    where h.acquired_seq is not null
),
-- Every hand-over of what was declared, and who had it before.
moves as (
    select t.resource_id, t.holding_id, e.seq, e.time_ns, e.attributes['spanproof.resource.to_span_id'] as to_id
    from taken t
    join events e on try_cast(e.attributes['spanproof.resource.id'] as BIGINT) = t.holding_id
    join units b on b.trace_id = e.trace_id and b.span_id = e.span_id and b.resource_id = t.resource_id
    where t.transferred_seq is not null and e.name = 'resource.transferred'
    union
    -- The last one, should its event be cut.
    select resource_id, holding_id, transferred_seq, transferred_ns, to_span_id from taken where transferred_seq is not null
),
hands as (
    select m.resource_id, m.holding_id, m.seq, m.time_ns, m.to_id,
        coalesce(lag(m.to_id) over (partition by m.resource_id, m.holding_id order by m.seq), t.taker_id) as from_id
    from moves m
    join taken t on t.resource_id = m.resource_id and t.holding_id = m.holding_id
),
handed as (
    select h.resource_id, h.holding_id,
        -- Handed over only when who had it had been gone for longer than the grace: nobody had it in between.
        bool_or(coalesce(h.time_ns > f.end_ns + f.grace_ns, false)) as late,
        last(h.to_id order by h.seq) as to_id
    from hands h
    left join units f on f.resource_id = h.resource_id and f.span_id = h.from_id
    group by h.resource_id, h.holding_id
),
-- The main task of each loop: what its pools keep open is closed by its end.
mains as (
    select u.resource_id, u.loop_id, u.span_id, u.end_ns, u.end_seq, u.settled, u.grace_ns
    from settled_units u
    where u.is_main
    qualify row_number() over (partition by u.resource_id, u.loop_id order by u.until_seq desc) = 1
),
-- By whose end it has to be given back: the owner of what was declared, the root of what was seen.
due as (
    select
        t.*, o.span_id as owner_id, o.subject as owner, o.is_open, o.settled, o.end_ns, o.end_seq, o.grace_ns, o.known_until_ns,
        coalesce(o.ended_by = 'process', false) as over,
        t.cut or coalesce(o.events_dropped, 0) > 0 as incomplete,
        t.kind = 'declared' as declared,
        t.transferred_seq is not null and d.to_id is null as handed_away,
        coalesce(d.late, false) as handed_late,
        m.span_id as main_id, m.end_ns as main_end_ns, m.settled as main_settled, m.grace_ns as main_grace_ns, l.closed_seq,
        coalesce(o.is_main, false) as by_main
    from taken t
    left join handed d on d.resource_id = t.resource_id and d.holding_id = t.holding_id
    join settled_units o
        on o.resource_id = t.resource_id
        and o.span_id = case when t.kind = 'declared' then coalesce(d.to_id, t.taker_id) else t.root_id end
    left join loops l on l.resource_id = o.resource_id and l.loop_id = o.loop_id
    left join mains m
        on t.kind = 'socket' and m.resource_id = t.resource_id and m.loop_id = o.loop_id and m.span_id <> o.span_id
        and coalesce(m.end_seq > o.end_seq, true)
),
timed as (
    select
        d.*,
        case
            -- What closes a socket that nobody closed is no release by its root.
            when not d.declared and d.how = 'collected' and d.released_seq > d.end_seq then false
            else coalesce(d.released_ns <= d.end_ns + d.grace_ns, d.is_open and d.released_ns is not null)
        end as in_time,
        -- A pool of the main task's kept the connection, and the main task closed it.
        d.main_id is not null and d.how = 'closed' and coalesce(d.released_ns <= d.main_end_ns + d.main_grace_ns, true)
            and coalesce(d.released_seq <= d.closed_seq, true) as pooled,
        -- That a file is closed is noticed when somebody looks, at last when the recording ends. Closed it was, nobody knows when.
        d.kind = 'file' and d.how = 'closed' and coalesce(d.released_seq > d.closed_seq, false) as found_closed,
        -- It died, open or closed, when all was over.
        d.kind = 'file' and d.how is null and d.by_main and coalesce(d.released_seq > d.closed_seq, false) as found_gone
    from due d
),
judged as (
    select
        t.*,
        case
            when t.handed_late then false
            when t.in_time or t.pooled or t.found_closed then true
            when t.found_gone then null
            when t.handed_away then null
            when t.released_seq is null and (t.incomplete or t.lost) then null
            when t.is_open and not t.settled then null
            when t.released_seq is null and not t.over and t.known_until_ns <= t.end_ns + t.grace_ns then null
            when t.main_id is not null and t.released_seq is null and t.main_end_ns is null and not t.main_settled then null
            else false
        end as ok
    from timed t
),
-- A registered cleanup of the owner's that failed may be what should have given it back.
failed as (
    select resource_id, registrar_span_id, arg_min(cleanup_span_id, failed_seq) as cleanup_id
    from cleanups
    where failed_ns is not null and registrar_span_id is not null
    group by resource_id, registrar_span_id
)
select
    -- The unit that took it; the subject is that unit and the resource's name, of what was only seen its kind.
    j.trace_id,
    j.span_id,
    j.taker || ' ' || case when j.declared then coalesce(j.name, 'resource') else j.kind end as subject,
    j.ok,
    -- How long after its owner's end it was given back; never: until nothing more is known.
    greatest(coalesce(j.released_ns, j.known_until_ns) - coalesce(j.end_ns, j.known_until_ns), 0) as measured,
    -- The grace.
    j.grace_ns as bound,
    'ns' as unit,
    -- The cleanup of the owner's that failed, else the owner; of what was seen the root.
    coalesce(f.cleanup_id, j.owner_id) as cause_span_id,
    case when j.file like '%/site-packages/%' then 'library' else 'code' end as fault,
    case
        when j.ok and j.pooled and not j.in_time then 'kept open beyond ' || j.owner || ' and closed while the main task was at work'
        when j.ok and j.found_closed and not j.in_time then 'closed after the end of ' || j.owner || '; when exactly was not seen'
        when j.ok and j.how = 'collected' then 'the garbage collector closed it in time'
        when j.ok then null
        when j.ok is null and j.handed_away then 'it was handed to a task that was not recorded'
        when j.ok is null and j.found_gone then 'it was gone when the loop was closed; whether anybody had closed it was not seen'
        when j.ok is null and (j.incomplete or j.lost) then 'events were cut, its release may be among them'
        when j.ok is null and j.is_open then j.owner || ' is still open'
        when j.ok is null and j.main_id is not null then 'the main task may close it yet'
        when j.ok is null then 'the trace is cut within the grace after the end of ' || j.owner
        else concat(
            case
                when j.handed_late then 'it was handed over only when who had it had ended'
                when j.released_seq is null and j.is_open then j.owner || ' never ended, and it was never given back'
                when j.released_seq is null then j.owner || ' ended, and it was never given back'
                when j.how = 'collected' then j.owner || ' ended, and later the garbage collector closed it'
                else j.owner || ' had ended before it was given back'
            end,
            '; it was taken' || coalesce(' in ' || j.function, '') || ' at ' || parse_filename(j.file) || ':' || j.line
        )
    end as note
from judged j
left join failed f on f.resource_id = j.resource_id and f.registrar_span_id = coalesce(j.to_span_id, j.taker_id)
