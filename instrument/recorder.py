"""The recorder: opens and closes units, notes events, and keeps the rules of requests and deliveries.

Probes call it; it knows nothing of how they see things. Nothing is judged here: what is noted are facts and their order.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import weakref
from itertools import count
from threading import Lock
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from . import vocabulary as v
from .blocked import blocked_facts
from .clocks import ANCHOR_NS, LoopState, now_ns
from .holds import Holds
from .records import Attributes, Origin, Request, Unit, Value
from .seams import Seam, Seams
from .sinks.base import Sink, Tick
from .texts import safe_text, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .generators import Generators
    from .taskstate import TaskState
    from .watchdog import Watchdog

ORIGINS_KEPT = 4_096
"""Kinds and names of units whose common part is kept; emptied when full."""

EVENT_LIMIT = 10_000
"""Events that one unit keeps; the count of those cut is an attribute of the unit."""

BLOCKED_NS = 5_000_000
"""A step that lasts this long is noted, in ns. Far below any criterion's bound: the grace of two loop turns needs it."""


class Recorder:
    """One recording of one process.

    Attributes:
        alive: False once the recording has ended; every probe then passes through.
        deliver_by_probe: deliveries are seen by the coroutine probe; False: `sys.monitoring` sees them.
        program, recording: the records of the process and of the recording itself; the sink needs `recording`.
    """

    def __init__(self, *, sequential_ids: bool = False) -> None:
        self.alive = True
        self.deliver_by_probe = True
        self.blocked_ns = BLOCKED_NS
        self.sink: Sink
        self.watchdog: Watchdog | None = None
        self.generators: Generators | None = None
        self.on_fault: Callable[[], None] | None = None
        self.task_failed: Callable[..., None] | None = None
        self._open: dict[int, Unit] = {}
        # Ids come from a generator of our own: the program's `random` must give what it gave without us.
        self._bits: Callable[[int], int] = random.Random().getrandbits  # noqa: S311 - ids, not secrets
        if sequential_ids:
            numbers = count(1)
            self._bits = lambda _bits: next(numbers)
        self._seq = count(1).__next__
        self.last_seq = 0
        self.number = count(1).__next__
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopState] = weakref.WeakKeyDictionary()
        self._loop_number = count(1).__next__
        self._lock = Lock()
        self.holds = Holds(self.release_now, self._open)
        self.seams = Seams(self._fault)
        self.start_ns = now_ns()
        self._virtual_ns: int | None = None
        self._originals: dict[tuple[int, str, str], Origin] = {}
        of_process = [Origin(kind, kind, {v.UNIT: kind, v.CLOCK: "monotonic"}) for kind in ("program", "recording")]
        self.program = Unit(self.new_trace_id(), self.new_span_id(), None, of_process[0], self.start_ns, self.seq())
        self.recording = Unit(self.program.trace_id, self.new_span_id(), None, of_process[1], self.start_ns, self.seq())

    def begin(self, sink: Sink) -> None:
        """Units go to this sink from now on."""
        self.sink = sink
        self._opened, self._ended = sink.opened, sink.ended
        self._open[self.program.span_id] = self.program
        sink.opened(self.program)

    def tick(self) -> Tick:
        """How far the recording has got."""
        self.holds.settle()
        last_seq = self.last_seq
        for loop in self.known_loops():
            if loop.virtual:
                self._virtual_ns = max(self._virtual_ns or 0, loop.now_ns())
        return Tick(now_ns(), last_seq, self._virtual_ns)

    def open_units(self) -> list[Unit]:
        """Every unit that has not ended, and those that have and are not released yet."""
        return list(self._open.values())

    # --- order, ids, loops ---------------------------------------------------------------------------------------

    def seq(self) -> int:
        """The next number in the order of everything that happens in this process."""
        self.last_seq = number = self._seq()
        return number

    def new_trace_id(self) -> int:
        """A random non-zero 128-bit id."""
        return self._bits(128) or 1

    def new_span_id(self) -> int:
        """A random non-zero 64-bit id."""
        return self._bits(64) or 1

    def loop_state(self, loop: asyncio.AbstractEventLoop) -> LoopState:
        """What we know of a loop; made when the loop is first seen."""
        state = self._loops.get(loop)
        if state is None:
            with self._lock:
                state = self._loops.get(loop)
                if state is None:
                    state = self._loops[loop] = LoopState(loop, self._loop_number(), self.start_ns)
                    if self.watchdog is not None:
                        self.watchdog.register(state.step)
        return state

    def known_loops(self) -> list[LoopState]:
        """All loops seen and still alive."""
        with self._lock:
            return list(self._loops.values())

    # --- units ---------------------------------------------------------------------------------------------------

    def open(
        self,
        kind: v.Unit,
        name: str,
        loop: LoopState,
        *,
        parent: Unit | None,
        new_trace: bool = False,
        attrs: Mapping[str, Value] | None = None,
    ) -> Unit:
        """Open a unit. `new_trace`: a trace begins here, and `parent` is only where it came from."""
        step = loop.step
        if parent is not None and step.started_ns and monotonic_ns() - step.noted_ns >= self.blocked_ns:
            with self.seams.watchdog:
                # It was not the new unit that kept the loop busy so far.
                self.note_blocked(loop, parent)
        origin = self.origin(kind, name, loop)
        return self.begin_unit(origin, loop, dict(attrs) if attrs else None, parent, new_trace)

    def origin(self, kind: v.Unit, name: str, loop: LoopState) -> Origin:
        """What units of this kind and name have in common on this loop."""
        key = (loop.number, kind, name)
        known = self._originals.get(key)
        if known is None:
            if len(self._originals) >= ORIGINS_KEPT:  # a program may name its stages by request
                self._originals.clear()
            known = self._originals[key] = Origin(kind, name, {v.UNIT: kind, v.CLOCK: loop.clock, v.LOOP: loop.number})
        return known

    def begin_unit(self, origin: Origin, loop: LoopState, attrs: Attributes | None, parent: Unit | None, begins: bool) -> Unit:  # noqa: FBT001 - hot path
        """Open a unit of an origin that is known; `attrs` becomes its own. `begins`: a trace begins here."""
        at_ns = loop.now_ns() if loop.virtual else monotonic_ns() + ANCHOR_NS
        self.last_seq = seq = self._seq()
        span_id = self._bits(64) or 1
        if parent is not None and not begins:
            unit = Unit(parent.trace_id, span_id, parent.span_id, origin, at_ns, seq)
            unit.creator = parent.span_id
            if parent.run is not None:
                unit.run = parent.run
        else:
            unit = Unit(self.new_trace_id(), span_id, None, origin, at_ns, seq)
            if parent is not None:
                unit.creator = parent.span_id
                attrs = {**(attrs or {}), v.ORIGIN_TRACE: f"{parent.trace_id:032x}", v.ORIGIN_SPAN: parent.hex}
                unit.links = [(parent.trace_id, parent.span_id)]
        if attrs:
            unit.attrs = attrs
        if origin.kind == "pipeline":
            unit.run = span_id
        self._open[span_id] = unit
        self._opened(unit)
        return unit

    def forget(self, unit: Unit) -> None:
        """The unit never came to be: its task could not be created."""
        unit.outcome = "unfinished"
        unit.end_ns, unit.end_seq = unit.start_ns, self.seq()
        self.release(unit)

    def end(self, unit: Unit, loop: LoopState, outcome: v.Outcome, error: BaseException | None = None) -> None:
        """The unit's own code has ended. The sink hears of it by `release`, when reports have been added."""
        at_ns = loop.now_ns()
        if unit.held is not None:
            unit.held.look(at_ns)
        unit.end_ns, unit.end_seq = at_ns, self.seq()
        unit.outcome = outcome
        text = ""
        if error is not None:
            unit.attrs[v.ERROR_TYPE] = type_name(error)
            text = safe_text(error)
            if text:
                unit.attrs[v.EXCEPTION_MESSAGE] = text
        # A wanted cancellation is no error, and neither is a scope whose TimeoutError is caught.
        kind = unit.origin.kind
        if (outcome == "failed" and kind in ("stage", "pipeline", "task", "cleanup", "subpipeline")) or (
            outcome == "timed_out" and kind in ("stage", "pipeline")
        ):
            unit.status = 2
            unit.status_message = text
        self.touch(unit)

    def complete(self, unit: Unit, at_ns: int) -> None:
        """A unit that nobody asked, and in which nothing is open, has returned: `close` for the common case."""
        if unit.held is not None:
            unit.held.look(at_ns)
        unit.end_ns = at_ns
        self.last_seq = unit.end_seq = self._seq()
        unit.outcome = "completed"
        if unit.held is not None and unit.held.keep():
            self.touch(unit)
            return
        self._open.pop(unit.span_id, None)
        self._ended(unit)

    def release(self, unit: Unit) -> None:
        """Nothing more will be added to an ended unit, unless it has left something open."""
        if unit.held is not None and unit.held.keep():
            self.touch(unit)
            return
        self.release_now(unit)

    def release_now(self, unit: Unit) -> None:
        """Nothing more will be added to an ended unit."""
        self._open.pop(unit.span_id, None)
        self._ended(unit)

    def touch(self, unit: Unit) -> None:
        """An open unit was changed; the next tick writes it."""
        if not unit.dirty:
            unit.dirty = True
            self.sink.changed(unit)

    def event(self, unit: Unit, name: str, at_ns: int, attrs: Attributes) -> int:
        """Note an event on a unit; returns its seq."""
        self.last_seq = seq = self._seq()
        attrs[v.SEQ] = seq
        events: Any = unit.events
        if events.__class__ is not list:
            unit.events = [(name, at_ns, seq, attrs)]
        elif len(events) < EVENT_LIMIT:
            events.append((name, at_ns, seq, attrs))
        else:
            cut = unit.attrs.get(v.EVENTS_DROPPED, 0)
            unit.attrs[v.EVENTS_DROPPED] = (cut if isinstance(cut, int) else 0) + 1
        if not unit.dirty:
            unit.dirty = True
            self.sink.changed(unit)
        return seq

    def now_on(self, unit: Unit) -> int:
        """Now on the clock of a unit's loop, from outside of its tasks."""
        number = unit.origin.attrs.get(v.LOOP)
        for loop in self.known_loops():
            if loop.number == number:
                return loop.now_ns()
        return now_ns()

    def note_blocked(self, loop: LoopState, unit: Unit | None) -> None:
        """The running step has kept its loop busy too long: note it on the unit that did, before that ends."""
        step = loop.step
        # A loop under virtual time is never late.
        if step.started_ns == 0 or loop.virtual or unit is None or unit.end_ns is not None:
            return
        until_ns = monotonic_ns()
        lasted_ns = until_ns - step.noted_ns
        if lasted_ns < self.blocked_ns:
            return
        if self.watchdog is not None:
            self.watchdog.settle(step, until_ns)
        attrs = blocked_facts(step, lasted_ns)
        step.noted_ns = until_ns
        self.event(unit, v.LOOP_BLOCKED, loop.now_ns(), attrs)

    def note_started(self, unit: Unit, at_ns: int) -> None:
        """The unit makes its first step."""
        self.last_seq = unit.started_seq = self._seq()
        unit.started_ns = at_ns
        unit.dirty = True

    def _fault(self, seam: Seam, error: BaseException) -> None:
        self.event(
            self.recording,
            v.PROBE_FAULT,
            now_ns(),
            {v.FAULT_PROBE: seam.name, v.FAULT_TYPE: type_name(error), v.FAULT_MESSAGE: safe_text(error)},
        )
        if self.on_fault is not None:
            self.on_fault()

    # --- requests and deliveries ---------------------------------------------------------------------------------

    def request(self, state: TaskState, request: Request, addressed: Iterable[Unit], attrs: Attributes) -> None:
        """Note a request on the addressee and on every open unit inside it in the same task."""
        state.pending = [*state.pending, request]
        at_ns = state.loop.now_ns()
        if state.loop.turn:
            attrs[v.TURN] = state.loop.turn
        for unit in addressed:
            seq = self.event(unit, v.CANCEL_REQUESTED, at_ns, dict(attrs))
            if v.FIRST_REQUEST_NS not in unit.attrs:
                unit.attrs[v.FIRST_REQUEST_NS] = at_ns
                unit.attrs[v.FIRST_REQUEST_SEQ] = seq

    def deliver(self, state: TaskState, where: tuple[str, int, str] | None) -> None:
        """CancelledError enters the innermost open unit of a task: it answers what is pending, or it is borrowed."""
        answered = [request for request in state.pending if not request.delivered and _is_due(request, state)]
        for request in answered:
            request.delivered = True
        if state.stack:
            self._deliver_to(state, state.stack[-1], answered, where)

    def deliver_outward(self, state: TaskState, unit: Unit, outer: Unit) -> None:
        """CancelledError left `unit` and enters the next outer one of the same task."""
        # What was addressed to the inner unit alone (its own deadline) was never asked of the outer one.
        answered = [request for request in unit.delivered if request in state.pending and _reaches(request, state, outer)]
        # Where the outer unit stood is where the inner one began.
        attrs, where = unit.attrs, None
        if unit.kind == "scope" and v.CODE_FILE in attrs:
            where = str(attrs[v.CODE_FILE]), int(str(attrs[v.CODE_LINE])), str(attrs[v.CODE_FUNCTION])
        self._deliver_to(state, outer, answered, where)

    def _deliver_to(self, state: TaskState, unit: Unit, answered: list[Request], where: tuple[str, int, str] | None) -> None:
        attrs: Attributes = {
            v.DELIVERY_REQUESTS: [request.id for request in answered],
            v.DELIVERY_BORROWED: not answered,
        }
        if state.loop.turn:
            attrs[v.TURN] = state.loop.turn
        if where is not None:
            attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
        at_ns = state.loop.now_ns()
        seq = self.event(unit, v.CANCEL_DELIVERED, at_ns, attrs)
        if v.FIRST_DELIVERY_NS not in unit.attrs:
            unit.attrs[v.FIRST_DELIVERY_NS] = at_ns
            unit.attrs[v.FIRST_DELIVERY_SEQ] = seq
        if answered:
            unit.delivered = [*unit.delivered, *answered]
            unit.delivered_step = state.steps

    def consume(self, state: TaskState, requests: Iterable[Request], by: str) -> None:
        """Requests ended lawfully: note it on each open unit of the task that had their delivery."""
        ended = list(requests)
        if not ended:
            return
        state.pending = [request for request in state.pending if request not in ended]
        at_ns = state.loop.now_ns()
        for unit in list(state.stack):
            had = [request for request in unit.delivered if request in ended]
            if had:
                unit.delivered = [request for request in unit.delivered if request not in ended]
                self.event(
                    unit,
                    v.CANCEL_CONSUMED,
                    at_ns,
                    {v.DELIVERY_REQUESTS: [request.id for request in had], v.CONSUMED_BY: by},
                )

    def withdraw(self, state: TaskState, request: Request, where: tuple[str, int, str] | None) -> None:
        """A request was taken back before it was delivered."""
        state.pending = [other for other in state.pending if other is not request]
        for unit in list(state.stack):
            attrs: Attributes = {v.REQUEST_ID: request.id}
            if where is not None:
                attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
            self.event(unit, v.CANCEL_WITHDRAWN, state.loop.now_ns(), attrs)

    def close(
        self,
        state: TaskState,
        unit: Unit,
        error: BaseException | None,
        outcome: v.Outcome | None = None,
        *,
        release: bool = True,
    ) -> None:
        """A unit of a task ends by return (`error` None) or by an exception.

        Decides the outcome where the caller does not know it, notes a swallowed delivery, and hands a CancelledError to the
        next outer unit of the task.
        """
        if unit.end_ns is not None:
            return
        step = state.loop.step
        if step.started_ns and monotonic_ns() - step.noted_ns >= self.blocked_ns:
            with self.seams.watchdog:
                self.note_blocked(state.loop, unit)
        state.leave(unit)
        # The second is what anyio makes of it for a thread that waits for the task.
        if isinstance(error, asyncio.CancelledError) or (unit.delivered and isinstance(error, concurrent.futures.CancelledError)):
            if outcome is None:
                outcome = "timed_out" if _by_own_deadline(unit) else "cancelled"
            self.end(unit, state.loop, outcome, error)
            if state.stack:
                self.deliver_outward(state, unit, state.stack[-1])
        else:
            swallowed = [request for request in unit.delivered if request in state.pending]
            if swallowed:
                how = "raised" if error is not None else "returned" if state.steps == unit.delivered_step else "went_on"
                self.event(
                    unit,
                    v.CANCEL_SWALLOWED,
                    state.loop.now_ns(),
                    {v.DELIVERY_REQUESTS: [request.id for request in swallowed], v.SWALLOWED_HOW: how},
                )
            self.end(unit, state.loop, outcome or ("completed" if error is None else "failed"), error)
        unit.delivered = ()
        if release:
            self.release(unit)


def _by_own_deadline(unit: Unit) -> bool:
    return any(request.scope is not None and request.scope.unit is unit for request in unit.delivered)


def _is_due(request: Request, state: TaskState) -> bool:
    """Whether a CancelledError that is thrown now answers the request.

    Each step answers what was asked before it. What was asked earlier went down to something that the task awaited, and ended
    there. Not so while `wait_for` has an inner task, whose steps are counted too; nor for what anyio asks again and again.
    """
    if request.level < state.level:
        return False
    return request.step >= state.steps - 1 or request.passed_on is not None


def _reaches(request: Request, state: TaskState, unit: Unit) -> bool:
    """Whether a request was asked of `unit`: it is the addressee or stands inside it."""
    if request.addressee is None:
        return True
    if request.addressee not in state.stack:
        return False
    return state.stack.index(unit) >= state.stack.index(request.addressee)
