"""An event loop whose clock is turned by hand, for tests that have to stop at a moment and look."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

_T = TypeVar("_T")

_PATIENCE_S = 5.0
_TURNS = 10_000


class ClockStandsStill(RuntimeError):
    """Everything waits for a time that nobody turns the clock to."""


class HandClock:
    """A clock that stands still until `advance` is called, and the loop that goes by it.

        async def program(clock):
            task = asyncio.create_task(work())
            await clock.advance(1.5)     # what is due until then happens, in order
            assert not task.done()

        HandClock().run(program)

    Attributes:
        now: seconds since the clock was made; the loop's `time()`.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def run(self, program: Callable[[HandClock], Coroutine[Any, Any, _T]]) -> _T:
        """`asyncio.run(program(clock))` on this clock.

        Raises:
            ClockStandsStill: everything waits for a timer, and nothing that runs could turn the clock.
        """
        with asyncio.Runner(loop_factory=lambda: _HandLoop(self)) as runner:
            return runner.run(program(self))

    async def advance(self, seconds: float) -> None:
        """Turn the clock on. Each timer that becomes due runs at its own moment, and what it sets off with it.

        Raises:
            ValueError: `seconds` is negative.
            RuntimeError: the running loop goes by another clock.
        """
        if not seconds >= 0:
            raise ValueError(f"advance({seconds!r}): a clock cannot be turned back; expected seconds of 0 or more")
        loop = asyncio.get_running_loop()
        if not isinstance(loop, _HandLoop) or loop.clock is not self:
            raise RuntimeError("advance() was called in a loop of another clock; start the program by HandClock.run")
        target = self.now + seconds
        await loop.settle()
        while (due := loop.next_timer()) is not None and due <= target:
            self.now = max(self.now, due)
            await loop.settle()
        self.now = target
        await loop.settle()


class _HandLoop(asyncio.SelectorEventLoop):
    _scheduled: list[asyncio.TimerHandle]
    _ready: Any

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        super().__init__(_Patient(self))

    def time(self) -> float:
        return self.clock.now

    def next_timer(self) -> float | None:
        """When the next timer is due, in the clock's seconds; None: there is none."""
        return min((timer.when() for timer in self._scheduled if not timer.cancelled()), default=None)

    async def settle(self) -> None:
        """Let everything run that is ready, and what that makes ready; what never comes to rest is left after 10,000 turns."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            due = self.next_timer()
            if not self._ready and (due is None or due > self.clock.now):
                return


class _Patient(selectors.BaseSelector):
    """Waits for real events only: a timer's time comes by hand."""

    def __init__(self, loop: _HandLoop) -> None:
        self._loop = loop
        self._inner = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return self._inner.select(0)
        # Threads and sockets may still bring something; a timer cannot.
        events = self._inner.select(_PATIENCE_S if timeout is not None else None)
        if not events:
            raise ClockStandsStill(
                f"the clock stands at {self._loop.clock.now} s and the next timer is due at {self._loop.next_timer()} s, but nothing that "
                "runs could turn it. Call `await clock.advance(seconds)` in the program, beside what waits."
            )
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()
