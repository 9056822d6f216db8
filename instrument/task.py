"""A `Task` class that records: creation, who cancels it and from where, `uncancel`, and whose callbacks hang on it.

The class stands in for `asyncio.Task` for the length of a session, so that every loop of the process uses it, loops that are
made later included, and so do libraries that call `asyncio.Task(...)` past any task factory. After the session its tasks
behave like plain ones.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

from . import callers
from . import vocabulary as v
from .awaiting import note_callback
from .frames import short_name, site
from .probe import Probe, TaskProbe
from .records import Request
from .taskstate import TaskState, adopt, running_state

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import CodeType, FrameType

    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes, Unit

PlainTask = asyncio.Task


class _Meta(type):
    """`isinstance(task, asyncio.Task)` stays true for tasks that were made before the session."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, PlainTask)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, PlainTask)


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

    def __init__(self, coro: Any, *, loop: Any = None, **options: Any) -> None:
        recorder = _active
        self._spanproof = None
        self._recorder = recorder
        watched = coro
        if recorder is not None and recorder.seams.task.on:
            try:
                self._spanproof, watched = record_creation(recorder, coro, loop)
            except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
                recorder.seams.task.fail(fault)
        try:
            super().__init__(watched, loop=loop, **options)
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
        state.loop.cancelling.append(request)
        try:
            return super().cancel(msg)
        finally:
            state.loop.cancelling.pop()

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
        recorder, state = self._recorder, self._spanproof
        if state is not None and recorder is not None and recorder.alive:
            seam = recorder.seams.awaiting
            if seam.on:
                with seam:
                    note_callback(recorder, self, callback, state)
        super().add_done_callback(callback, context=context)


def _forget(recorder: Recorder, state: TaskState | None) -> None:
    """The task could not be created: take its record out again, unless that is the state of a task that waits for it."""
    if state is not None and state.unit is not None and not state.started:
        recorder.forget(state.unit)


# asyncio's own messages, and people's logs, name the class: "Task exception was never retrieved".
RecordedTask.__name__ = RecordedTask.__qualname__ = "Task"
RecordedTask.__module__ = asyncio.Task.__module__


def record_creation(recorder: Recorder, coro: Any, loop: Any) -> tuple[TaskState | None, Any]:
    """Make the record of a task that is about to be created; returns its state and what the task shall drive."""
    if not asyncio.iscoroutine(coro):
        return None, coro
    running = _get_running_loop()
    owner = loop if loop is not None else running
    if owner is None:
        return None, coro
    creator = running_state() if running is owner else None
    if creator is not None and creator.coroutine is coro:
        # wait_for's inner task: a part of the task that waits.
        creator.coroutine = None
        return creator, TaskProbe(coro, creator, recorder, inner=True)
    watched: Any = coro.watched if isinstance(coro, Probe) else coro
    state = TaskState(creator.loop, creator.innermost) if creator is not None else TaskState(recorder.loop_state(owner), None)
    code = getattr(watched, "cr_code", None) or getattr(watched, "gi_code", None)
    if not callers.is_transparent(watched, code):
        state.unit = open_task(recorder, state, watched, code, creator, is_main=running is None)
        state.stack.append(state.unit)
    return state, TaskProbe(coro, state, recorder, inner=False)


_kinds: dict[str, tuple[CodeType | None, str, Attributes]] = {}
"""By qualified name: the code last seen under it, the unit's name, and the attributes that all its tasks share."""


def _kind_of(coro: Any, code: CodeType | None) -> tuple[CodeType | None, str, Attributes]:
    qualified: str = getattr(coro, "__qualname__", None) or type(coro).__qualname__
    known = _kinds.get(qualified)
    if known is None or known[0] is not code:
        shared: Attributes = {} if code is None else {v.CODE_FILE: code.co_filename, v.CODE_LINE: code.co_firstlineno}
        shared[v.CODE_FUNCTION] = qualified
        known = _kinds[qualified] = (code, f"task {short_name(qualified)}", shared)
    return known


def open_task(
    recorder: Recorder, state: TaskState, coro: Coroutine[Any, Any, Any], code: CodeType | None, creator: TaskState | None, *, is_main: bool
) -> Unit:
    """Open the unit of a task."""
    _code, name, shared = _kind_of(coro, code)
    parent = state.base
    detached = creator is not None and creator.detaching > 0
    begins = detached or (parent is not None and v.DETACHED in parent.attrs)
    unit = recorder.open("task", name, state.loop, parent=parent, new_trace=begins, attrs=shared)
    if is_main:
        unit.attrs[v.MAIN] = True
    if detached:
        unit.attrs[v.DETACHED] = True
    if begins:
        unit.run = None
    group = creator.group if creator is not None else None
    if group is not None:
        unit.attrs[v.GROUP] = group.number
        if group.owner is not None:
            unit.attrs[v.GROUP_OWNER] = group.owner.hex
    return unit


