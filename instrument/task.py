"""A `Task` class that records: creation, who cancels it and from where, `uncancel`, and whose callbacks hang on it.

The class stands in for `asyncio.Task` for the length of a session, so that every loop of the process uses it, loops that are
made later included, and so do libraries that call `asyncio.Task(...)` past any task factory. After the session its tasks
behave like plain ones.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from . import callers
from . import vocabulary as v
from .awaiting import SILENT_CALLBACKS, note_callback
from .frames import short_name, site
from .probe import Probe, TaskProbe
from .recorder import ORIGINS_KEPT
from .records import Origin, Request
from .taskstate import TaskState, running_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from .clocks import LoopState
    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes, Unit

PlainTask = asyncio.Task
_plain: Any = PlainTask
_initialise = _plain.__init__
_add_done_callback = _plain.add_done_callback
_cancel = _plain.cancel
_CHAIN = 64
"""Links of a chain of tasks that are cancelled one inside the other."""


class _Meta(type):
    """`isinstance(task, asyncio.Task)` stays true for tasks that were made before the session; a subclass answers for itself."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, PlainTask) if cls is _recorded else type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, PlainTask) if cls is _recorded else type.__subclasscheck__(cls, subclass)


_recorded: type | None = None


_active: Recorder | None = None


def activate(recorder: Recorder | None) -> None:
    """Tasks made from now on belong to this recorder; None: to none."""
    global _active  # noqa: PLW0603 - asyncio.Task is one per process, and so is who records it
    _active = recorder


class RecordedTask(asyncio.Task[Any], metaclass=_Meta):
    """An `asyncio.Task` whose record exists before `Task.__init__`: an eager task runs inside it."""

    __slots__ = ("_recorder", "_spanproof")
    _spanproof: TaskState | None
    _recorder: Recorder | None
    if TYPE_CHECKING:
        _must_cancel: bool
        _fut_waiter: Any

    def __init__(self, coro: Any, *, loop: Any = None, **options: Any) -> None:
        self._recorder = recorder = _active
        watched = coro
        if recorder is None or not recorder.seams.task.on:
            self._spanproof = None
        else:
            try:
                self._spanproof, watched = record_creation(recorder, coro, loop)
            except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
                self._spanproof = None
                recorder.seams.task.fail(fault)
        try:
            _initialise(self, watched, loop=loop, **options)
        except BaseException:
            if recorder is not None:
                _forget(recorder, self._spanproof)
            raise

    def get_coro(self) -> Any:
        """The program's own coroutine, as without a recorder."""
        coro = super().get_coro()
        return coro.watched if isinstance(coro, Probe) else coro

    def cancel(self, msg: Any = None) -> bool:
        """Note who asks, from where, before it is passed on: a nested `cancel()` runs inside this one."""
        recorder, state = self._recorder, self._spanproof
        request: Request | None = None
        if state is not None and recorder is not None and recorder.alive and recorder.seams.cancel.on and not self.done():
            with recorder.seams.cancel:
                request = record_request(recorder, self, state, msg, sys._getframe(1))
        if request is None or state is None:
            return super().cancel(msg)
        cancelling = state.loop.cancelling
        cancelling.append(request)
        try:
            if recorder is not None and len(cancelling) % _CHAIN == 0:
                return _cancel_chain(recorder, self, state, msg)
            return super().cancel(msg)
        finally:
            cancelling.pop()

    def uncancel(self) -> int:
        """Note a request that user code takes back; scopes, groups and runners are noted where they are left."""
        recorder, state = self._recorder, self._spanproof
        due = self._must_cancel
        left = super().uncancel()
        if state is not None and recorder is not None and recorder.alive and recorder.seams.cancel.on:
            with recorder.seams.cancel:
                # Only 3.13 takes back what is not delivered yet, and only from a task that was not waiting.
                record_uncancel(recorder, state, sys._getframe(1), taken_back=due and not self._must_cancel)
        return left

    def add_done_callback(self, callback: Callable[..., Any], /, *, context: Any = None) -> None:
        """Note callbacks of user code, and who waits by `shield` or `as_completed`."""
        if id(getattr(callback, "__code__", None)) not in SILENT_CALLBACKS:
            recorder, state = self._recorder, self._spanproof
            if state is not None and recorder is not None and recorder.alive and recorder.seams.awaiting.on:
                with recorder.seams.awaiting:
                    note_callback(recorder, self, callback, state)
        _add_done_callback(self, callback, context=context)


