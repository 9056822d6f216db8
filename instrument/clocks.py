"""Times for records: nanoseconds since the epoch, anchored once a recording, per loop either monotonic or virtual."""

from __future__ import annotations

import asyncio
import time
import weakref
from threading import get_ident
from typing import Final

from .records import Request, Step

ANCHOR_NS: Final = time.time_ns() - time.monotonic_ns()
"""What turns the monotonic clock into time since the epoch. Taken once, so that a change of the wall clock moves nothing."""


def now_ns() -> int:
    """Now on the monotonic clock, anchored to the epoch, in ns."""
    return time.monotonic_ns() + ANCHOR_NS


def is_virtual(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop's clock is not the machine's: its `time()` is neither asyncio's nor uvloop's."""
    method = getattr(loop.time, "__func__", None)
    if method is asyncio.BaseEventLoop.time:
        return False
    return type(loop).__module__.split(".", 1)[0] != "uvloop"


class LoopState:
    """What the recorder knows of one event loop.

    Attributes:
        number: number of the loop in this process, from 1.
        cancelling: requests that are being passed on right now, outermost first (nested `cancel()` runs inside).
        steps: tasks' steps so far.
    """

    __slots__ = ("_last_ns", "_loop", "_offset_ns", "cancelling", "number", "step", "steps", "virtual")

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int, start_ns: int) -> None:
        self.number = number
        self.virtual = is_virtual(loop)
        # Weak: the registry of loop states must not keep a closed loop alive.
        self._loop = weakref.ref(loop)
        self._last_ns = start_ns
        self._offset_ns = start_ns if self.virtual else now_ns() - round(loop.time() * 1e9)
        self.cancelling: list[Request] = []
        self.step = Step(get_ident())
        self.steps = 0

    def now_ns(self) -> int:
        """Now on this loop's clock, in ns since the epoch."""
        if not self.virtual:
            return time.monotonic_ns() + ANCHOR_NS
        loop = self._loop()
        if loop is not None:
            self._last_ns = round(loop.time() * 1e9) + self._offset_ns
        return self._last_ns

    def at_ns(self, loop_time: float) -> int:
        """A loop time in seconds as ns since the epoch, on this loop's clock."""
        return round(loop_time * 1e9) + self._offset_ns
