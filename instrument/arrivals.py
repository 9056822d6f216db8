"""`as_completed`: one group of all its members, and why the last look at who is done next ended.

asyncio puts the members into a queue as they end, and whoever iterates takes them from there. That queue alone knows when somebody
waits for the next one; a loop over it that is left, by `break` or by an error, leaves no other trace.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from . import vocabulary as v
from .awaiting import begin_await, end_await, unit_of
from .taskstate import running_state

if TYPE_CHECKING:
    from .awaiting import Wait
    from .recorder import Recorder
    from .taskstate import TaskState


class Arrivals(asyncio.Queue[Any]):
    """What the queue of an `as_completed` becomes; `spanproof` is the recorder, the group's wait, and how many look for the next one."""

    spanproof: tuple[Recorder, Wait | None, list[None]]

    async def get(self) -> Any:
        """The next member that is done; None: the timeout of `as_completed`."""
        _look(self.spanproof)
        why = "raised"
        try:
            item = await super().get()
            why = _why(item)
        finally:
            _found(self.spanproof, why)
        return item


Arrivals.__name__, Arrivals.__qualname__ = asyncio.Queue.__name__, asyncio.Queue.__qualname__


def join(recorder: Recorder, waiter: TaskState, task: object, callback: Any) -> None:
    """`task` is a member of the `as_completed` whose `callback` it has got; the first one makes the group."""
    queue = _queue(callback)
    if type(queue) is asyncio.Queue:
        wait = begin_await(recorder, waiter, (task,), "as_completed")
        if wait is not None:
            own = cast("Any", queue)
            own.__class__ = Arrivals
            own.spanproof = (recorder, wait, [])
    elif type(queue) is Arrivals:
        _recorder, wait, _looking = queue.spanproof
        unit = unit_of(task)
        if wait is not None and unit is not None and unit.end_ns is None and unit is not wait[0]:
            targets: Any = wait[1][v.AWAIT_TARGETS]
            targets.append(unit.hex)
            recorder.touch(wait[0])


def _queue(callback: Any) -> Any:
    """The queue behind a callback of `as_completed`: of its iterator (3.13), or a variable of the function."""
    owner = getattr(callback, "__self__", None)
    if owner is not None:
        return getattr(owner, "_done", None)
    names = callback.__code__.co_freevars
    return callback.__closure__[names.index("done")].cell_contents if "done" in names else None


def _why(item: Any) -> str:
    if item is None:
        return "timeout"
    # Not `exception()`, which would make asyncio take the error for seen.
    return "error" if item.cancelled() or item._exception is not None else "done"  # noqa: SLF001


def _look(about: tuple[Recorder, Wait | None, list[None]]) -> None:
    """Somebody waits for the next one: the wait is not over."""
    recorder, wait, looking = about
    if wait is None or not recorder.alive or not recorder.seams.awaiting.on:
        return
    with recorder.seams.awaiting:
        looking.append(None)
        for key in (v.AWAIT_END_SEQ, v.AWAIT_END_NS, v.AWAIT_ENDED_BY):
            wait[1].pop(key, None)


def _found(about: tuple[Recorder, Wait | None, list[None]], why: str) -> None:
    """The look is over; unless there is another one, the wait ended with it."""
    recorder, wait, looking = about
    state = running_state()
    if wait is None or not looking or not recorder.alive or not recorder.seams.awaiting.on:
        return
    with recorder.seams.awaiting:
        looking.pop()
        if not looking and state is not None:
            wait[1][v.AWAIT_ENDED_BY] = why
            end_await(recorder, state, wait)
