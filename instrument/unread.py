"""Tasks that failed and at whose error nobody looked.

asyncio keeps book of that itself: a failure marks its task, and whoever asks for its result, awaits it or calls `exception()` takes
the mark off. A task that is dropped with its mark tells its loop's `call_exception_handler`; what is still there when the recording
ends is looked at then. So nothing is done for a task that does not fail, and none is kept alive.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any, Final, cast

from . import vocabulary as v
from .taskstate import state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loops import Loops
    from .patching import Patches
    from .recorder import Recorder
    from .records import Unit
    from .taskstate import TaskState

NEVER_RETRIEVED: Final = " exception was never retrieved"
"""How asyncio's message ends, behind the name of the class: of tasks and futures in C and in Python, also under uvloop."""


class Unread:
    """The failed tasks of one recording: those that are still there, and those that were told of."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._there: dict[int, weakref.KeyedRef[int, Any]] = {}
        self._told: set[int] = set()
        self._listeners: set[object] = set()

    def failed(self, unit: Unit, state: TaskState, task: object = None) -> None:
        """A task's own unit has ended by an error; `task`: it, where it is not the one that is running."""
        if task is None:
            loop = _get_running_loop()
            task = None if loop is None else asyncio.current_task(loop)
        # A coroutine that somebody closes by hand, or that is driven by something else, ends outside of its task.
        if task is not None and state_of(task) is state:
            self._there[unit.span_id] = weakref.KeyedRef(task, self._gone, unit.span_id)

    def _gone(self, ref: weakref.KeyedRef[int, Any]) -> None:
        self._there.pop(ref.key, None)

    def watch(self, patches: Patches, cls: Any) -> None:
        """Hear what this class of loops is told."""
        handle = cls.call_exception_handler
        if handle not in self._listeners:
            listener = self._listening(handle)
            self._listeners.add(listener)
            patches.set(cls, "call_exception_handler", listener)

    def _listening(self, handle: Any) -> Callable[..., Any]:
        recorder = self._recorder

        @functools.wraps(handle)
        def call_exception_handler(self_: Any, context: Any) -> Any:
            if recorder.alive and recorder.seams.task.on:
                with recorder.seams.task:
                    self.dropped(context)
            return handle(self_, context)

        return call_exception_handler

    def dropped(self, context: Any) -> None:
        """A loop was told something: perhaps that a task goes at whose error nobody has looked."""
        if not isinstance(context, dict):
            return
        known = cast("dict[str, Any]", context)
        told = known.get("message")
        if not isinstance(told, str) or not told.endswith(NEVER_RETRIEVED):
            return
        task = known.get("future")
        state = state_of(task)
        # The inner task of `wait_for` (3.11) shares the state of the task that waits; a task may be of a recording before this one.
        own = not getattr(getattr(task, "_coro", None), "_level", 0) and getattr(task, "_recorder", self._recorder) is self._recorder
        if state is not None and own:
            self._tell(state)

    def finish(self, ended_by: v.EndedBy) -> None:
        """The recording ends: tell of what is still there and was not looked at. Where the program goes on, somebody may look yet."""
        for task in [task for ref in list(self._there.values()) if (task := ref()) is not None]:
            state = state_of(task)
            if state is not None and getattr(task, "_log_traceback", False):
                self._tell(state, so_far=ended_by == "session")

    def _tell(self, state: TaskState, *, so_far: bool = False) -> None:
        unit = state.unit
        # A loop's method may call that of its base, which listens too.
        if unit is None or unit.outcome != "failed" or unit.span_id in self._told:
            return
        self._told.add(unit.span_id)
        attrs: dict[str, Any] = {v.UNREAD_SPAN: unit.hex}
        if so_far:
            attrs[v.UNREAD_SO_FAR] = True
        # Perhaps the garbage collector runs, amid other work of ours that has a lock: no method that takes one.
        self._recorder.event(self._recorder.program, v.EXCEPTION_UNREAD, state.loop.now_ns(), attrs)


def install(recorder: Recorder, loops: Loops) -> Unread:
    """Watch every class of loops."""
    unread = Unread(recorder)
    recorder.task_failed = unread.failed
    loops.watchers.append(unread.watch)
    # A class that is built on a watched one may have a method of its own.
    loops.running.append(unread.watch)
    return unread
