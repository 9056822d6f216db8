"""Every name that a trace can contain, with its unit and meaning: the one place where writer and reader agree.

Each constant is a name. `keys()` and `events()` say what is known of each: type, unit, where it stands, what it means, so that
the reference pages and the tests that compare writer and reader come from this module and cannot drift away from it.

Times: `*_ns` are nanoseconds. On spans and events they are on the clock named by `spanproof.clock`; both clocks are anchored to
the Unix epoch, so that all times of a file compare. Order comes from `seq`, never from a time: under a virtual clock many
events share one instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FORMAT: Final = 1
"""Version of the trace format that this build writes (`spanproof.format` on the resource)."""

SCOPE_NAME: Final = "spanproof"
"""Name of the instrumentation scope of every span that we write."""

Place = Literal["resource", "span", "event"]

_KEYS: dict[str, Key] = {}
_EVENTS: dict[str, Event] = {}


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of an attribute.

    Attributes:
        name: its name in a trace; the constants of this module are these names.
        place: where it stands: on the resource, on spans or on events.
        type: OTLP value type: text, int, float, bool, texts, ints.
        meaning: one sentence for the reference page.
        unit: `ns`, `s`, or None for what has no unit.
    """

    name: str
    place: Place
    type: str
    meaning: str
    unit: str | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Event:
    """What is known of an event: its name, one sentence for the reference page, and what it may carry beyond `seq`."""

    name: str
    meaning: str
    keys: tuple[Key, ...]

    def __str__(self) -> str:
        return self.name


def keys() -> tuple[Key, ...]:
    """All attributes, in the order of this file."""
    return tuple(_KEYS.values())


def events() -> tuple[Event, ...]:
    """All events, in the order of this file."""
    return tuple(_EVENTS.values())


def _key(name: str, place: Place, type: str, meaning: str, unit: str | None = None) -> str:
    # The constants are plain strings: a subclass of str makes every dictionary that it is a key of slower.
    _KEYS[f"{place}:{name}"] = Key(name, place, type, meaning, unit)
    return name


def _event(name: str, meaning: str, *names: str) -> str:
    _EVENTS[name] = Event(name, meaning, tuple(_KEYS[f"event:{key}"] for key in names))
    return name


# --- Values from closed lists -------------------------------------------------------------------------------------

Unit = Literal["program", "pipeline", "stage", "subpipeline", "task", "cleanup", "scope", "recording"]
"""What a span stands for; `recording` is the recorder's own record, not a unit of the program."""

Outcome = Literal["completed", "failed", "timed_out", "cancelled", "skipped", "short_circuited", "unfinished"]

Mechanism = Literal["timer", "task_cancel", "taskgroup", "gather", "wait_for", "runner", "sigint", "anyio", "stageflow", "library"]
"""Who asked: `timer` a deadline; `task_cancel` user code; `taskgroup` the abort of a TaskGroup; `gather` and `wait_for` those
functions; `runner` the teardown of `asyncio.run`; `sigint` Ctrl-C; `anyio` a cancel scope; `stageflow` the graph's own shutdown
of its stages; `library` any other library. A propagated request has the mechanism of the request that it was propagated from."""

Clock = Literal["monotonic", "virtual"]

EndedBy = Literal["process", "session"]
"""How knowledge ended: the process ended, or a session was stopped while the program went on. Absent: torn."""

# --- Resource ------------------------------------------------------------------------------------------------------

