"""Times for records: nanoseconds since the epoch, anchored once a recording, per loop either monotonic or virtual."""

from __future__ import annotations

import time
import weakref
from threading import get_ident
from typing import TYPE_CHECKING, Final

from .records import Origin, Request, Step

if TYPE_CHECKING:
    import asyncio

ANCHOR_NS: Final = time.time_ns() - time.monotonic_ns()
"""What turns the monotonic clock into time since the epoch. Taken once, so that a change of the wall clock moves nothing."""

FAR_NS: Final = 2**62
"""The year 2116, in ns since the epoch: for deadlines beyond it, and within what 64 bits hold whatever a query adds to it."""


def duration_ns(seconds: float) -> int:
    """A finite duration in ns; what 64 bits do not hold is cut to what they do."""
    lasts_ns = seconds * 1e9
    return round(lasts_ns) if lasts_ns < 2**63 else 2**63 - 1


def now_ns() -> int:
    """Now on the monotonic clock, anchored to the epoch, in ns."""
    return time.monotonic_ns() + ANCHOR_NS


_OF_THE_MACHINE: Final = frozenset({"asyncio", "uvloop", "winloop"})
"""Packages whose loops take their time from the machine's monotonic clock."""


def is_virtual(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop's clock is not the machine's: its `time()` is neither asyncio's nor uvloop's."""
    if "time" in getattr(loop, "__dict__", ()):
        return True
    for cls in type(loop).__mro__:
        if "time" in vars(cls):
            return cls.__module__.partition(".")[0] not in _OF_THE_MACHINE
    return True


class LoopState:
    """What the recorder knows of one event loop.

    Attributes:
        number: number of the loop in this process, from 1.
        cancelling: requests that are being passed on right now, outermost first (nested `cancel()` runs inside).
        turn: its turns since it was first seen; 0: it does not tell.
        origins: what tasks of the same function share, by its qualified name.
    """

    __slots__ = ("_last_ns", "_loop", "_offset_ns", "cancelling", "clock", "number", "origins", "step", "turn", "virtual")

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int, start_ns: int) -> None:
        self.number = number
        self.virtual = is_virtual(loop)
        self.clock = "virtual" if self.virtual else "monotonic"
        self.origins: dict[str, Origin] = {}
        self.turn = 0
        # Weak: the registry of loop states must not keep a closed loop alive.
        self._loop = weakref.ref(loop)
        self._last_ns = start_ns
        try:
            self._offset_ns = start_ns if self.virtual else now_ns() - round(loop.time() * 1e9)
        except NotImplementedError:  # it has no clock, and so no deadlines
            self._offset_ns = 0
        self.cancelling: list[Request] = []
        self.step = Step(get_ident())

    def now_ns(self) -> int:
        """Now on this loop's clock, in ns since the epoch."""
        if not self.virtual:
            return time.monotonic_ns() + ANCHOR_NS
        loop = self._loop()
        if loop is not None:
            try:
                self._last_ns = round(loop.time() * 1e9) + self._offset_ns
            except Exception:  # noqa: BLE001 - a foreign clock; the end of the recording asks it too, outside of every seam
                pass
        return self._last_ns

    def at_ns(self, loop_time: float) -> int:
        """A loop time in seconds as ns since the epoch, on this loop's clock; none beyond FAR_NS, which stands for all that is later."""
        at_ns = loop_time * 1e9
        return min(round(at_ns) + self._offset_ns, FAR_NS) if at_ns < FAR_NS else FAR_NS
