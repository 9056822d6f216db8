"""Tasks that are not of the recording class: those that ran when the session began, and those of a class of the program's own.

asyncio's plain class is written in C and cannot be patched, but each of its objects takes attributes: `cancel`, `uncancel` and
`add_done_callback` are set on the task itself, until it ends or the session does. What asyncio asks of a task goes through these
too (a scope's timer, a TaskGroup, `gather`, a cancel that is passed on along a chain of awaits).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from types import MethodType
from typing import TYPE_CHECKING, Any

from . import callers
from . import vocabulary as v
from .awaiting import note_callback
from .probe import Probe, TaskProbe
from .records import Attributes, Request
from .task import PlainTask, RecordedTask, _describe, _origin_of, open_task, record_request, record_uncancel
from .taskstate import TaskState, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .recorder import Recorder

_METHODS = ("cancel", "uncancel", "add_done_callback", "get_coro")


class Foreigners:
    """The tasks of one recording that are not of the recording class, or were made by a recording before this one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._loops: weakref.WeakSet[Any] = weakref.WeakSet()
        self._callbacks: weakref.WeakKeyDictionary[Any, Callable[[Any], None]] = weakref.WeakKeyDictionary()
        self._watching = _watching(recorder)
        self.adopted = 0
        """Tasks that were running before their recording began."""

    # --- tasks that ran before ------------------------------------------------------------------------------------

    def adopt_running(self) -> None:
        """A session begins inside a running loop: give units to its tasks, the running one included.

        Their deliveries are seen by `sys.monitoring` alone, and their ends by a callback one turn of the loop later.
        """
        loop = _get_running_loop()
        if loop is not None:
            self.adopt_all(loop)

    def adopt_all(self, loop: Any) -> None:
        """Give a unit to each task of this loop that has none: before its first run, those made before the session."""
        if loop in self._loops:
            return
        self._loops.add(loop)
        for task in asyncio.all_tasks(loop):
            recorded = RecordedTask in type(task).__mro__  # `isinstance` says yes to every task
            if state_of(task) is None or (recorded and getattr(task, "_recorder", None) is not self._recorder):
                self._adopt(task, loop)

    def _adopt(self, task: Any, loop: Any) -> None:
        recorder = self._recorder
        state = TaskState(recorder.loop_state(loop), None)
        state.adopted = state.started = True
        self.adopted += 1
        coro: Any = task.get_coro()
        qualified: str = getattr(coro, "__qualname__", None) or type(coro).__qualname__
        # A unit for every one: what is plumbing of a library carries units only when they were seen to open.
        state.unit = unit = open_task(recorder, state, _describe(state.loop, coro, getattr(coro, "cr_code", None), qualified), None)
        recorder.note_started(unit, unit.start_ns)
        state.enter(unit)
        self._mark(task, state)
        if task.cancelling():
            self._note_earlier(task, state)
        self._when_done(task, state)

    def _note_earlier(self, task: Any, state: TaskState) -> None:
        """It was asked before the session began, by whom is not known: the request is dated to the beginning."""
        unit, recorder = state.unit, self._recorder
        if unit is None:
            return
        request = Request(recorder.number(), "task_cancel", unit)
        waiting = getattr(task, "_fut_waiter", None)
        request.delivered = not task._must_cancel and waiting is not None and not waiting.cancelled()  # noqa: SLF001
        attrs: Attributes = {
            v.REQUEST_ID: request.id,
            v.REQUEST_MECHANISM: request.mechanism,
            v.REQUEST_ADDRESSEE: unit.hex,
            v.REQUEST_COUNT: int(task.cancelling()),
            v.REQUEST_LIVE: True,
        }
        recorder.request(state, request, [unit], attrs)

    # --- tasks of another class -----------------------------------------------------------------------------------

    def record(self, task: Any, loop: Any, coro: Any, creator: TaskState | None) -> TaskProbe:
        """A factory of the program's has made a task of another class; returns what drives its coroutine."""
        recorder = self._recorder
        state = TaskState(recorder.loop_state(loop), None if creator is None else creator.innermost)
        watched = coro.watched if isinstance(coro, Probe) else coro
        origin = _origin_of(state.loop, watched)
        if origin.transparent:
            origin = callers.unwrapped(state.loop, watched, origin)
        if not origin.transparent:
            state.unit = unit = open_task(recorder, state, origin, creator)
            if _get_running_loop() is None:
                unit.attrs[v.MAIN] = True
            state.stack.append(unit)
        return self._drive(task, state, coro, 0)

    def record_inner(self, task: Any, waiter: TaskState, coro: Any) -> TaskProbe:
        """The same for the inner task of `wait_for`, which is a part of the task that waits."""
        waiter.level += 1
        return self._drive(task, waiter, coro, waiter.level)

    def _drive(self, task: Any, state: TaskState, coro: Any, level: int) -> TaskProbe:
        # A class of the program's need not have all methods of asyncio's.
        drives = getattr(task, "get_coro", None)
        if drives is None or not isinstance(drives(), Probe):
            # The factory put a coroutine of its own around ours; if that never starts, neither does the probe.
            self._when_done(task, None if level else state)
        self._mark(task, state)
        return ForeignProbe(coro, state, self._recorder, level, task)

    def _when_done(self, task: Any, state: TaskState | None) -> None:
        callback = _ended(self._recorder, state)
        # Not through a method that is watched: this is none of the program's callbacks.
        cls: Any = PlainTask if isinstance(task, PlainTask) else _class_of(task)
        cls.add_done_callback(task, callback)
        self._callbacks[task] = callback

    # --- marks on the tasks ---------------------------------------------------------------------------------------

    def _mark(self, task: Any, state: TaskState) -> None:
        task._spanproof = state
        if RecordedTask in type(task).__mro__:
            task._recorder = self._recorder  # noqa: SLF001 - made by a session before this one
            return
        self._known.add(task)
        for name, function in self._watching.items():
            if hasattr(task, name):
                setattr(task, name, MethodType(function, task))

    def restore(self) -> None:
        """Take every mark off again."""
        for task in list(self._known):
            unmark(task)
            with contextlib.suppress(AttributeError):
                del task._spanproof
        for task, callback in list(self._callbacks.items()):
            task.remove_done_callback(callback)
        self._known.clear()
        self._callbacks.clear()