RES_FORMAT = _key("spanproof.format", "resource", "int", "Version of the trace format.")
RES_VERSION = _key("spanproof.version", "resource", "text", "Version of Spanproof that recorded.")
RES_RECORDING = _key("spanproof.recording_id", "resource", "text", "Joins the files of one recording.")
RES_PART = _key("spanproof.part", "resource", "int", "Number of this part of a rotated file, from 0.")
RES_SEAMS = _key(
    "spanproof.seams", "resource", "texts", "Each seam: 'name=held', 'name=held: without what', 'name=absent: why', 'name=lost: why'."
)
RES_ADOPTED = _key(
    "spanproof.adopted_tasks", "resource", "int", "Tasks that were running when the recording began: what they did before is not in it."
)
RES_SCENARIO = _key("spanproof.scenario", "resource", "text", "Name of the scenario that was run, with its variant.")
RES_EXPECT = _key(
    "spanproof.expect",
    "resource",
    "texts",
    "Expected findings of the scenario, one JSON object a text: criterion, subject, library and python (version specifiers), why.",
)
RES_LIBRARIES = _key("spanproof.libraries", "resource", "texts", "Versions of libraries that matter, as 'name==version'.")
RES_SERVICE = _key("service.name", "resource", "text", "Name of the program.")
RES_PID = _key("process.pid", "resource", "int", "Process id.")
RES_PYTHON = _key("process.runtime.version", "resource", "text", "Version of Python.")
RES_RUNTIME = _key("process.runtime.name", "resource", "text", "Name of the Python implementation.")

# --- Span: identity and life ---------------------------------------------------------------------------------------

UNIT = _key("spanproof.unit", "span", "text", "Kind of unit.")
REV = _key("spanproof.rev", "span", "int", "Revision: of the same span id the highest counts.")
CLOCK = _key("spanproof.clock", "span", "text", "Clock of this span's times: monotonic or virtual.")
LOOP = _key("spanproof.loop", "span", "int", "Number of the event loop in this process, from 1.")
START_SEQ = _key("spanproof.start_seq", "span", "int", "Order of the unit's creation among everything in the process.")
END_SEQ = _key("spanproof.end_seq", "span", "int", "Order of its end.")
OUTCOME = _key("spanproof.outcome", "span", "text", "What the unit's own code did.")
REPORTED_OUTCOME = _key("spanproof.reported_outcome", "span", "text", "What was reported of it, by the channel nearest to the caller.")
REPORTED_BY = _key("spanproof.reported_by", "span", "text", "The channel of `reported_outcome`.")
ERROR_TYPE = _key("error.type", "span", "text", "Qualified name of the exception that ended it.")
EXCEPTION_MESSAGE = _key("exception.message", "span", "text", "Text of that exception, cut at 1,000 characters.")
CREATOR = _key("spanproof.creator_span_id", "span", "text", "The unit that was running when this one was created; absent: none was.")
GROUP_OWNER = _key("spanproof.group_owner_span_id", "span", "text", "The unit of the TaskGroup that owns this task.")
GROUP = _key("spanproof.group_id", "span", "int", "Number of that TaskGroup in the process.")
MAIN = _key("spanproof.main", "span", "bool", "The main task of asyncio.run.")
DETACHED = _key("spanproof.detached", "span", "bool", "Declared by spanproof.detached() to outlive its creator.")
SHIELDED = _key("spanproof.shielded", "span", "bool", "The scope keeps cancellations from outside off what runs in it.")
USER_CALLBACK = _key("spanproof.user_done_callback", "span", "bool", "User code added a done-callback to the task.")
ORIGIN_TRACE = _key("spanproof.origin.trace_id", "span", "text", "Trace of the unit from which this trace was started.")
ORIGIN_SPAN = _key("spanproof.origin.span_id", "span", "text", "Span of the unit from which this trace was started.")
PARENT_UNIT = _key("spanproof.parent_unit", "span", "text", "Our parent, when an application's span stands between.")
SAMPLED = _key("spanproof.sampled", "span", "bool", "False: the application's sampler left the unit's live span out.")
STAGE = _key("spanproof.stage", "span", "text", "Name of the stage.")
STAGE_DEPENDENCIES = _key("spanproof.stage.dependencies", "span", "texts", "Stages that it depends on.")
ATTEMPT = _key("spanproof.attempt", "span", "int", "Attempt of the stage in this run, from 1.")
PIPELINE = _key("spanproof.pipeline", "span", "text", "Name of the pipeline.")
PIPELINE_STAGES = _key("spanproof.pipeline.stages", "span", "texts", "Declared stages.")
PIPELINE_EDGES = _key("spanproof.pipeline.edges", "span", "texts", "Declared edges, 'dependency>stage'.")
RUN_UUID = _key("spanproof.run_uuid", "span", "text", "The library's own id of the run.")
CODE_FILE = _key("code.file.path", "span", "text", "File of the unit's code; of a pipeline, of the line that runs it.")
CODE_LINE = _key("code.line.number", "span", "int", "Line of the unit's code.")
CODE_FUNCTION = _key("code.function.name", "span", "text", "Qualified name of the unit's function.")
PAIRS_LEFT_OUT = _key(
    "spanproof.pairs_left_out",
    "span",
    "int",
    "Generators, pieces of work in threads, files and sockets, beyond 1,000 of a kind, that were opened and closed within the unit.",
)
EVENTS_DROPPED = _key("spanproof.events_dropped", "span", "int", "Events that the limit of a unit cut.")