def _cancel_chain(recorder: Recorder, task: Any, state: TaskState, msg: Any) -> bool:
    """Cancel a task deep in a chain of tasks that wait for each other, as asyncio does: each passes it on to the next.

    A method in Python at each link would run out of stack earlier than asyncio's own, so what is left of the chain is noted
    first, and then cancelled by asyncio's method alone. Not where the chain ends in something that asks tasks in its turn.
    """
    chain: list[Any] = []
    last: Any = task._fut_waiter  # noqa: SLF001 - the C class and the one in Python have this alike
    while last.__class__ is RecordedTask and not last.done() and last._spanproof is not None and last._spanproof.loop is state.loop:
        chain.append(last)
        last = last._fut_waiter  # noqa: SLF001
    if last is not None and last.__class__ is not asyncio.Future:
        return bool(_cancel(task, msg))
    cancelling = state.loop.cancelling
    before = len(cancelling)
    with recorder.seams.cancel:
        for each in chain:
            request = record_request(recorder, each, each._spanproof, msg, sys._getframe())
            if request is not None:
                cancelling.append(request)
    watched: Any = RecordedTask
    own = watched.cancel
    watched.cancel = _cancel
    try:
        return bool(_cancel(task, msg))
    finally:
        watched.cancel = own
        del cancelling[before:]


def _forget(recorder: Recorder, state: TaskState | None) -> None:
    """The task could not be created: take its record out again, unless that is the state of a task that waits for it."""
    if state is not None and state.unit is not None and not state.started:
        recorder.forget(state.unit)


_recorded = RecordedTask
# asyncio's own messages, and people's logs, name the class: "Task exception was never retrieved".
RecordedTask.__name__ = RecordedTask.__qualname__ = "Task"
RecordedTask.__module__ = asyncio.Task.__module__

_make_eager: Any = getattr(asyncio, "create_eager_task_factory", None)
RECORDED_EAGER: Any = None if _make_eager is None else _make_eager(RecordedTask)
"""`asyncio.eager_task_factory` with the recording class."""


def record_creation(recorder: Recorder, coro: Any, loop: Any) -> tuple[TaskState | None, Any]:
    """Make the record of a task that is about to be created; returns its state and what the task shall drive."""
    plain = coro.__class__ is CoroutineType
    watched: Any = coro
    if not plain and not asyncio.iscoroutine(coro):
        return None, coro
    running = _get_running_loop()
    owner = loop if loop is not None else running
    if owner is None:
        return None, coro
    creator = running_state() if running is owner else None
    if creator is None:
        state = TaskState(recorder.loop_state(owner), None)
    elif creator.coroutine is coro:
        # wait_for's inner task: a part of the task that waits.
        creator.coroutine = None
        creator.level += 1
        return creator, TaskProbe(watched, creator, recorder, creator.level)
    else:
        stack = creator.stack
        state = TaskState(creator.loop, stack[-1] if stack else creator.base)
    origin = state.loop.origins.get(watched.__qualname__) if plain else None
    if origin is None or origin.code is not watched.cr_code:
        if isinstance(coro, Probe):
            watched = coro.watched
        origin = _origin_of(state.loop, watched)
    if origin.transparent:
        origin = callers.unwrapped(state.loop, watched, origin)
    if not origin.transparent:
        state.unit = unit = open_task(recorder, state, origin, creator)
        if running is None:
            unit.attrs[v.MAIN] = True
        state.stack.append(unit)
    return state, TaskProbe(coro, state, recorder, 0)


def _origin_of(loop: LoopState, coro: Any) -> Origin:
    """What all tasks of this coroutine function share on this loop: name, code, and whether they are plumbing."""
    code: CodeType | None = getattr(coro, "cr_code", None) or getattr(coro, "gi_code", None)
    qualified: str = getattr(coro, "__qualname__", None) or type(coro).__qualname__
    known = loop.origins.get(qualified)
    if known is None or known.code is not code:
        if len(loop.origins) >= ORIGINS_KEPT:
            loop.origins.clear()
        known = loop.origins[qualified] = _describe(loop, coro, code, qualified)
    return known


def _describe(loop: LoopState, coro: Any, code: CodeType | None, qualified: str) -> Origin:
    shared: Attributes = {v.UNIT: "task", v.CLOCK: loop.clock, v.LOOP: loop.number}
    if code is not None:
        place = callers.in_source(code)
        shared[v.CODE_FILE], shared[v.CODE_LINE] = place.co_filename, place.co_firstlineno
    shared[v.CODE_FUNCTION] = qualified
    return Origin("task", f"task {short_name(qualified)}", shared, code=code, transparent=callers.is_transparent(coro, code))


def open_task(recorder: Recorder, state: TaskState, origin: Origin, creator: TaskState | None) -> Unit:
    """Open the unit of a task."""
    parent = state.base
    attrs: Attributes | None = None
    if creator is None:
        if callers.outside.group is not None:
            _join(callers.outside.group, attrs := {})
    elif creator.group is not None or creator.detaching:
        _inherit(creator, attrs := {})
    begins = parent is not None and ((attrs is not None and v.DETACHED in attrs) or (parent.own is not None and v.DETACHED in parent.own))
    return recorder.begin_unit(origin, state.loop, attrs, parent, begins)


def _inherit(creator: TaskState, attrs: Attributes) -> None:
    """What a task has from where it was created: the group that owns it, and that it was declared detached."""
    if creator.detaching:
        attrs[v.DETACHED] = True
    if creator.group is not None:
        _join(creator.group, attrs)