def record_request(recorder: Recorder, task: Any, state: TaskState, msg: Any, frame: FrameType) -> Request | None:
    """Note a `cancel()` call on a task that is not done; None for what `wait_for` does to its own inner task."""
    cancelling = state.loop.cancelling
    call = callers.who_cancels(recorder, state, frame)
    if call is None:
        return None
    request = Request(recorder.number(), call.mechanism, None)
    attrs: Attributes = {v.REQUEST_ID: request.id, v.REQUEST_MECHANISM: call.mechanism}
    if cancelling:
        former = cancelling[-1]
        request.mechanism = attrs[v.REQUEST_MECHANISM] = former.mechanism
        attrs[v.REQUEST_VIA] = former.id
    else:
        request.scope, request.group = call.deadline, call.group
        if call.via is not None:
            attrs[v.REQUEST_VIA] = call.via
        # A timer asks by itself: on 3.11 wait_for carries it out inside the waiting task, elsewhere the loop does.
        where = site(frame) if call.mechanism != "timer" else None
        if where is not None:
            attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
        if call.member is not None:
            attrs[v.REQUEST_MEMBER] = call.member.hex
    asker = running_state()
    by = asker.innermost if asker is not None else None
    if by is not None and (call.mechanism != "timer" or cancelling):
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
    attrs[v.REQUEST_COUNT] = int(task.cancelling()) + 1
    attrs[v.REQUEST_LIVE] = True
    if not state.started:
        attrs[v.REQUEST_STARTED] = True
    inside = state.stack[state.stack.index(addressee) :] if addressee in state.stack else []
    recorder.request(state, request, inside, attrs)
    return request


def record_uncancel(recorder: Recorder, state: TaskState, frame: FrameType, *, taken_back: bool) -> None:
    """User code takes a request back: before its delivery it is withdrawn, after it consumed."""
    if callers.is_lawful_uncancel(frame):
        return
    for request in reversed(state.pending):
        if request.delivered:
            recorder.consume(state, [request], "uncancel")
            return
        if taken_back:
            recorder.withdraw(state, request, site(frame))
            return


def adopt_running(recorder: Recorder) -> None:
    """A session begins inside a running loop: give units to its tasks, the running one included.

    Their requests are seen where a scope or a group makes them, their ends by a callback one turn of the loop later, and their
    deliveries by `sys.monitoring` alone.
    """
    loop = _get_running_loop()
    if loop is None:
        return
    for task in asyncio.all_tasks(loop):
        if isinstance(getattr(task, "_spanproof", None), TaskState):
            continue
        state = TaskState(recorder.loop_state(loop), None)
        state.adopted = state.started = True
        coro: Any = task.get_coro()
        state.unit = open_task(recorder, state, coro, getattr(coro, "cr_code", None), None, is_main=False)
        recorder.note_started(state.unit, state.unit.start_ns)
        state.enter(state.unit)
        adopt(task, state)
        task.add_done_callback(_ended_when_adopted(recorder, state))


def _ended_when_adopted(recorder: Recorder, state: TaskState) -> Callable[[Any], None]:
    def ended(task: Any) -> None:
        if state.unit is None or not recorder.alive:
            return
        with recorder.seams.task:
            # `exception()` would mark a failure as seen and silence asyncio's own report.
            error = asyncio.CancelledError() if task.cancelled() else getattr(task, "_exception", None)
            recorder.close(state, state.unit, error)

    return ended


def install(recorder: Recorder, patches: Patches) -> None:
    """Let `asyncio.Task` be the recording class."""
    activate(recorder)
    recorder.seams.task.install()
    recorder.seams.cancel.install()
    patches.set(asyncio.tasks, "Task", RecordedTask)
    patches.set(asyncio, "Task", RecordedTask)
    make_factory: Any = getattr(asyncio, "create_eager_task_factory", None)
    if make_factory is not None:
        # Python 3.12 and later: asyncio's own factory keeps the plain class.
        patches.set(asyncio, "eager_task_factory", make_factory(RecordedTask))
    adopt_running(recorder)