# --- Span: facts that must survive span limits ---------------------------------------------------------------------

DEADLINE_NS = _key("spanproof.deadline_ns", "span", "int", "The last armed deadline, on the span's clock since the epoch.", "ns")
TIMEOUT_NS = _key("spanproof.timeout_ns", "span", "int", "The timeout that was armed; 0 or less: due at once.", "ns")
DEADLINE_STATE = _key("spanproof.deadline_state", "span", "text", "armed, expired or disarmed.")
FIRST_REQUEST_NS = _key("spanproof.first_request_ns", "span", "int", "Time of the first request.", "ns")
FIRST_REQUEST_SEQ = _key("spanproof.first_request_seq", "span", "int", "Order of the first request.")
FIRST_DELIVERY_NS = _key("spanproof.first_delivery_ns", "span", "int", "Time of the first delivery.", "ns")
FIRST_DELIVERY_SEQ = _key("spanproof.first_delivery_seq", "span", "int", "Order of the first delivery.")

# --- Span: cleanup -------------------------------------------------------------------------------------------------

CLEANUP_ID_SPAN = _key("spanproof.cleanup.id", "span", "int", "Number of the registration that this callback run belongs to.")
CLEANUP_REGISTRY_SPAN = _key("spanproof.cleanup.registry", "span", "int", "Number of the registry in the process.")
CLEANUP_REGISTRAR_SPAN = _key("spanproof.cleanup.registrar_span_id", "span", "text", "Unit that registered the callback.")

# --- Span: recording -----------------------------------------------------------------------------------------------

TICK_NS = _key("spanproof.tick_ns", "span", "int", "Time of the last tick: the end of knowledge on the monotonic clock.", "ns")
TICK_SEQ = _key("spanproof.tick_seq", "span", "int", "Highest seq that was given at the tick.")
OPEN_UNITS = _key("spanproof.open_units", "span", "int", "Units open at the tick.")
DROPPED = _key("spanproof.dropped", "span", "int", "Records that were lost: full disk, dropped parts.")
ENDED_BY = _key("spanproof.ended_by", "span", "text", "How knowledge ended: process or session; absent: torn.")
PARTS_DELETED = _key("spanproof.parts_deleted", "span", "int", "Closed parts that were deleted to stay below --max-bytes.")
VIRTUAL_TICK_NS = _key("spanproof.virtual_tick_ns", "span", "int", "Highest time of the virtual clock at the tick.", "ns")

# --- Events --------------------------------------------------------------------------------------------------------

SEQ = _key("spanproof.seq", "event", "int", "Order among everything in the process.")
AT_FILE = _key("code.file.path", "event", "text", "File of the line that did it, or that was waiting.")
AT_LINE = _key("code.line.number", "event", "int", "Its line.")
AT_FUNCTION = _key("code.function.name", "event", "text", "Its function.")

DEADLINE_ID = _key("spanproof.deadline.id", "event", "int", "Number of the deadline in the process.")
DEADLINE_AT = _key(
    "spanproof.deadline.at_ns", "event", "int", "Armed deadline on the span's clock since the epoch; absent: none armed.", "ns"
)
DEADLINE_LOOP_TIME = _key("spanproof.deadline.loop_time", "event", "float", "Armed deadline as the loop's time.", "s")
DEADLINE_TIMEOUT = _key("spanproof.deadline.timeout_ns", "event", "int", "Armed timeout.", "ns")
DEADLINE_CONFIGURED = _key("spanproof.deadline.configured", "event", "text", "Configured value as it was written.")
DEADLINE_SOURCE = _key(
    "spanproof.deadline.source",
    "event",
    "text",
    "Where stageflow had the value from: stage (for this one alone), context (for the whole run) or default.",
)
DEADLINE_MECHANISM = _key("spanproof.deadline.mechanism", "event", "text", "timeout, timeout_at, wait_for, stageflow, anyio.")
DEADLINE_SCOPE_STATE = _key("spanproof.deadline.state", "event", "text", "State of the scope when it was left.")