def unmark(task: Any) -> None:
    """The task's methods are those of its class again."""
    for name in _METHODS:
        # Somebody else may have put something of theirs on top: it stays.
        if getattr(getattr(task, name, None), "__module__", None) == __name__:
            with contextlib.suppress(AttributeError):
                delattr(task, name)


class ForeignProbe(TaskProbe):
    """A `TaskProbe` that takes the marks off its task in the end: through them the task refers to itself."""

    __slots__ = ("_task",)

    def __init__(self, coro: Any, state: TaskState, recorder: Recorder, level: int, task: Any) -> None:
        super().__init__(coro, state, recorder, level)
        self._task = weakref.ref(task)

    def _ended(self, error: BaseException | None, began_ns: int) -> None:
        super()._ended(error, began_ns)
        task = self._task()
        if task is not None:
            unmark(task)


def _ended(recorder: Recorder, state: TaskState | None) -> Callable[[Any], None]:
    def ended(task: Any) -> None:
        unmark(task)
        unit = None if state is None else state.unit
        if state is None or unit is None or unit.end_ns is not None or not recorder.alive:
            return
        with recorder.seams.task:
            # `exception()` would mark a failure as seen and silence asyncio's own report.
            error = asyncio.CancelledError() if task.cancelled() else getattr(task, "_exception", None)
            for inside in reversed(state.stack[1:]):
                recorder.close(state, inside, error)
            recorder.close(state, unit, error)
            if unit.outcome == "failed" and recorder.task_failed is not None:
                recorder.task_failed(unit, state, task)

    return ended


def _class_of(task: Any) -> Any:
    return task.__class__


def _watching(recorder: Recorder) -> dict[str, Callable[..., Any]]:
    """What stands in for a task's methods. A task refers to itself through them, as it does while it waits for anything."""
    seams = recorder.seams

    def cancel(task: Any, msg: Any = None) -> Any:
        state = state_of(task)
        request: Request | None = None
        if state is not None and recorder.alive and seams.cancel.on and not task.done():
            with seams.cancel:
                request = record_request(recorder, task, state, msg, sys._getframe(1))
        if request is None or state is None:
            return _class_of(task).cancel(task, msg)
        state.loop.cancelling.append(request)
        try:
            return _class_of(task).cancel(task, msg)
        finally:
            state.loop.cancelling.pop()

    def uncancel(task: Any) -> Any:
        state = state_of(task)
        due = getattr(task, "_must_cancel", False)
        left = _class_of(task).uncancel(task)
        if state is not None and recorder.alive and seams.cancel.on:
            with seams.cancel:
                record_uncancel(recorder, state, sys._getframe(1), taken_back=due and not task._must_cancel)  # noqa: SLF001
        return left

    def add_done_callback(task: Any, callback: Any, /, **options: Any) -> Any:
        state = state_of(task)
        if state is not None and recorder.alive and seams.awaiting.on:
            with seams.awaiting:
                note_callback(recorder, task, callback, state)
        return _class_of(task).add_done_callback(task, callback, **options)

    def get_coro(task: Any) -> Any:
        coro = _class_of(task).get_coro(task)
        return coro.watched if isinstance(coro, Probe) else coro

    return {"cancel": cancel, "uncancel": uncancel, "add_done_callback": add_done_callback, "get_coro": get_coro}
