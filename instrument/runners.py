"""The process and its loops: `asyncio.run`, its teardown, and the moment when a loop is closed with tasks still pending."""

from __future__ import annotations

import asyncio
import functools
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

from . import vocabulary as v
from .clocks import now_ns

if TYPE_CHECKING:
    from .patching import Patches
    from .recorder import Recorder

_runners: Any = asyncio.runners
_base_events: Any = asyncio.base_events


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `Runner.run` and the closing of loops."""
    seam = recorder.seams.runner
    run, close = _runners.Runner.run, _base_events.BaseEventLoop.close

    def note(name: str, loop: Any) -> None:
        if not (recorder.alive and seam.on):
            return
        with seam:
            recorder.event(recorder.program, name, now_ns(), {v.LOOP_NUMBER: recorder.loop_state(loop).number})

    @functools.wraps(run)
    def run_(self: Any, coro: Any, **options: Any) -> Any:
        # Runner makes its loop on first use; get_loop() is what its own run() does first.
        started = False
        if recorder.alive and seam.on and asyncio.iscoroutine(coro) and _get_running_loop() is None:
            note(v.LOOP_OPENED, self.get_loop())
            started = True
        try:
            return run(self, coro, **options)
        finally:
            if started:
                note(v.LOOP_CLOSING, self.get_loop())

    @functools.wraps(close)
    def close_(self: Any) -> None:
        was_open = not self.is_closed()
        close(self)
        if was_open and self.is_closed():
            note(v.LOOP_CLOSED, self)

    patches.set(_runners.Runner, "run", run_)
    patches.set(_base_events.BaseEventLoop, "close", close_)
    seam.install()
