"""The life of an armed timeout: set, moved, expired, disarmed; noted on the unit whose deadline it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import vocabulary as v
from .records import Attributes, Deadline, Unit, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clocks import LoopState
    from .recorder import Recorder
    from .taskstate import TaskState


def arm(recorder: Recorder, state: TaskState, when: float | None, attrs: Attributes) -> Deadline:
    """A timeout is armed; `when` is loop time in seconds, None when none was armed."""
    deadline = Deadline(recorder.number(), when, attrs, state.loop.now_ns(), 0)
    attrs[v.DEADLINE_ID] = deadline.id
    if when is not None:
        attrs[v.DEADLINE_AT] = state.loop.at_ns(when)
        attrs[v.DEADLINE_LOOP_TIME] = when
    return deadline


def attach(recorder: Recorder, unit: Unit, deadline: Deadline) -> None:
    """The deadline belongs to this unit, which has just opened."""
    deadline.unit = unit
    recorder.event(unit, v.DEADLINE_SET, deadline.set_ns, deadline.attrs)
    _note_deadline(unit, deadline.attrs, "armed" if deadline.when is not None else "none")


def move(recorder: Recorder, state: TaskState, deadline: Deadline, when: float | None, attrs: Attributes) -> None:
    """The deadline was extended or brought forward."""
    deadline.when = when
    unit = deadline.unit
    if unit is None or unit.end_ns is not None:
        return
    attrs[v.DEADLINE_ID] = deadline.id
    if when is not None:
        attrs[v.DEADLINE_AT] = state.loop.at_ns(when)
        attrs[v.DEADLINE_LOOP_TIME] = when
    recorder.event(unit, v.DEADLINE_EXTENDED, state.loop.now_ns(), attrs)
    _note_deadline(unit, attrs, "armed" if when is not None else "none")


def expire(recorder: Recorder, loop: LoopState, deadline: Deadline) -> None:
    """The deadline's timer ran."""
    if deadline.expired:
        return
    deadline.expired = True
    unit = deadline.unit
    if unit is None or unit.end_ns is not None:
        return
    attrs: Attributes = {v.DEADLINE_ID: deadline.id}
    if deadline.when is not None:
        attrs[v.DEADLINE_AT] = loop.at_ns(deadline.when)
    recorder.event(unit, v.DEADLINE_EXPIRED, loop.now_ns(), attrs)
    unit.attrs[v.DEADLINE_STATE] = "expired"


def disarm(recorder: Recorder, loop: LoopState, deadline: Deadline, state: str) -> None:
    """The scope was left, in this state (`exited` or `expired`)."""
    unit = deadline.unit
    # A scope of a generator ends with its task, if that ends first: nothing is noted on it any more.
    # Those of stageflow's stages and callbacks end before the timeout around them is left, and are kept until then.
    if unit is None or (unit.end_ns is not None and unit.origin.kind not in ("stage", "cleanup")):
        return
    recorder.event(unit, v.DEADLINE_DISARMED, loop.now_ns(), {v.DEADLINE_ID: deadline.id, v.DEADLINE_SCOPE_STATE: state})
    if not deadline.expired:
        unit.attrs[v.DEADLINE_STATE] = "disarmed"


def _note_deadline(unit: Unit, attrs: Mapping[str, Value], state: str) -> None:
    unit.attrs[v.DEADLINE_STATE] = state
    for name, value in ((v.DEADLINE_NS, attrs.get(v.DEADLINE_AT)), (v.TIMEOUT_NS, attrs.get(v.DEADLINE_TIMEOUT))):
        if value is not None:
            unit.attrs[name] = value
        else:
            # `reschedule(None)` took it off: nothing is due any more.
            unit.attrs.pop(name, None)
