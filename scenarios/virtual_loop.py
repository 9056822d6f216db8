"""An event loop on which no timer is waited for: when nothing is ready, its time is set to that of the next timer.

Every timer fires exactly when it is due, in order, and two runs are alike. Real events (sockets, `call_soon_threadsafe`, signals) still
arrive; while there is no timer at all, or a thread is at work for the loop, they are waited for in real time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _Jumping(selectors.BaseSelector):
    """A selector that moves the loop's time on instead of waiting; all else is the platform's own."""

    def __init__(self) -> None:
        self.inner = selectors.DefaultSelector()
        self.now = 0.0
        """Seconds since the loop was made."""
        self.outside = 0
        """Calls at work in threads: they need real time, so the clock must not jump past them."""
        self.look: Callable[[], bool] | None = None
        """Called before each turn (see `VirtualLoop.each_turn`)."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.look is not None and self.look():
            return self.inner.select(0)
        if timeout is None:
            return self.inner.select()
        if not self.outside:
            ready = self.inner.select(0)
            self.now += 0 if ready else max(0, timeout)
            return ready
        started = time.monotonic()
        ready = self.inner.select(timeout)
        self.now += min(timeout, time.monotonic() - started) if ready else timeout
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self.inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self.inner.get_map()

    def close(self) -> None:
        self.inner.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` starts at 0 and jumps."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def each_turn(self, look: Callable[[], bool]) -> None:
        """Call `look` before each turn. When it has given the loop something to do, and says so, time stands still for that turn."""
        self._jumping.look = look

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.outside += 1
        future.add_done_callback(self._back)
        return future

    def _back(self, _: asyncio.Future[Any]) -> None:
        self._jumping.outside -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        # 3.12 and later bound the wait by a timer, over which the clock would jump.
        await super().shutdown_default_executor()