TURN = _key("spanproof.turn", "event", "int", "Turn of the loop, counted since it was first seen; absent: this loop does not tell.")
REQUEST_ID = _key("spanproof.request.id", "event", "int", "Number of the request in the process.")
REQUEST_MECHANISM = _key("spanproof.request.mechanism", "event", "text", "See Mechanism.")
REQUEST_BY = _key("spanproof.request.by_span_id", "event", "text", "Unit that was running when cancel() was called; absent: none.")
REQUEST_VIA = _key("spanproof.request.via", "event", "int", "Request from which this one was propagated.")
REQUEST_ADDRESSEE = _key(
    "spanproof.request.addressee_span_id",
    "event",
    "text",
    "Unit that was asked; a request stands on it and on every open unit inside it in the same task.",
)
REQUEST_MESSAGE = _key("spanproof.request.message", "event", "text", "Message of cancel(msg).")
REQUEST_COUNT = _key("spanproof.request.count", "event", "int", "Task.cancelling() after the call.")
REQUEST_LIVE = _key("spanproof.request.live", "event", "bool", "The task was not done.")
REQUEST_MEMBER = _key("spanproof.request.member_span_id", "event", "text", "Group member whose failure made the group ask.")
REQUEST_STARTED = _key("spanproof.request.before_first_step", "event", "bool", "The task had not made its first step.")

DELIVERY_REQUESTS = _key("spanproof.delivery.requests", "event", "ints", "Requests that it answers; empty when borrowed.")
DELIVERY_BORROWED = _key("spanproof.delivery.borrowed", "event", "bool", "Nobody asked this task: something awaited was cancelled.")
CONSUMED_BY = _key("spanproof.consumed.by", "event", "text", "timeout, taskgroup, runner, anyio, uncancel.")
SWALLOWED_HOW = _key("spanproof.swallowed.how", "event", "text", "returned, raised or went_on.")

FLAG_ID = _key("spanproof.flag.id", "event", "int", "Number of the flag in the process.")
FLAG_RUN = _key("spanproof.flag.run_span_id", "event", "text", "Run that was flagged.")
FLAG_BY = _key("spanproof.flag.by_span_id", "event", "text", "Unit that set it.")
FLAG_MECHANISM = _key(
    "spanproof.flag.mechanism",
    "event",
    "text",
    "mark_canceled, attribute (set by hand), token, cancel_with_children, or before_run (the run began with it).",
)
FLAG_READER = _key("spanproof.flag.reader_span_id", "event", "text", "Unit that read it as true.")

AWAIT_TARGETS = _key("spanproof.await.targets", "event", "texts", "Span ids of the units waited for.")
AWAIT_HOW = _key("spanproof.await.how", "event", "text", "await, gather, wait, as_completed, shield, taskgroup.")
AWAIT_GROUP = _key("spanproof.await.group", "event", "int", "Number of the group; one gather, wait or TaskGroup is one group.")
AWAIT_END_SEQ = _key("spanproof.await.end_seq", "event", "int", "Order of the wait's end; absent: still waiting.")
AWAIT_END_NS = _key("spanproof.await.end_ns", "event", "int", "Time of the wait's end.", "ns")
AWAIT_ENDED_BY = _key(
    "spanproof.await.ended_by", "event", "text", "Of wait and as_completed: why it ended: done, error, timeout (its own), raised."
)

