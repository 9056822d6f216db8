-- Units, where they hang, and what their ancestors did.

-- One row a process that Spanproof recorded: how far its trace is known.
create table recordings (
    -- The recording.
    recording_id VARCHAR,
    -- The process.
    resource_id INTEGER,
    -- Process id.
    pid BIGINT,
    -- Time of the last tick, on the monotonic clock; null: no tick was read.
    tick_ns BIGINT,
    -- Highest time of the virtual clock at the last tick; null: no virtual loop.
    virtual_tick_ns BIGINT,
    -- Highest seq that was given at the last tick.
    tick_seq BIGINT,
    -- Units open at the last tick.
    open_units BIGINT,
    -- `process`: the process ended; `session`: recording stopped, the program may have gone on; null: torn.
    ended_by VARCHAR,
    -- The recording has no end: killed, or the end of the file is missing.
    torn BOOLEAN,
    -- Records that were lost: full disk, dropped parts.
    dropped BIGINT,
    -- Closed parts that were deleted to stay below `--max-bytes`.
    parts_deleted BIGINT,
    -- End of knowledge on the monotonic clock: the last tick, or, without one, the latest time that was read.
    end_ns BIGINT,
    -- End of knowledge on the virtual clock, likewise; null: no virtual loop.
    virtual_end_ns BIGINT
);

-- One row a unit: whatever can be cancelled on its own. Spans of other programs are here too, with a null `unit`.
create table units (
    -- The recording; null: not recorded by Spanproof.
    recording_id VARCHAR,
    -- The process.
    resource_id INTEGER,
    -- The file that its record was read from.
    file_id INTEGER,
    -- Trace.
    trace_id VARCHAR,
    -- Span.
    span_id VARCHAR,
    -- The unit that it is inside of; null: none. The recorder's own word where an application's span stands between.
    parent_span_id VARCHAR,
    -- program, pipeline, stage, subpipeline, task, cleanup, scope; null: a span of another program.
    unit VARCHAR,
    -- Name of the span, for example `stage fetch`.
    name VARCHAR,
    -- The same: what findings call it.
    subject VARCHAR,
    -- The nearest pipeline, itself included; null: outside of any run.
    run_id VARCHAR,
    -- The topmost unit above it, itself included.
    root_id VARCHAR,
    -- Units above it; 0: a root.
    depth INTEGER,
    -- Creation.
    start_ns BIGINT,
    -- End; null: no end was recorded.
    end_ns BIGINT,
    -- Order of its creation.
    start_seq BIGINT,
    -- Order of its end; null: no end was recorded.
    end_seq BIGINT,
    -- First step; null: it never ran, or it is no stage or task.
    started_ns BIGINT,
    -- Order of the first step.
    started_seq BIGINT,
    -- End of knowledge on its clock: nothing later is known of it.
    known_until_ns BIGINT,
    -- Its end, or, when open, the end of knowledge.
    until_ns BIGINT,
    -- Order of its end; 2^62 when open.
    until_seq BIGINT,
    -- No end was recorded.
    is_open BOOLEAN,
    -- Its recording has no end.
    torn BOOLEAN,
    -- How its recording ended: process, session; null: torn, or not recorded by Spanproof.
    ended_by VARCHAR,
    -- Clock of its times: monotonic or virtual.
    clock VARCHAR,
    -- Number of the event loop in the process, from 1.
    loop_id BIGINT,
    -- What its own code did: completed, failed, timed_out, cancelled, skipped, short_circuited, unfinished.
    outcome VARCHAR,
    -- Qualified name of the exception that ended it.
    error_type VARCHAR,
    -- Text of that exception, cut at 1,000 characters.
    error_message VARCHAR,
    -- What was reported of it, by the channel nearest to the caller.
    reported_outcome VARCHAR,
    -- That channel.
    reported_by VARCHAR,
    -- Attempt of the stage in this run, from 1.
    attempt BIGINT,
    -- Name of the stage.
    stage VARCHAR,
    -- Stages that it depends on.
    dependencies VARCHAR[],
    -- Name of the pipeline.
    pipeline VARCHAR,
    -- Stages that the pipeline declares.
    pipeline_stages VARCHAR[],
    -- Edges that the pipeline declares, `dependency>stage`.
    pipeline_edges VARCHAR[],
    -- The library's own id of the run.
    run_uuid VARCHAR,
    -- The last armed deadline; null: none was armed.
    deadline_ns BIGINT,
    -- The timeout that was armed; 0 or less: due at once.
    timeout_ns BIGINT,
    -- armed, expired or disarmed.
    deadline_state VARCHAR,
    -- The scope keeps cancellations from outside off what runs in it.
    shielded BOOLEAN,
    -- The unit that was running when this one was created; null: none was.
    creator_span_id VARCHAR,
    -- The unit of the TaskGroup that owns this task.
    group_owner_span_id VARCHAR,
    -- Number of that TaskGroup in the process.
    group_id BIGINT,
    -- Declared by spanproof.detached() to outlive its creator.
    detached BOOLEAN,
    -- The main task of asyncio.run.
    is_main BOOLEAN,
    -- User code added a done-callback to the task.
    user_done_callback BOOLEAN,
    -- File of its code.
    code_file VARCHAR,
    -- Line of its code.
    code_line BIGINT,
    -- Qualified name of its function.
    code_function VARCHAR,
    -- Time of the first request on it.
    first_request_ns BIGINT,
    -- Order of the first request on it.
    first_request_seq BIGINT,
    -- Time of the first delivery to it, borrowed ones included.
    first_delivery_ns BIGINT,
    -- Order of the first delivery to it.
    first_delivery_seq BIGINT,
    -- G: how late an answer may be. The larger of 10 ms and twice the longest stretch for which its loop stood still during its life.
    grace_ns BIGINT,
    -- Registration that a cleanup unit runs.
    cleanup_id BIGINT,
    -- Registry of that registration.
    cleanup_registry_id BIGINT,
    -- Unit that registered it.
    cleanup_registrar_span_id VARCHAR,
    -- Trace of the unit from which this trace was started; null: this unit begins no trace, or nothing started it.
    origin_trace_id VARCHAR,
    -- Span of the unit from which this trace was started.
    origin_span_id VARCHAR,
    -- 0 unset, 1 ok, 2 error.
    status_code INTEGER,
    -- Events of it that the recorder's limit cut.
    events_dropped BIGINT,
    -- Name of the scenario that was run.
    scenario VARCHAR
);

