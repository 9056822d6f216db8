"""Which unit waits for which: seen where a task yields a future that stands for other units, or calls a function that does.

Only units are noted, not every future; a wait for something that is already done does not suspend and is not noted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from . import vocabulary as v
from .taskstate import running_state, state_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes, Unit
    from .taskstate import TaskState

_GatheringFuture: Any = asyncio.tasks._GatheringFuture  # type: ignore[attr-defined] # noqa: SLF001

# What an awaiting task itself hangs on what it awaits: the C task's method, by its name on 3.12 and later, and on 3.11.
_WAKEUPS = frozenset({"task_wakeup", "TaskWakeupMethWrapper"})

SILENT_CALLBACKS: set[int] = set()
"""`id()` of the code of asyncio's own callbacks that tell nothing, once seen: `gather` hangs one on each of its members."""

Wait: TypeAlias = "tuple[Unit, Attributes]"
"""The waiting unit and the attributes of its `awaits` event, which learn the end when it comes."""


def unit_of(task: object) -> Unit | None:
    """The open unit of a task: its own, or what a transparent one carries."""
    state = state_of(task)
    if state is None:
        return None
    if state.unit is not None:
        return state.unit
    return state.stack[0] if state.stack else None


def begin_await(
    recorder: Recorder, state: TaskState, targets: Iterable[object], how: str, site: tuple[str, int, str] | None = None
) -> Wait | None:
    """Note that the task's innermost unit waits for the units of `targets`; None when there are none."""
    waiter = state.innermost
    if waiter is None or waiter.end_ns is not None:
        return None
    units = [unit for target in targets if (unit := unit_of(target)) is not None and unit.end_ns is None and unit is not waiter]
    if not units:
        return None
    attrs: Attributes = {
        v.AWAIT_TARGETS: [unit.hex for unit in units],
        v.AWAIT_HOW: how,
        v.AWAIT_GROUP: recorder.number(),
    }
    if site is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = site
    recorder.event(waiter, v.AWAITS, state.loop.now_ns(), attrs)
    return waiter, attrs


def end_await(recorder: Recorder, state: TaskState, wait: Wait) -> None:
    """The wait is over."""
    waiter, attrs = wait
    attrs[v.AWAIT_END_SEQ] = recorder.seq()
    attrs[v.AWAIT_END_NS] = state.loop.now_ns()
    if waiter.end_ns is None:
        recorder.touch(waiter)


def note_yield(recorder: Recorder, state: TaskState, yielded: Any) -> None:
    """A task's step ended in waiting for `yielded`, which is no plain future."""
    seam = recorder.seams.awaiting
    if not seam.on:
        return
    with seam:
        if type(yielded) is _GatheringFuture:
            wait = begin_await(recorder, state, _members(yielded), "gather")
        elif hasattr(yielded, "_spanproof"):
            wait = begin_await(recorder, state, (yielded,), "await")
        else:
            return
        if wait is not None:
            state.awaiting = [*state.awaiting, wait]


def _members(gathered: Any) -> list[object]:
    """Whom a `gather` waits for, those of a `gather` inside it included."""
    found: list[object] = []
    for child in gathered._children:  # noqa: SLF001 - asyncio tells it nowhere else
        if type(child) is _GatheringFuture:
            found += _members(child)
        else:
            found.append(child)
    return found


def finish_awaits(recorder: Recorder, state: TaskState) -> None:
    """The task makes its next step: what it waited for directly is over."""
    waits, state.awaiting = state.awaiting, ()
    for wait in waits:
        end_await(recorder, state, wait)


def note_callback(recorder: Recorder, task: object, callback: Any, state: TaskState) -> None:
    """`task.add_done_callback(callback)`: tells `shield` and `as_completed` from a callback of user code."""
    module = getattr(callback, "__module__", None)
    qualname = getattr(callback, "__qualname__", "")
    if module == "asyncio.tasks":
        waiter = running_state()
        if qualname.startswith("gather."):
            # gather's own future names its members; the code of a function of asyncio lives as long as the process.
            SILENT_CALLBACKS.add(id(callback.__code__))
        if waiter is None:
            return
        if qualname.startswith("shield."):
            wait = begin_await(recorder, waiter, (task,), "shield")
            if wait is not None:
                waiter.awaiting = [*waiter.awaiting, wait]
        elif "as_completed" in qualname or "AsCompleted" in qualname:
            from .arrivals import join

            join(recorder, waiter, task, callback)
        return
    if state.unit is None or getattr(callback, "__name__", "") in _WAKEUPS:
        return
    function = getattr(callback, "func", callback)
    if str(getattr(function, "__module__", None) or "").startswith("asyncio") or module == "asyncio.taskgroups":
        return
    state.unit.attrs[v.USER_CALLBACK] = True


def _why(done: Collection[Any], pending: object, return_when: object) -> str:
    """Why a `wait` returned: done, error (of a member), timeout."""
    if not pending or (done and return_when == asyncio.FIRST_COMPLETED):
        return "done"
    # Not `exception()`, which would make asyncio take the error for seen.
    failed = return_when == asyncio.FIRST_EXCEPTION and any(not each.cancelled() and each._exception is not None for each in done)  # noqa: SLF001
    return "error" if failed else "timeout"


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `asyncio.wait`, whose members its own future does not name."""
    tasks: Any = asyncio.tasks
    original = tasks._wait  # noqa: SLF001

    async def _wait(fs: Any, timeout: Any, return_when: Any, loop: Any) -> Any:
        state = running_state()
        seam = recorder.seams.awaiting
        wait = None
        if state is not None and recorder.alive and seam.on:
            with seam:
                wait = begin_await(recorder, state, fs, "wait")
        why = "raised"
        try:
            done, pending = await original(fs, timeout, return_when, loop)
            why = _why(done, pending, return_when)
        finally:
            if wait is not None and state is not None and recorder.alive:
                with seam:
                    wait[1][v.AWAIT_ENDED_BY] = why
                    end_await(recorder, state, wait)
        return done, pending

    patches.set(tasks, "_wait", _wait)
    recorder.seams.awaiting.install()
