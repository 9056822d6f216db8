"""The records that probes fill and the writer encodes. They never refer to the program's own objects.

A `Unit` is one span in the making. Its times are nanoseconds since the epoch on the clock of its loop; its order is `seq`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | list[str] | list[int]
Attributes: TypeAlias = dict[str, Value]
EventRecord: TypeAlias = tuple[str, int, int, Mapping[str, Value]]
"""(name, time_ns, seq, attributes)"""


class Unit:
    """One unit: what can be cancelled on its own.

    Attributes:
        hex: the span id as other units' attributes name it.
        run: span id of the pipeline that it is in (its own for a pipeline); None outside of pipelines.
        asked: requests that stand on this unit, by id.
        delivered: ids of the requests whose delivery this unit saw and that nothing consumed yet.
        delivered_step: number of the task's step at the last own delivery; to tell `returned` from `went_on`.
    """

    __slots__ = (
        "attrs",
        "delivered",
        "delivered_step",
        "dirty",
        "end_ns",
        "end_seq",
        "events",
        "hex",
        "kind",
        "links",
        "loop",
        "name",
        "parent_id",
        "rev",
        "run",
        "span_id",
        "start_ns",
        "start_seq",
        "status",
        "status_message",
        "trace_id",
    )

    def __init__(
        self,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        kind: str,
        name: str,
        start_ns: int,
        start_seq: int,
        attrs: Attributes,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.hex = f"{span_id:016x}"
        self.parent_id = parent_id
        self.kind = kind
        self.name = name
        self.start_ns = start_ns
        self.start_seq = start_seq
        self.end_ns: int | None = None
        self.end_seq: int | None = None
        self.attrs = attrs
        self.events: list[EventRecord] = []
        self.links: list[tuple[int, int]] = []
        self.status = 0
        self.status_message = ""
        self.rev = 0
        self.dirty = True
        self.run: int | None = None
        self.loop = 0
        self.delivered: list[Request] = []
        self.delivered_step = 0

    def __repr__(self) -> str:
        return f"<{self.name} {self.span_id:016x}{'' if self.end_ns is None else ' ended'}>"


class Request:
    """One cancellation request on a task.

    Attributes:
        scope: the armed deadline that asked, if one did.
        group: `id()` of the TaskGroup that asked, if one did.
        delivered: CancelledError has entered the task's code since.
    """

    __slots__ = ("addressee", "delivered", "group", "id", "mechanism", "scope")

    def __init__(self, id: int, mechanism: str, addressee: Unit | None) -> None:
        self.id = id
        self.mechanism = mechanism
        self.addressee = addressee
        self.scope: Deadline | None = None
        self.group: int | None = None
        self.delivered = False


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
        stalled: the watchdog was late too.
    """

    __slots__ = ("blocked_at", "cpu_ns", "noted_ns", "stalled", "started_ns", "thread_id")

    def __init__(self, thread_id: int) -> None:
        self.started_ns = 0
        self.noted_ns = 0
        self.thread_id = thread_id
        self.blocked_at: tuple[str, int, str] | None = None
        self.cpu_ns: int | None = None
        self.stalled = False