-- One row a unit: its place in its trace, and the earliest and latest that its strict ancestors in its process did. Units on a cycle of
-- parents are not here (see `problems`). A unit may have started after what an ancestor did: compare with its own start.
create table tree (
    -- Trace.
    trace_id VARCHAR,
    -- Span.
    span_id VARCHAR,
    -- Units above it; 0: a root.
    depth INTEGER,
    -- The topmost unit above it, itself included.
    root_id VARCHAR,
    -- The nearest pipeline, itself included; null: outside of any run.
    run_id VARCHAR,
    -- The unit that it is inside of; null: a root, or the parent was not read.
    parent_span_id VARCHAR,
    -- Kind of that unit; null: no parent, or a span of another program.
    parent_unit VARCHAR,
    -- Earliest end of an ancestor whose outcome is cancelled or timed_out.
    anc_abort_end_ns BIGINT,
    -- Order of that end.
    anc_abort_end_seq BIGINT,
    -- That ancestor.
    anc_abort_span_id VARCHAR,
    -- Latest end of an ancestor whose outcome is cancelled or timed_out.
    anc_abort_last_ns BIGINT,
    -- Order of that end.
    anc_abort_last_seq BIGINT,
    -- That ancestor.
    anc_abort_last_span_id VARCHAR,
    -- Earliest live request on an ancestor, withdrawn ones included.
    anc_request_ns BIGINT,
    -- Order of that request.
    anc_request_seq BIGINT,
    -- That ancestor.
    anc_request_span_id VARCHAR,
    -- Earliest own (not borrowed) delivery to an ancestor.
    anc_delivery_ns BIGINT,
    -- Order of that delivery.
    anc_delivery_seq BIGINT,
    -- That ancestor.
    anc_delivery_span_id VARCHAR,
    -- Earliest armed deadline of an ancestor.
    anc_deadline_ns BIGINT,
    -- That ancestor.
    anc_deadline_span_id VARCHAR,
    -- Latest armed deadline of an ancestor.
    anc_deadline_max_ns BIGINT
);