CLEANUP_ID = _key("spanproof.cleanup.id", "event", "int", "Number of the registration in the process.")
CLEANUP_REGISTRY = _key("spanproof.cleanup.registry", "event", "int", "Number of the registry in the process.")
CLEANUP_NAME = _key("spanproof.cleanup.name", "event", "text", "Name of the callback.")
CLEANUP_RUN = _key("spanproof.cleanup.run_span_id", "event", "text", "Run that owns the registry.")
CLEANUP_REGISTRAR = _key("spanproof.cleanup.registrar_span_id", "event", "text", "Unit that registered it.")
CLEANUP_RUNNER = _key("spanproof.cleanup.runner_span_id", "event", "text", "Unit that runs it.")
CLEANUP_BUDGET = _key("spanproof.cleanup.budget_ns", "event", "int", "Time that the callback is given.", "ns")
CLEANUP_FAILURE = _key("spanproof.cleanup.failure", "event", "text", "raised, timed_out or cancelled.")

REPORT_CHANNEL = _key("spanproof.report.channel", "event", "text", "result, after, on_error, exception, event, caller.")
REPORT_OUTCOME = _key("spanproof.report.outcome", "event", "text", "Outcome that the channel told.")
REPORT_STATUS = _key("spanproof.report.status", "event", "text", "The library's own word for it.")
REPORT_ERROR_TYPE = _key("spanproof.report.error_type", "event", "text", "Type of the error that it carried.")
REPORT_ERROR = _key("spanproof.report.error", "event", "text", "Text of the error that it carried, cut at 1,000 characters.")
REPORT_STAGE = _key("spanproof.report.stage", "event", "text", "Stage that the report names; of a replayed result the stage that it is of.")
REPORT_RESULTS = _key("spanproof.report.results", "event", "texts", "Stages whose results came along.")
REPORT_SHORT_CUT_BY = _key("spanproof.report.short_cut_by", "event", "text", "Interceptor that answered in the stage's place.")
REPORT_HAS_DATA = _key("spanproof.report.has_data", "event", "bool", "The result carried data.")

RESOURCE_NAME = _key("spanproof.resource.name", "event", "text", "Declared name; of what was seen, its kind and number in the process.")
RESOURCE_ID = _key("spanproof.resource.id", "event", "int", "Number of the acquisition in the process.")
RESOURCE_KIND = _key("spanproof.resource.kind", "event", "text", "declared, file or socket.")
RESOURCE_TO = _key("spanproof.resource.to_span_id", "event", "text", "Unit that it was handed to.")
RESOURCE_HOW = _key("spanproof.resource.how", "event", "text", "closed; collected: nobody closed it; absent: not known which.")

GENERATOR_ID = _key("spanproof.generator.id", "event", "int", "Number of the generator in the process.")
GENERATOR_NAME = _key("spanproof.generator.name", "event", "text", "Qualified name of its function.")
GENERATOR_BY = _key("spanproof.generator.by_span_id", "event", "text", "Unit that opened, iterated or closed it; absent: none.")
GENERATOR_HOW = _key(
    "spanproof.generator.how",
    "event",
    "text",
    "exhausted, raised, cancelled, aclose, hook (the loop's hook closed it in a task of its own) or shutdown (the loop's teardown did); "
    "absent: one of the first four, Python 3.11 cannot tell which.",
)

THREAD_ID = _key("spanproof.thread.id", "event", "int", "Number of the work in the process.")
THREAD_NAME = _key("spanproof.thread.name", "event", "text", "Qualified name of the function that runs in the thread.")
THREAD_EXECUTOR = _key("spanproof.thread.executor", "event", "text", "to_thread, executor or anyio.")
THREAD_OUTCOME = _key(
    "spanproof.thread.outcome", "event", "text", "completed, failed, or never_ran (taken out of the queue before it began)."
)
THREAD_CLOCK = _key("spanproof.clock", "event", "text", "Clock of this event's time; a thread's is monotonic even below a virtual loop.")

CHECKPOINT_KEY = _key("spanproof.checkpoint.key", "event", "text", "Name of the checkpoint as the store knows it.")
CHECKPOINT_STORE = _key("spanproof.checkpoint.store", "event", "text", "Kind of the store.")

OUTPUT_STATUS = _key("spanproof.output.status", "event", "text", "The library's word for the kind of output.")
OUTPUT_HAS_DATA = _key("spanproof.output.has_data", "event", "bool", "The output carries data.")

