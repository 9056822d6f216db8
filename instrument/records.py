"""The records that probes fill and the writer encodes. They never refer to the program's own objects.

A `Unit` is one span in the making. Its times are nanoseconds since the epoch on the clock of its loop; its order is `seq`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from . import vocabulary as v

if TYPE_CHECKING:
    from .holds import Held
    from .taskstate import TaskState

Value: TypeAlias = str | int | float | bool | list[str] | list[int]
Attributes: TypeAlias = dict[str, Value]
EventRecord: TypeAlias = tuple[str, int, int, Mapping[str, Value]]
"""(name, time_ns, seq, attributes)"""


class Origin:
    """What all units of one kind and place share, so that it is put together and encoded once.

    Attributes:
        code: the code object that the units run, where there is one; tells namesakes apart.
        transparent: tasks of this origin are plumbing and get no unit.
        fragment: what the encoder made of `name` and `attrs`; None until it did.
        plain: what OpenTelemetry takes of them, as `sinks.plain` makes it; None until it did.
    """

    __slots__ = ("attrs", "code", "fragment", "kind", "name", "plain", "transparent")

    def __init__(self, kind: str, name: str, attrs: Attributes, *, code: object = None, transparent: bool = False) -> None:
        self.kind = kind
        self.name = name
        self.attrs = attrs
        self.code = code
        self.transparent = transparent
        self.fragment: tuple[str, str] | None = None
        self.plain: tuple[str, Mapping[str, Any]] | None = None


class Unit:
    """One unit: what can be cancelled on its own.

    What most units never get is a default of the class: tasks are made by the hundred thousand, and each field costs.

    Attributes:
        origin: name, kind and attributes that it shares with others of its kind and place.
        attrs: attributes of its own, to be changed; made when first asked for, which only the thread of its loop may do.
        own: the same for every other thread, which only reads; None: it has none, as most tasks. `attributes()` has all.
        outcome: what its code did; None while it is open.
        creator: span id of the unit that was running when it was created; None: none was.
        started_ns, started_seq: its first step; None: it never ran.
        events: its events without `started`; `add` appends.
        run: span id of the pipeline that it is in (its own for a pipeline); None outside of pipelines.
        delivered: requests whose delivery this unit saw and that nothing consumed yet.
        delivered_step: number of the task's step at the last own delivery; to tell `returned` from `went_on`.
        held: what it leaves behind when it ends: threads, generators, files.
    """

    own: Attributes | None = None
    creator: int | None = None
    outcome: v.Outcome | None = None
    started_ns: int | None = None
    started_seq: int = 0
    end_ns: int | None = None
    end_seq: int | None = None
    events: Sequence[EventRecord] = ()
    links: Sequence[tuple[int, int]] = ()
    status: int = 0
    status_message: str = ""
    rev: int = 0
    dirty: bool = True
    run: int | None = None
    delivered: Sequence[Request] = ()
    delivered_step: int = 0
    held: Held | None = None

    def __init__(self, trace_id: int, span_id: int, parent_id: int | None, origin: Origin, start_ns: int, start_seq: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.origin = origin
        self.start_ns = start_ns
        self.start_seq = start_seq

    @property
    def attrs(self) -> Attributes:
        """Attributes of its own."""
        own = self.own
        if own is None:
            own = self.own = {}
        return own

    @attrs.setter
    def attrs(self, own: Attributes) -> None:
        self.own = own

    @property
    def kind(self) -> str:
        """What kind of unit it is."""
        return self.origin.kind

    @property
    def name(self) -> str:
        """The name of its span."""
        return self.origin.name

    @property
    def hex(self) -> str:
        """The span id as other units' attributes name it."""
        return f"{self.span_id:016x}"

    def add(self, event: EventRecord) -> None:
        """Append an event."""
        if type(self.events) is list:
            self.events.append(event)
        else:
            self.events = [event]

    def attributes(self) -> Attributes:
        """All attributes, as they stand in the trace; `rev` apart."""
        known: Attributes = {**self.origin.attrs, v.START_SEQ: self.start_seq}
        if self.creator is not None:
            known[v.CREATOR] = f"{self.creator:016x}"
        if self.end_seq is not None:
            known[v.END_SEQ] = self.end_seq
        if self.outcome is not None:
            known[v.OUTCOME] = self.outcome
        return known | (self.own or {})

    def all_events(self) -> list[EventRecord]:
        """All events in their order, `started` too."""
        events = list(self.events)
        if self.started_ns is not None:
            events.append((v.STARTED, self.started_ns, self.started_seq, {v.SEQ: self.started_seq}))
            events.sort(key=_seq)
        return events

    def __repr__(self) -> str:
        return f"<{self.name} {self.span_id:016x}{'' if self.end_ns is None else ' ended'}>"


def _seq(event: EventRecord) -> int:
    return event[2]


class Request:
    """One cancellation request on a task.

    Attributes:
        scope: the armed deadline that asked, if one did.
        group: `id()` of the TaskGroup that asked, if one did.
        delivered: CancelledError has entered the task's code since.
        step: steps that the task had made when it was asked: it is delivered with the next one, or what the task awaited kept it.
        level: which of `wait_for`'s inner tasks it stands at; one that stands further out has not come in yet.
        passed_on: of a request that is made again at each turn of the loop (anyio's), what became of it in each task that it was
            passed on to; None for a request that is made once.
    """

    __slots__ = ("addressee", "delivered", "group", "id", "level", "mechanism", "passed_on", "scope", "step")

    def __init__(self, id: int, mechanism: str, addressee: Unit | None) -> None:
        self.id = id
        self.mechanism = mechanism
        self.addressee = addressee
        self.scope: Deadline | None = None
        self.group: int | None = None
        self.delivered = False
        self.step = 0
        self.level = 0
        self.passed_on: dict[TaskState, Request] | None = None


class Deadline:
    """One armed timeout: a scope of user code, or stageflow's own around a stage or a cleanup callback.

    Attributes:
        unit: the unit whose deadline it is; None until it opens (stageflow arms before the body's first step).
        own_unit: the unit is a scope that opens and closes with this deadline.
        when: armed deadline as loop time in seconds; None: none is armed.
    """

    __slots__ = ("attrs", "expired", "id", "own_unit", "set_ns", "set_seq", "unit", "when")

    def __init__(self, id: int, when: float | None, attrs: Attributes, set_ns: int, set_seq: int) -> None:
        self.id = id
        self.when = when
        self.attrs = attrs
        self.set_ns = set_ns
        self.set_seq = set_seq
        self.unit: Unit | None = None
        self.own_unit = False
        self.expired = False


class Step:
    """What one loop's thread is doing now; the watchdog thread reads it.

    Attributes:
        started_ns: when the running step began (monotonic clock); 0: no step runs.
        noted_ns: until when what the step took has been noted.
        blocked_at: (file, line, function) of user code that the watchdog saw in a step that lasted too long.
        cpu_ns: CPU time that the thread used while the watchdog looked; None: not measurable.
        starved_ns: how long the thread waited for a processor meanwhile; None: not measurable.
        stalled: the watchdog was late too, or the thread had no processor for most of the time.
    """

    __slots__ = ("blocked_at", "cpu_ns", "noted_ns", "stalled", "started_ns", "starved_ns", "thread_id")

    def __init__(self, thread_id: int) -> None:
        self.started_ns = 0
        self.noted_ns = 0
        self.thread_id = thread_id
        self.blocked_at: tuple[str, int, str] | None = None
        self.cpu_ns: int | None = None
        self.starved_ns: int | None = None
        self.stalled = False
