"""What a program can declare about itself. Without a recording all of it does nothing."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from . import vocabulary as v
from .attach import active
from .awaiting import unit_of
from .frames import site
from .taskstate import running_state
from .threads import Work, owner_here, work_here

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator
    from types import FrameType

    from .recorder import Recorder
    from .records import Attributes, Unit
    from .taskstate import TaskState


_LONGEST_S = 1_000_000_000
"""The longest timeout that a heartbeat may declare, some 30 years: what fits into a trace's whole nanoseconds, with room for sums."""


@contextmanager
def detached() -> Generator[None]:
    """Tasks created inside this block are meant to outlive who creates them.

    They begin a trace of their own and are taken out of the criteria about children that outlive their parents and about
    leaked tasks (P02, P03, L01).

        with spanproof.detached():
            asyncio.create_task(flush_metrics())
    """
    state = running_state()
    if state is not None:
        state.detaching += 1
    try:
        yield
    finally:
        if state is not None:
            state.detaching -= 1


class _Acquisition:
    """The resource was taken once: its number in the process, and the unit that took it."""

    __slots__ = ("number", "recorder", "unit")

    def __init__(self, recorder: Recorder, number: int, unit: Unit) -> None:
        self.recorder = recorder
        self.number = number
        self.unit = unit


class Resource:
    """What `resource` returns: a context manager, for `with` and for `async with`.

    Of one object there may be several acquisitions, one inside the other or side by side in several tasks.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._held: list[_Acquisition] = []
        self._handed: list[_Acquisition] = []

    def acquire(self) -> Self:
        """The running unit takes the resource, or takes over what was handed to it with `transfer`."""
        return self._acquire(sys._getframe(1))

    def release(self) -> None:
        """The running unit gives the resource back; it need not be the one that took it. Without one taken: nothing."""
        held = self._held or self._handed
        if held:
            self._release(held.pop(self._nearest(held)))

    def transfer(self, task: asyncio.Task[object]) -> None:
        """Hand the resource over to a task, which has to `release` it, or to enter it with `with`.

        The block that it was taken in does not give it back when it is left.

            with spanproof.resource("connection") as held:
                task = asyncio.create_task(serve(connection, held))
                held.transfer(task)
        """
        if not self._held:
            return
        given = self._held.pop(self._nearest(self._held))
        self._handed.append(given)
        recorder = given.recorder
        if not recorder.alive:
            return
        attrs: Attributes = {v.RESOURCE_ID: given.number, v.RESOURCE_NAME: self.name}
        to = unit_of(task)
        if to is not None:
            attrs[v.RESOURCE_TO] = to.hex
        _locate(attrs, sys._getframe(1))
        unit = _present(given)
        recorder.event(unit, v.RESOURCE_TRANSFERRED, _now(given, unit), attrs)

    def __enter__(self) -> Self:
        return self._acquire(sys._getframe(1))

    def __exit__(self, *_error: object) -> None:
        # Not what was handed over meanwhile: that is for whom it was handed to.
        if self._held:
            self._release(self._held.pop(self._nearest(self._held)))

    async def __aenter__(self) -> Self:
        return self._acquire(sys._getframe(1))

    async def __aexit__(self, *_error: object) -> None:
        self.__exit__()

    def _acquire(self, frame: FrameType) -> Self:
        if self._handed:
            self._held.append(self._handed.pop())
            return self
        here, recorder = owner_here(), active()
        if here is None or recorder is None:
            return self
        unit, loop = here
        number = recorder.number()
        attrs: Attributes = {v.RESOURCE_ID: number, v.RESOURCE_NAME: self.name, v.RESOURCE_KIND: "declared"}
        _locate(attrs, frame)
        recorder.event(unit, v.RESOURCE_ACQUIRED, loop.now_ns(), attrs)
        self._held.append(_Acquisition(recorder, number, unit))
        return self

    def _release(self, acquisition: _Acquisition) -> None:
        recorder = acquisition.recorder
        if recorder.alive:
            unit = _present(acquisition)
            attrs: Attributes = {v.RESOURCE_ID: acquisition.number, v.RESOURCE_NAME: self.name, v.RESOURCE_KIND: "declared"}
            recorder.event(unit, v.RESOURCE_RELEASED, _now(acquisition, unit), attrs)

    @staticmethod
    def _nearest(held: list[_Acquisition]) -> int:
        """The last one that the running unit took, else the last of all."""
        here = owner_here()
        unit = None if here is None else here[0]
        return next((at for at in reversed(range(len(held))) if held[at].unit is unit), -1)


def _present(acquisition: _Acquisition) -> Unit:
    """The unit that does something with a resource now; outside of units the one that took it, and at last the program."""
    here = owner_here()
    if here is not None:
        return here[0]
    return acquisition.unit if acquisition.unit.end_ns is None else acquisition.recorder.program


def _now(acquisition: _Acquisition, unit: Unit) -> int:
    """Now, on the clock of the unit; of what the program does, on that of the unit that took it, with whose end it is compared."""
    recorder = acquisition.recorder
    return recorder.now_on(acquisition.unit if unit is recorder.program else unit)


def _locate(attrs: Attributes, frame: FrameType) -> None:
    where = site(frame)
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where


def resource(name: str) -> Resource:
    """Declare that the block holds a resource called `name`; the trace shows when it was taken and given back, and by whom.

    with spanproof.resource("connection"):
        ...

    Also for `async with`; `acquire` and `release` where no block fits; `transfer` hands it over to another task.
    """
    return Resource(name)


def heartbeat(timeout: float | None = None) -> None:
    """Declare that the running unit is alive and makes progress; in a thread: the unit that waits for its work.

        spanproof.heartbeat(timeout=5)

    Args:
        timeout: for how long from now the unit must not be taken for dead, in seconds; None: what was said last holds. Nobody is kept
            from cutting the unit: D07 says of the trace whether somebody did.

    Raises:
        TypeError: `timeout` is no number.
        ValueError: it is not above 0, or has no end.
    """
    attrs: Attributes = {}
    if timeout is not None:
        attrs[v.HEARTBEAT_TIMEOUT] = _nanoseconds(timeout)
    recorder = active()
    running: TaskState | Work | None = running_state() or work_here()
    if recorder is None or running is None:
        return
    unit = running.unit if isinstance(running, Work) else running.innermost
    if unit is not None and unit.end_ns is None:
        recorder.event(unit, v.HEARTBEAT, running.loop.now_ns(), attrs)


def _nanoseconds(timeout: object) -> int:
    """A heartbeat's timeout in ns, at least 1. Checked with and without a recording, so that a wrong value is seen at once."""
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise TypeError(f"heartbeat(timeout={timeout!r}): expected seconds as a number, or None, got {type(timeout).__name__}")
    if not 0 < timeout <= _LONGEST_S:
        raise ValueError(
            f"heartbeat(timeout={timeout!r}): expected seconds above 0 and at most {_LONGEST_S:,}; leave it out to say nothing of it"
        )
    return max(round(timeout * 1e9), 1)