HEARTBEAT_TIMEOUT = _key(
    "spanproof.heartbeat.timeout_ns",
    "event",
    "int",
    "How long after this heartbeat the unit may be taken for dead; absent: not said.",
    "ns",
)

ROUND_NAME = _key("spanproof.round.name", "event", "text", "What is repeated.")
ROUND_MEMORY = _key("spanproof.round.memory_bytes", "event", "int", "Memory of the process's Python objects after a collection, in bytes.")
ROUND_DESCRIPTORS = _key("spanproof.round.descriptors", "event", "int", "Descriptors that the process has open.")
ROUND_WATCHED = _key("spanproof.round.watched", "event", "int", "Objects that were watched in this round.")
ROUND_ALIVE = _key("spanproof.round.alive", "event", "int", "Those of them that are alive after a collection, the results dropped.")
ROUND_TOOK = _key("spanproof.round.took_ns", "event", "int", "Time that the round took, once of a pair with and without a timeout.", "ns")
ROUND_ARMED = _key("spanproof.round.armed", "event", "bool", "Of such a pair: a timeout was armed and disarmed.")

UNREAD_SPAN = _key("spanproof.unread.span_id", "event", "text", "The task that failed.")
UNREAD_SO_FAR = _key(
    "spanproof.unread.so_far", "event", "bool", "The task was still there when the recording stopped, and somebody may look yet."
)

BLOCKED_NS = _key("spanproof.blocked.duration_ns", "event", "int", "How long the loop stood still.", "ns")
BLOCKED_CPU_NS = _key("spanproof.blocked.cpu_ns", "event", "int", "CPU time of the loop's thread meanwhile; absent: not measurable.", "ns")
BLOCKED_STARVED_NS = _key(
    "spanproof.blocked.starved_ns",
    "event",
    "int",
    "How long the loop's thread waited for a processor meanwhile; absent: not measurable.",
    "ns",
)
BLOCKED_STALLED = _key(
    "spanproof.blocked.machine_stalled",
    "event",
    "bool",
    "The watchdog was late too, or the thread had no processor for most of it: the machine stood still, or was too busy.",
)

LOOP_NUMBER = _key("spanproof.loop", "event", "int", "Number of the loop.")
FAULT_PROBE = _key("spanproof.fault.probe", "event", "text", "Probe that failed and was switched off.")
FAULT_TYPE = _key("exception.type", "event", "text", "Type of its exception.")
FAULT_MESSAGE = _key("exception.message", "event", "text", "Text of its exception.")
LOST_WHY = _key("spanproof.lost.why", "event", "text", "Why records were lost: the error of the disk, parts deleted, too many waiting.")
LOST_RECORDS = _key("spanproof.lost.records", "event", "int", "How many records were lost for that reason.")

