-- What happened to units, one table a subject. All are read from `events`; `file`, `line` and `function` name the line that did it, or that was waiting.

-- One row a request on a unit: somebody asked it to stop. A request stands on the addressee and on every open unit inside it in the same task.
create table requests (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- Number of the request in the process: the same on every unit that it stands on.
    request_id BIGINT,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- Who asked: timer, task_cancel, taskgroup, gather, wait_for, runner, sigint, anyio, stageflow, library.
    mechanism VARCHAR,
    -- Unit that was running when cancel() was called; null: none.
    by_span_id VARCHAR,
    -- Request from which this one was propagated; null: it was not.
    via BIGINT,
    -- Unit that was asked.
    addressee_span_id VARCHAR,
    -- Message of cancel(msg).
    message VARCHAR,
    -- Task.cancelling() after the call.
    count BIGINT,
    -- The task was not done.
    live BOOLEAN,
    -- Group member whose failure made the group ask.
    member_span_id VARCHAR,
    -- The task had not made its first step.
    before_first_step BOOLEAN,
    -- Turn of the loop in which it was asked, counted since the loop was first seen; null: the loop does not tell.
    turn BIGINT,
    -- File.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a delivery: CancelledError entered a unit's own code.
create table deliveries (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- Nobody asked this task: something that it awaited was cancelled.
    borrowed BOOLEAN,
    -- Requests that it answers; empty when borrowed.
    requests BIGINT[],
    -- Turn of the loop in which it came; null: the loop does not tell.
    turn BIGINT,
    -- File of the line that was waiting.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a request on a unit, with what became of it.
create table cancellations (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- Number of the request in the process.
    request_id BIGINT,
    -- When somebody asked.
    time_ns BIGINT,
    -- Order of the request.
    seq BIGINT,
    -- Who asked: timer, task_cancel, taskgroup, gather, wait_for, runner, sigint, anyio, stageflow, library.
    mechanism VARCHAR,
    -- Unit that was running when cancel() was called; null: none.
    by_span_id VARCHAR,
    -- Request from which this one was propagated; null: it was not.
    via BIGINT,
    -- Unit that was asked.
    addressee_span_id VARCHAR,
    -- Message of cancel(msg).
    message VARCHAR,
    -- Task.cancelling() after the call.
    count BIGINT,
    -- The task was not done.
    live BOOLEAN,
    -- Group member whose failure made the group ask.
    member_span_id VARCHAR,
    -- The task had not made its first step.
    before_first_step BOOLEAN,
    -- Turn of the loop in which it was asked, counted since the loop was first seen; null: the loop does not tell.
    turn BIGINT,
    -- File of the line that asked.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR,
    -- First delivery to this unit that answers it; null: none.
    delivered_ns BIGINT,
    -- Order of that delivery.
    delivered_seq BIGINT,
    -- Turn of the loop in which it came.
    delivered_turn BIGINT,
    -- uncancel() before delivery.
    withdrawn_ns BIGINT,
    -- Order of it.
    withdrawn_seq BIGINT,
    -- It ended lawfully inside this unit.
    consumed_ns BIGINT,
    -- Order of it.
    consumed_seq BIGINT,
    -- By what: timeout, taskgroup, runner, anyio, uncancel.
    consumed_by VARCHAR,
    -- This unit had the delivery, did not consume it, and did not end by CancelledError.
    swallowed_ns BIGINT,
    -- Order of it.
    swallowed_seq BIGINT,
    -- returned, raised or went_on.
    swallowed_how VARCHAR,
    -- End of the unit; null: no end was recorded.
    end_ns BIGINT,
    -- Order of its end.
    end_seq BIGINT,
    -- What the unit's own code did.
    outcome VARCHAR
);

-- One row a configured deadline of a unit.
create table deadlines (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- Number of the deadline in the process; null: known from the unit's attributes alone.
    deadline_id BIGINT,
    -- When it was set.
    set_ns BIGINT,
    -- Order of the setting.
    set_seq BIGINT,
    -- The first armed deadline; null: none was armed.
    first_at_ns BIGINT,
    -- The last armed deadline; null: none was armed, or it was taken off.
    at_ns BIGINT,
    -- The timeout that was armed last; 0 or less: due at once.
    timeout_ns BIGINT,
    -- Configured value as it was written.
    configured VARCHAR,
    -- Where the value came from.
    source VARCHAR,
    -- timeout, timeout_at, wait_for, stageflow, anyio.
    mechanism VARCHAR,
    -- How often it was moved.
    extended INTEGER,
    -- When it was set or moved last. A deadline that lay in the past then was due at this moment.
    armed_ns BIGINT,
    -- When its timer ran; null: it did not.
    expired_ns BIGINT,
    -- Order of it.
    expired_seq BIGINT,
    -- When the scope was left; null: it was not.
    disarmed_ns BIGINT,
    -- Order of it.
    disarmed_seq BIGINT,
    -- State of the scope when it was left, else the unit's `deadline_state`.
    state VARCHAR,
    -- File of the line that set it.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a pair of a waiting unit and a unit that it waits for.
create table awaits (
    -- Trace of the waiting unit.
    trace_id VARCHAR,
    -- The waiting unit.
    span_id VARCHAR,
    -- The unit that it waits for; perhaps in another trace.
    target_span_id VARCHAR,
    -- await, gather, wait, as_completed, shield, taskgroup.
    how VARCHAR,
    -- Number of the group; one gather, wait or TaskGroup is one group.
    group_id BIGINT,
    -- When the wait began.
    start_ns BIGINT,
    -- Order of its beginning.
    start_seq BIGINT,
    -- When it was over; null: still waiting.
    end_ns BIGINT,
    -- Order of its end.
    end_seq BIGINT,
    -- Of wait and as_completed: done (what it waited for), error (of a member), timeout (its own), raised (out of the wait itself); else null.
    ended_by VARCHAR,
    -- File of the waiting line.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a registered cleanup callback, dropped registrations included.
create table cleanups (
    -- The process.
    resource_id INTEGER,
    -- Trace of the run that owns the registry; of the registrar when the run was not read.
    trace_id VARCHAR,
    -- Number of the registration in the process.
    cleanup_id BIGINT,
    -- Number of the registry in the process.
    registry_id BIGINT,
    -- Name of the callback.
    name VARCHAR,
    -- Run that owns the registry.
    run_span_id VARCHAR,
    -- Unit that registered it.
    registrar_span_id VARCHAR,
    -- Unit that runs it; null: not started.
    runner_span_id VARCHAR,
    -- When it was registered; null: only later records were read.
    registered_ns BIGINT,
    -- Order of the registration.
    registered_seq BIGINT,
    -- When it was taken out again; null: it was not.
    unregistered_ns BIGINT,
    -- Order of it.
    unregistered_seq BIGINT,
    -- The registration was dropped without a word.
    dropped BOOLEAN,
    -- When the callback was started; null: it was not.
    started_ns BIGINT,
    -- Order of it.
    started_seq BIGINT,
    -- When it returned.
    finished_ns BIGINT,
    -- Order of it.
    finished_seq BIGINT,
    -- When it raised, timed out or was cut.
    failed_ns BIGINT,
    -- Order of it.
    failed_seq BIGINT,
    -- raised, timed_out or cancelled.
    failure VARCHAR,
    -- Type of its error.
    error_type VARCHAR,
    -- Text of its error.
    error VARCHAR,
    -- Time that the callback was given.
    budget_ns BIGINT,
    -- Its cleanup unit; null: not started.
    cleanup_span_id VARCHAR,
    -- File of the line that registered it.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a report: what a channel said of a unit.
create table reports (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- result, after, on_error, exception, event, caller.
    channel VARCHAR,
    -- Outcome that the channel told.
    outcome VARCHAR,
    -- The library's own word for it.
    status VARCHAR,
    -- Type of the error that it carried.
    error_type VARCHAR,
    -- Text of the error that it carried, cut at 1,000 characters.
    error VARCHAR,
    -- Stage that the report names.
    stage VARCHAR,
    -- Stages whose results came along.
    results VARCHAR[],
    -- Interceptor that answered in the stage's place.
    short_cut_by VARCHAR,
    -- The result carried data.
    has_data BOOLEAN
);

-- One row a cooperative flag that was set.
create table flags (
    -- Trace of the unit that the event stands on.
    trace_id VARCHAR,
    -- That unit.
    span_id VARCHAR,
    -- Number of the flag in the process.
    flag_id BIGINT,
    -- Run that was flagged.
    run_span_id VARCHAR,
    -- Unit that set it.
    by_span_id VARCHAR,
    -- mark_canceled, token or cancel_with_children.
    mechanism VARCHAR,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- First read of it that was true, by any unit; null: nobody looked.
    first_read_ns BIGINT,
    -- Order of that read.
    first_read_seq BIGINT,
    -- Unit that read it.
    first_read_by_span_id VARCHAR,
    -- File.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a stretch for which a loop stood still.
create table blocked (
    -- Trace of the unit that ran.
    trace_id VARCHAR,
    -- The unit that ran.
    span_id VARCHAR,
    -- The process.
    resource_id INTEGER,
    -- Number of the loop.
    loop_id BIGINT,
    -- When it was over.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- How long the loop stood still.
    duration_ns BIGINT,
    -- CPU time of the loop's thread meanwhile; null: not measurable.
    cpu_ns BIGINT,
    -- How long the loop's thread waited for a processor meanwhile; null: not measurable.
    starved_ns BIGINT,
    -- The watchdog was late too, or the thread had no processor for most of it: the machine stood still, or was too busy.
    machine_stalled BOOLEAN,
    -- File.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row an event loop, from the program's events.
create table loops (
    -- The recording.
    recording_id VARCHAR,
    -- The process.
    resource_id INTEGER,
    -- Number of the loop in the process, from 1.
    loop_id BIGINT,
    -- When asyncio.run began.
    opened_ns BIGINT,
    -- Order of it.
    opened_seq BIGINT,
    -- When its main task had ended and the teardown began; null: not yet.
    closing_ns BIGINT,
    -- Order of it.
    closing_seq BIGINT,
    -- When loop.stop() was called first; null: it was not.
    stopped_ns BIGINT,
    -- Order of it.
    stopped_seq BIGINT,
    -- When the loop was closed; null: not yet.
    closed_ns BIGINT,
    -- Order of it.
    closed_seq BIGINT
);

-- One row a pipeline: whether, when and from where its run was aborted.
create table runs (
    -- Trace.
    trace_id VARCHAR,
    -- The pipeline.
    span_id VARCHAR,
    -- Name of the pipeline.
    pipeline VARCHAR,
    -- Start.
    start_ns BIGINT,
    -- End; null: no end was recorded.
    end_ns BIGINT,
    -- What its own code did.
    outcome VARCHAR,
    -- It ended other than completed; or it is open, and was cancelled or has sent cancels to its stages.
    aborted BOOLEAN,
    -- The earliest of its own delivery, the first cancel that it sends to its stages, its first registered cleanup that started, its end; null: not aborted.
    abort_at_ns BIGINT,
    -- Order of it.
    abort_at_seq BIGINT,
    -- `outside` when its own delivery is the earliest cause, else `inside`; null: not aborted.
    abort_from VARCHAR,
    -- Outside: the unit that asked for it, or whose timer did. Inside: the stage whose end made it stop. Null: not known.
    abort_cause_span_id VARCHAR
);

-- One row a probe of the recorder that failed and was switched off.
create table faults (
    -- The process.
    resource_id INTEGER,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- The probe.
    probe VARCHAR,
    -- Type of its exception.
    error_type VARCHAR,
    -- Text of its exception.
    error VARCHAR
);
