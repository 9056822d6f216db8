-- id: L04
-- name: references-kept
-- severity: error
-- says: Something that a repetition should have left behind for good is still alive after a collection.
-- rule: what is watched in a round is gone when its result was dropped and the garbage was collected
-- why: Something still refers to it, and to all that it refers to: the context of a run, its results, the frames of an exception. It adds up.
-- judges: round in which objects were watched
-- message: {subject} left objects alive though its result was dropped and the garbage collected: {note}
-- fix: Ask `gc.get_referrers()` of the object: a list, a cache, a callback, a context variable or an exception that is kept holds it. Drop it when the
--   run ends, or refer to it weakly.
-- bad:
--   self.last_error = error                  # keeps the traceback, its frames, and all of their variables
-- good:
--   self.last_error = str(error)
-- covers: 2.2 Memory Leak; 5.2 No memory growth during timeout stress tests; 6.5 Memory Pressure
-- certain given: whoever repeats it has dropped what it got, and keeps none of what it watches
-- cannot see: objects that were not watched, or that cannot be referred to weakly
-- unknown when: objects were watched, and whether they are alive was not recorded
-- torn: certain
-- clock: any
-- scope: trace
-- samples: needed
-- needs: none
-- fault: code
select
    -- The unit on which the round stands; the subject is that unit and the name of the series.
    r.trace_id,
    r.span_id,
    u.subject || ' ' || r.name as subject,
    case when r.alive is not null then r.alive <= 0 end as ok,
    -- Objects that are alive.
    r.alive as measured,
    0 as bound,
    'objects' as unit,
    null::VARCHAR as cause_span_id,
    'code' as fault,
    case
        when r.alive is null then 'whether the watched objects are alive was not recorded'
        else r.alive || ' of ' || r.watched || ' that were watched in round ' || r.round
    end as note
from rounds r
join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
where r.watched > 0
