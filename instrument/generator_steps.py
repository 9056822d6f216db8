"""The steps of async generators, by `sys.monitoring` (Python 3.12 and later, with the tool id of `monitoring`).

Events are switched on for the code of generators that were seen to open, and for no other: the program's other code costs
nothing. PY_UNWIND alone there is for all code or none. It is switched on with the first generator, and costs some 75 ns for
each frame that an exception leaves; without it nobody could tell when a generator ended that somebody still refers to.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import CancelledError
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from .generators import Generator
    from .seams import Seam

CODES_KEPT = 4_096
"""Code objects that are watched at most; generators of those made beyond it are seen as without `sys.monitoring`."""


class Steps:
    """Which generator goes on or ends, told by its frame.

    Args:
        seam: guards the callbacks.
        tool: tool id of `sys.monitoring`.
        iterated: called when a generator goes on, unless it does so in the same unit as before.
        ended: called with a generator and how it ended.
    """

    def __init__(self, seam: Seam, tool: int, iterated: Callable[[Generator], None], ended: Callable[[Generator, str], None]) -> None:
        self._seam = seam
        self._tool = tool
        self._iterated = iterated
        self._ended = ended
        self._monitoring: Any = vars(sys)["monitoring"]
        # By id() of the frame: it lives as long as its generator goes on, and `forget` comes with the end.
        self._by_frame: dict[int, Generator] = {}
        self._codes: dict[int, CodeType] = {}

    def watch(self, known: Generator, agen: Any, code: CodeType) -> bool:
        """Follow a generator; False: too many functions are watched already."""
        if id(code) not in self._codes:
            if len(self._codes) >= CODES_KEPT:
                return False
            self._watch_code(code)
        known.frame = id(agen.ag_frame)
        self._by_frame[known.frame] = known
        return True

    def forget(self, known: Generator) -> None:
        """It has ended."""
        if self._by_frame.get(known.frame) is known:
            del self._by_frame[known.frame]

    def exit_thrown(self, code: CodeType) -> None:
        """GeneratorExit enters a frame; the caller is what `sys.monitoring` called."""
        if id(code) not in self._codes or not self._seam.on:
            return
        with self._seam:
            known = self._by_frame.get(id(sys._getframe(2)))
            if known is not None:
                known.leaving = known.way or "aclose"

    def unwatch(self) -> None:
        """Take the events off again. Before the tool id is given back."""
        if not self._codes:
            return
        monitoring, tool = self._monitoring, self._tool
        for code in self._codes.values():
            monitoring.set_local_events(tool, code, 0)
        self._codes.clear()
        for event in self._callbacks():
            monitoring.register_callback(tool, event, None)

    def _watch_code(self, code: CodeType) -> None:
        monitoring, tool = self._monitoring, self._tool
        events = monitoring.events
        if not self._codes:
            for event, callback in self._callbacks().items():
                monitoring.register_callback(tool, event, callback)
            monitoring.set_events(tool, monitoring.get_events(tool) | events.PY_UNWIND)
        self._codes[id(code)] = code
        monitoring.set_local_events(tool, code, events.PY_START | events.PY_RESUME | events.PY_RETURN)

    def _callbacks(self) -> dict[int, Callable[..., None]]:
        events, resumed = self._monitoring.events, self._resuming()
        return {events.PY_START: resumed, events.PY_RESUME: resumed, events.PY_RETURN: self._returned, events.PY_UNWIND: self._unwound}

    def _resuming(self) -> Callable[..., None]:
        """What is called each time when a watched generator goes on: as little as can be for one that does so in the same unit."""
        by_frame, seam, iterated = self._by_frame, self._seam, self._iterated
        frame, loop_now = sys._getframe, _get_running_loop
        task_now: Any = asyncio.current_task

        def resumed(_code: CodeType, _offset: int) -> None:
            known = by_frame.get(id(frame(1)))
            if known is None:
                return
            try:
                state = task_now(loop_now())._spanproof
                if state is known.state and state.stack[-1] is known.top:  # type: ignore[union-attr]
                    return
            except Exception:  # noqa: BLE001 - no task, none of ours, one without a unit: looked up the long way
                pass
            with seam:
                iterated(known)

        return resumed

    def _returned(self, _code: CodeType, _offset: int, _value: object) -> None:
        if not self._seam.on:
            return
        with self._seam:
            known = self._by_frame.get(id(sys._getframe(1)))
            if known is not None:
                self._ended(known, known.leaving or "exhausted")

    def _unwound(self, code: CodeType, _offset: int, error: BaseException) -> None:
        if id(code) not in self._codes or not self._seam.on:
            return
        with self._seam:
            known = self._by_frame.get(id(sys._getframe(1)))
            if known is not None:
                how = "cancelled" if isinstance(error, CancelledError) else "raised"
                # The task of the loop's hook, and the teardown's, may be cancelled before they throw GeneratorExit.
                self._ended(known, known.leaving or known.way or how)