def _join(group: callers.Group, attrs: Attributes) -> None:
    attrs[v.GROUP] = group.number
    if group.owner is not None:
        attrs[v.GROUP_OWNER] = group.owner.hex


def record_request(recorder: Recorder, task: Any, state: TaskState, msg: Any, frame: FrameType) -> Request | None:
    """Note a `cancel()` call on a task that is not done; None for what `wait_for` does to its own inner task."""
    cancelling = state.loop.cancelling
    again = callers.asked_again(state, cancelling[-1]) if cancelling else None
    if again is not None:
        return again
    call = callers.who_cancels(recorder, state, frame)
    level = _level_of(task) if state.level else 0
    if call is None:
        callers.handed_on(state, level)
        # What the inner task cancels in turn is propagated from the request that it was handed.
        return state.pending[-1] if state.pending else None
    if call.known is not None:
        return call.known
    request = Request(recorder.number(), call.mechanism, None)
    # The steps of wait_for's inner tasks are counted too: among them nothing can be told from a number.
    request.level, request.step = level, sys.maxsize if state.level else state.steps
    former = cancelling[-1] if cancelling and call.mechanism != "sigint" else None
    attrs = _who_and_where(state, request, call, former, frame)
    if request.passed_on is not None:
        msg = None  # a text that anyio reads again, with an address in it
    asker = running_state()
    by = asker.innermost if asker is not None else None
    if by is not None and (call.mechanism not in ("timer", "sigint") or former is not None):
        attrs[v.REQUEST_BY] = by.hex
    addressee = state.unit or (state.stack[0] if state.stack else None)
    scope_unit = request.scope.unit if request.scope is not None else None
    if scope_unit is not None and scope_unit in state.stack:
        addressee = scope_unit
    request.addressee = addressee
    if addressee is not None:
        attrs[v.REQUEST_ADDRESSEE] = addressee.hex
    if msg is not None:
        attrs[v.REQUEST_MESSAGE] = str(msg)[:1_000] if isinstance(msg, (str, int, float)) else type(msg).__qualname__
    if hasattr(task, "cancelling"):  # a class of the program's own may lack it
        attrs[v.REQUEST_COUNT] = int(task.cancelling()) + 1
    attrs[v.REQUEST_LIVE] = True
    if not state.started:
        attrs[v.REQUEST_STARTED] = True
    inside = state.stack[state.stack.index(addressee) :] if addressee in state.stack else []
    recorder.request(state, request, inside, attrs)
    return request


def _level_of(task: Any) -> int:
    """At which of `wait_for`'s inner tasks a task stands; 0 outside of any."""
    # Not `get_coro()`, which shows the program's own; the C class and the one in Python have this alike.
    return int(getattr(getattr(task, "_coro", None), "_level", 0))


def _who_and_where(state: TaskState, request: Request, call: callers.Call, former: Request | None, frame: FrameType) -> Attributes:
    """Attributes of a new request: of the one that it is passed on from, or of its own."""
    attrs: Attributes = {v.REQUEST_ID: request.id, v.REQUEST_MECHANISM: call.mechanism}
    if former is not None:
        request.mechanism = attrs[v.REQUEST_MECHANISM] = former.mechanism
        attrs[v.REQUEST_VIA] = former.id
        if former.passed_on is not None:
            request.passed_on = {}
            former.passed_on[state] = request
        return attrs
    request.scope, request.group = call.deadline, call.group
    if call.via is not None:
        attrs[v.REQUEST_VIA] = call.via
    # A timer asks by itself: on 3.11 wait_for carries it out inside the waiting task, elsewhere the loop does.
    # Ctrl-C strikes wherever the program stands: who was running then has not asked.
    where = site(frame) if call.by_function or call.mechanism not in ("timer", "sigint") else None
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    if call.member is not None:
        attrs[v.REQUEST_MEMBER] = call.member.hex
    return attrs


def record_uncancel(recorder: Recorder, state: TaskState, frame: FrameType, *, taken_back: bool) -> None:
    """User code takes a request back: before its delivery it is withdrawn, after it consumed."""
    if taken_back:
        for request in callers.taken_back(state, frame):
            recorder.withdraw(state, request, site(frame))
        return
    if callers.is_lawful_uncancel(frame):
        return
    for request in reversed(state.pending):
        if request.delivered:
            recorder.consume(state, [request], "uncancel")
            return


def install(recorder: Recorder, patches: Patches) -> None:
    """Let `asyncio.Task` be the recording class."""
    activate(recorder)
    recorder.seams.task.install()
    recorder.seams.cancel.install()
    patches.set(asyncio.tasks, "Task", RecordedTask)
    patches.set(asyncio, "Task", RecordedTask)
    if RECORDED_EAGER is not None:
        # Python 3.12 and later: asyncio's own factory keeps the plain class.
        patches.set(asyncio, "eager_task_factory", RECORDED_EAGER)
