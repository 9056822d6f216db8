-- What units held, opened and handed over: resources, async generators, work in threads, checkpoints, outputs.

-- One row a resource that was taken: declared by `spanproof.resource`, or a file or socket that the recorder saw.
create table holdings (
    -- The process.
    resource_id INTEGER,
    -- Trace of the unit that took it.
    trace_id VARCHAR,
    -- The unit that took it.
    span_id VARCHAR,
    -- Number of the acquisition in the process.
    holding_id BIGINT,
    -- Declared name; of what was seen, its kind and number.
    name VARCHAR,
    -- declared, file or socket.
    kind VARCHAR,
    -- When it was taken; null: only later records were read.
    acquired_ns BIGINT,
    -- Order of it.
    acquired_seq BIGINT,
    -- Unit that it was handed to last; null: it was not handed over.
    to_span_id VARCHAR,
    -- When it was handed over last.
    transferred_ns BIGINT,
    -- Order of it.
    transferred_seq BIGINT,
    -- When it was given back; null: it was not.
    released_ns BIGINT,
    -- Order of it.
    released_seq BIGINT,
    -- closed; collected: nobody closed it, the garbage collector did. Null: declared, or not given back.
    how VARCHAR,
    -- File of the line that took it.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row an async generator that made its first step.
create table generators (
    -- The process.
    resource_id INTEGER,
    -- Trace of the unit that opened it.
    trace_id VARCHAR,
    -- The unit that opened it.
    span_id VARCHAR,
    -- Number of the generator in the process.
    generator_id BIGINT,
    -- Qualified name of its function.
    name VARCHAR,
    -- When it made its first step; null: only later records were read.
    opened_ns BIGINT,
    -- Order of it.
    opened_seq BIGINT,
    -- The last unit that iterated it.
    last_span_id VARCHAR,
    -- When that unit began to.
    last_ns BIGINT,
    -- Order of it.
    last_seq BIGINT,
    -- When it ended; null: it did not.
    closed_ns BIGINT,
    -- Order of it.
    closed_seq BIGINT,
    -- Unit that ended it; null: none.
    closed_by_span_id VARCHAR,
    -- exhausted, raised, cancelled, aclose, hook or shutdown.
    how VARCHAR,
    -- File of the line that opened it.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a piece of work that was handed to a thread or to an executor.
create table threads (
    -- The process.
    resource_id INTEGER,
    -- Trace of the unit that handed it over.
    trace_id VARCHAR,
    -- The unit that handed it over.
    span_id VARCHAR,
    -- Number of the work in the process.
    thread_id BIGINT,
    -- Qualified name of its function.
    name VARCHAR,
    -- to_thread, executor or anyio.
    executor VARCHAR,
    -- Clock of these times: monotonic, also below a virtual loop.
    clock VARCHAR,
    -- When it was handed over; null: only later records were read.
    started_ns BIGINT,
    -- Order of it.
    started_seq BIGINT,
    -- When it ended; null: it did not.
    finished_ns BIGINT,
    -- Order of it.
    finished_seq BIGINT,
    -- completed, failed, or never_ran: taken out of the queue before it began.
    outcome VARCHAR,
    -- File of the line that handed it over.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row a look at a checkpoint store.
create table checkpoints (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- saved, loaded, missed: a load found none, or dropped: it was deleted, or had lived as long as it was meant to.
    what VARCHAR,
    -- Name of the checkpoint as the store knows it.
    key VARCHAR,
    -- Kind of the store.
    store VARCHAR,
    -- File.
    file VARCHAR,
    -- Line.
    line BIGINT,
    -- Function.
    function VARCHAR
);

-- One row an output that the body of a stage returned.
create table outputs (
    -- Trace of the stage.
    trace_id VARCHAR,
    -- The stage.
    span_id VARCHAR,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- The library's word for the kind of output.
    status VARCHAR,
    -- It carries data.
    has_data BOOLEAN
);

-- One row a heartbeat.
create table heartbeats (
    -- Trace of the unit.
    trace_id VARCHAR,
    -- The unit.
    span_id VARCHAR,
    -- When.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- How long after it the unit may be taken for dead; null: not said.
    timeout_ns BIGINT
);

-- One row a repetition of something that is repeated to see whether it grows or costs.
create table rounds (
    -- The process.
    resource_id INTEGER,
    -- Trace of the unit that the event stands on.
    trace_id VARCHAR,
    -- That unit.
    span_id VARCHAR,
    -- What is repeated.
    name VARCHAR,
    -- Number of the round among those of that name in the process, from 1.
    round BIGINT,
    -- When it was over.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- Memory of the process's Python objects after a collection, in bytes; null: not measured.
    memory_bytes BIGINT,
    -- Descriptors that the process has open; null: not measured.
    descriptors BIGINT,
    -- Objects that were watched in this round; null: none.
    watched BIGINT,
    -- Those of them that are alive after a collection, the results dropped.
    alive BIGINT,
    -- Time that it took; null: it is not one of a pair with and without a timeout.
    took_ns BIGINT,
    -- Of a pair: a timeout was armed and disarmed.
    armed BOOLEAN
);

-- One row a task that failed and at whose error nobody ever looked.
create table unread (
    -- Trace of the task.
    trace_id VARCHAR,
    -- The task.
    span_id VARCHAR,
    -- When that was told: when the task was collected, or the recording ended.
    time_ns BIGINT,
    -- Order.
    seq BIGINT,
    -- The task was still there when the recording stopped and the program went on: somebody may look yet.
    so_far BOOLEAN
);