STARTED = _event("started", "The unit made its first step. Without it, it never ran.")
DEADLINE_SET = _event(
    "deadline.set",
    "A timeout was configured, and armed or not.",
    DEADLINE_ID,
    DEADLINE_AT,
    DEADLINE_LOOP_TIME,
    DEADLINE_TIMEOUT,
    DEADLINE_CONFIGURED,
    DEADLINE_SOURCE,
    DEADLINE_MECHANISM,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
DEADLINE_EXTENDED = _event(
    "deadline.extended",
    "The deadline was moved.",
    DEADLINE_ID,
    DEADLINE_AT,
    DEADLINE_LOOP_TIME,
    DEADLINE_TIMEOUT,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
DEADLINE_EXPIRED = _event("deadline.expired", "Its timer ran.", DEADLINE_ID, DEADLINE_AT)
DEADLINE_DISARMED = _event("deadline.disarmed", "The scope was left.", DEADLINE_ID, DEADLINE_SCOPE_STATE)
CANCEL_REQUESTED = _event(
    "cancel.requested",
    "Somebody asked; logged before it is passed on.",
    REQUEST_ID,
    REQUEST_MECHANISM,
    REQUEST_BY,
    REQUEST_VIA,
    REQUEST_ADDRESSEE,
    REQUEST_MESSAGE,
    REQUEST_COUNT,
    REQUEST_LIVE,
    REQUEST_MEMBER,
    REQUEST_STARTED,
    TURN,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
CANCEL_WITHDRAWN = _event("cancel.withdrawn", "uncancel() before delivery.", REQUEST_ID, AT_FILE, AT_LINE, AT_FUNCTION)
CANCEL_DELIVERED = _event(
    "cancel.delivered",
    "CancelledError entered the unit's own code.",
    DELIVERY_REQUESTS,
    DELIVERY_BORROWED,
    TURN,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
CANCEL_CONSUMED = _event("cancel.consumed", "The request ended lawfully inside the unit.", DELIVERY_REQUESTS, CONSUMED_BY)
CANCEL_SWALLOWED = _event(
    "cancel.swallowed", "An own delivery was not consumed, and the unit did not end by CancelledError.", DELIVERY_REQUESTS, SWALLOWED_HOW
)
CANCEL_FLAGGED = _event(
    "cancel.flagged", "A cooperative flag was set.", FLAG_ID, FLAG_RUN, FLAG_BY, FLAG_MECHANISM, AT_FILE, AT_LINE, AT_FUNCTION
)
CANCEL_FLAG_READ = _event(
    "cancel.flag_read",
    "A unit read a flag as true for the first time (on that unit, else on the run).",
    FLAG_ID,
    FLAG_RUN,
    FLAG_READER,
    FLAG_MECHANISM,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
AWAITS = _event(
    "awaits",
    "The unit waits for other units.",
    AWAIT_TARGETS,
    AWAIT_HOW,
    AWAIT_GROUP,
    AWAIT_END_SEQ,
    AWAIT_END_NS,
    AWAIT_ENDED_BY,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
CLEANUP_REGISTERED = _event(
    "cleanup.registered",
    "A callback was registered (on the registrar).",
    CLEANUP_ID,
    CLEANUP_REGISTRY,
    CLEANUP_NAME,
    CLEANUP_RUN,
    CLEANUP_REGISTRAR,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
CLEANUP_UNREGISTERED = _event("cleanup.unregistered", "It was taken out again.", CLEANUP_ID, CLEANUP_REGISTRY)
CLEANUP_DROPPED = _event(
    "cleanup.dropped",
    "A registration was dropped without a word.",
    CLEANUP_ID,
    CLEANUP_NAME,
    CLEANUP_RUN,
    CLEANUP_REGISTRAR,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
CLEANUP_STARTED = _event(
    "cleanup.started",
    "The callback was started (on its cleanup unit).",
    CLEANUP_ID,
    CLEANUP_REGISTRY,
    CLEANUP_NAME,
    CLEANUP_RUN,
    CLEANUP_RUNNER,
    CLEANUP_BUDGET,
)
CLEANUP_FINISHED = _event("cleanup.finished", "It returned.", CLEANUP_ID)
CLEANUP_FAILED = _event("cleanup.failed", "It raised, timed out or was cut.", CLEANUP_ID, CLEANUP_FAILURE, REPORT_ERROR_TYPE, REPORT_ERROR)
RESOURCE_ACQUIRED = _event(
    "resource.acquired",
    "A resource was taken: declared by spanproof.resource, or a file or socket that was seen.",
    RESOURCE_ID,
    RESOURCE_NAME,
    RESOURCE_KIND,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
RESOURCE_RELEASED = _event(
    "resource.released",
    "It was given back (a declared one: on the unit that did; a file or a socket: on the unit that opened it).",
    RESOURCE_ID,
    RESOURCE_NAME,
    RESOURCE_KIND,
    RESOURCE_HOW,
)
RESOURCE_TRANSFERRED = _event(
    "resource.transferred", "It was handed over to another unit.", RESOURCE_ID, RESOURCE_NAME, RESOURCE_TO, AT_FILE, AT_LINE, AT_FUNCTION
)
GENERATOR_OPENED = _event(
    "generator.opened",
    "An async generator made its first step (on the unit that iterated it).",
    GENERATOR_ID,
    GENERATOR_NAME,
    GENERATOR_BY,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
GENERATOR_ITERATED = _event(
    "generator.iterated", "Another unit than before iterates it (on that unit).", GENERATOR_ID, GENERATOR_NAME, GENERATOR_BY
)
GENERATOR_CLOSED = _event(
    "generator.closed", "It has ended (on the unit that opened it).", GENERATOR_ID, GENERATOR_NAME, GENERATOR_BY, GENERATOR_HOW
)
THREAD_STARTED = _event(
    "thread.started",
    "Work was handed to a thread (on the unit that waits for it).",
    THREAD_ID,
    THREAD_NAME,
    THREAD_EXECUTOR,
    THREAD_CLOCK,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
THREAD_FINISHED = _event("thread.finished", "That work has ended.", THREAD_ID, THREAD_NAME, THREAD_OUTCOME, THREAD_CLOCK)
CHECKPOINT_SAVED = _event("checkpoint.saved", "A checkpoint was saved.", CHECKPOINT_KEY, CHECKPOINT_STORE, AT_FILE, AT_LINE, AT_FUNCTION)
CHECKPOINT_LOADED = _event("checkpoint.loaded", "A checkpoint was loaded.", CHECKPOINT_KEY, CHECKPOINT_STORE, AT_FILE, AT_LINE, AT_FUNCTION)
CHECKPOINT_MISSED = _event(
    "checkpoint.missed", "A load found no checkpoint.", CHECKPOINT_KEY, CHECKPOINT_STORE, AT_FILE, AT_LINE, AT_FUNCTION
)
CHECKPOINT_DROPPED = _event(
    "checkpoint.dropped",
    "A checkpoint was deleted, or turned out to have lived as long as it was meant to.",
    CHECKPOINT_KEY,
    CHECKPOINT_STORE,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
OUTPUT_PRODUCED = _event("output.produced", "The stage's body returned an output.", OUTPUT_STATUS, OUTPUT_HAS_DATA)
HEARTBEAT = _event("heartbeat", "The unit said that it is alive.", HEARTBEAT_TIMEOUT)
ROUND = _event(
    "round",
    "One repetition is over.",
    ROUND_NAME,
    ROUND_MEMORY,
    ROUND_DESCRIPTORS,
    ROUND_WATCHED,
    ROUND_ALIVE,
    ROUND_TOOK,
    ROUND_ARMED,
)
EXCEPTION_UNREAD = _event(
    "exception.unread", "A task failed, and nobody ever looked at its error (on the program).", UNREAD_SPAN, UNREAD_SO_FAR
)
REPORTED = _event(
    "reported",
    "What a channel said of the unit.",
    REPORT_CHANNEL,
    REPORT_OUTCOME,
    REPORT_STATUS,
    REPORT_ERROR_TYPE,
    REPORT_ERROR,
    REPORT_STAGE,
    REPORT_RESULTS,
    REPORT_SHORT_CUT_BY,
    REPORT_HAS_DATA,
)
LOOP_BLOCKED = _event(
    "loop.blocked",
    "One step kept the loop busy beyond the recorder's threshold.",
    BLOCKED_NS,
    BLOCKED_CPU_NS,
    BLOCKED_STARVED_NS,
    BLOCKED_STALLED,
    AT_FILE,
    AT_LINE,
    AT_FUNCTION,
)
LOOP_OPENED = _event(
    "loop.opened", "asyncio.run began, or a loop that is run by hand ran for the first time (on the program).", LOOP_NUMBER
)
LOOP_CLOSING = _event("loop.closing", "Its main task has ended, the teardown began (on the program).", LOOP_NUMBER)
LOOP_STOPPED = _event(
    "loop.stopped", "loop.stop() was called (on the unit that called it, else on the program).", LOOP_NUMBER, AT_FILE, AT_LINE, AT_FUNCTION
)
LOOP_CLOSED = _event("loop.closed", "The loop was closed (on the program).", LOOP_NUMBER)
PROBE_FAULT = _event("probe.fault", "A probe raised and was switched off (on the recording).", FAULT_PROBE, FAULT_TYPE, FAULT_MESSAGE)
RECORDS_LOST = _event("records.lost", "The recorder lost records, one event for each reason (on the recording).", LOST_WHY, LOST_RECORDS)
