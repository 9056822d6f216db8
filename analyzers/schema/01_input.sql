-- What was read, record by record. Everything else is derived from these tables by `derive/*.sql`.
-- Times called `*_ns` are nanoseconds since the Unix epoch, on the clock of the unit (`units.clock`). A null end: no end was recorded.

-- One row a file that was read.
create table files (
    -- Number of the file, in reading order, from 1.
    file_id INTEGER not null,
    -- The path as it was given or found; `-` is standard input.
    path VARCHAR not null,
    -- SHA-256 of the bytes of the file, in hex.
    sha256 VARCHAR,
    -- Size of the file.
    bytes BIGINT,
    -- How it is written: `otlp-json`, `otlp-proto`, `jaeger-json`, `zipkin-v2`, `zipkin-v1`, `otel-console`, `chrome`, `parquet`; null: refused.
    format VARCHAR,
    -- Version of Spanproof's trace format (`spanproof.format`); null in files of others.
    format_version INTEGER,
    -- Span records read from it, before repeated records of one span are merged.
    spans BIGINT,
    -- Rows of `problems` about it.
    problems BIGINT
);

-- One row a process: what the lines of its files say about it. Resources of other programs: one row for each that differs.
create table resources (
    -- Number of the resource, from 1.
    resource_id INTEGER not null,
    -- The first file that has it.
    file_id INTEGER,
    -- The recording (`spanproof.recording_id`), shared by the files and processes of one recording; null: not recorded by Spanproof.
    recording_id VARCHAR,
    -- Process id.
    pid BIGINT,
    -- Name of the program.
    service_name VARCHAR,
    -- Name of the scenario that was run, with its variant; null: no scenario.
    scenario VARCHAR,
    -- Version of Python.
    python VARCHAR,
    -- Name of the Python implementation.
    runtime VARCHAR,
    -- Version of Spanproof's trace format; null: not recorded by Spanproof.
    format INTEGER,
    -- Version of Spanproof that recorded it.
    recorder VARCHAR,
    -- Expected findings of the scenario, one JSON object a text.
    expect VARCHAR[],
    -- Each seam of the recorder and whether it held (`name=held`, `name=absent: why`, `name=lost: why`). Of several lines the worst word counts.
    seams VARCHAR[],
    -- Versions of libraries that matter, `name==version`.
    libraries VARCHAR[],
    -- All attributes, of the last line read; lists and maps as JSON text.
    attributes MAP(VARCHAR, VARCHAR),
    -- What each attribute was, a letter each in their order: `s` text, `i` integer, `d` double, `b` boolean, `y` bytes (base64 text), `j` a list or map; null or empty: all are text, or it is not known.
    kinds VARCHAR
);

-- One row a span: of repeated records of one span, that with the highest `rev`.
create table spans (
    -- The process.
    resource_id INTEGER,
    -- The file that the record was read from.
    file_id INTEGER,
    -- Its line, from 1; in a document that is not JSON Lines the line where the document begins.
    line BIGINT,
    -- Number of the record in reading order, from 1: joins it with its events and links.
    record BIGINT,
    -- 32 lower hex digits.
    trace_id VARCHAR,
    -- 16 lower hex digits.
    span_id VARCHAR,
    -- Parent as recorded; null: none. `units.parent_span_id` is the parent that counts.
    parent_span_id VARCHAR,
    -- Name of the span.
    name VARCHAR,
    -- OpenTelemetry's kind: internal, server, client, producer, consumer; null: not said.
    span_kind VARCHAR,
    -- Start.
    start_ns BIGINT,
    -- End; null: no end was recorded.
    end_ns BIGINT,
    -- Start, for people.
    start_time TIMESTAMP_NS,
    -- End, for people.
    end_time TIMESTAMP_NS,
    -- 0 unset, 1 ok, 2 error.
    status_code INTEGER,
    -- Text of the status.
    status_message VARCHAR,
    -- W3C trace state.
    trace_state VARCHAR,
    -- W3C trace flags and OTLP's remote bits.
    flags BIGINT,
    -- Revision (`spanproof.rev`); 0 in files of others.
    rev BIGINT,
    -- All attributes; lists and maps as JSON text.
    attributes MAP(VARCHAR, VARCHAR),
    -- What each attribute was, a letter each in their order: `s` text, `i` integer, `d` double, `b` boolean, `y` bytes (base64 text), `j` a list or map; null or empty: all are text, or it is not known.
    kinds VARCHAR,
    -- Attributes that the writer dropped.
    dropped_attributes BIGINT,
    -- Events that the writer dropped.
    dropped_events BIGINT,
    -- Links that the writer dropped.
    dropped_links BIGINT
);

-- One row an event of a span.
create table events (
    -- Record of the span that it stands on.
    record BIGINT,
    -- Trace of the span.
    trace_id VARCHAR,
    -- Span.
    span_id VARCHAR,
    -- Place within the span, from 0.
    ordinal INTEGER,
    -- Order among everything in the process; null in files of others.
    seq BIGINT,
    -- Name of the event.
    name VARCHAR,
    -- When.
    time_ns BIGINT,
    -- When, for people.
    time TIMESTAMP_NS,
    -- All attributes; lists and maps as JSON text.
    attributes MAP(VARCHAR, VARCHAR),
    -- What each attribute was, a letter each in their order: `s` text, `i` integer, `d` double, `b` boolean, `y` bytes (base64 text), `j` a list or map; null or empty: all are text, or it is not known.
    kinds VARCHAR
);

-- One row a link of a span.
create table links (
    -- Record of the span that it stands on.
    record BIGINT,
    -- Trace of the span.
    trace_id VARCHAR,
    -- Span.
    span_id VARCHAR,
    -- Place within the span, from 0.
    ordinal INTEGER,
    -- Trace that the link points to.
    linked_trace_id VARCHAR,
    -- Span that the link points to.
    linked_span_id VARCHAR,
    -- All attributes; lists and maps as JSON text.
    attributes MAP(VARCHAR, VARCHAR),
    -- What each attribute was, a letter each in their order: `s` text, `i` integer, `d` double, `b` boolean, `y` bytes (base64 text), `j` a list or map; null or empty: all are text, or it is not known.
    kinds VARCHAR
);

-- What was odd, and what was done about it. The reader never drops or repairs anything without a row here.
create table problems (
    -- The file; null: the traces as a whole.
    file_id INTEGER,
    -- Its path.
    path VARCHAR,
    -- Line, from 1; null: not about one line.
    line BIGINT,
    -- Byte from the beginning of the file, from 0; null: not known.
    byte_offset BIGINT,
    -- What is odd.
    what VARCHAR not null,
    -- What was done.
    done VARCHAR not null,
    -- `info`: nothing is missing; `notice`: something is odd, nothing is missing; `data_loss`: something that was recorded or should have been is missing; `error`: a file could not be read.
    severity VARCHAR not null
);
