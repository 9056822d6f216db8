"""`asyncio.run`: when it begins, and when its main part has ended and the teardown begins."""

from __future__ import annotations

import asyncio
import functools
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

from . import vocabulary as v

if TYPE_CHECKING:
    from .loops import Loops
    from .patching import Patches
    from .recorder import Recorder

_runners: Any = asyncio.runners


def install(recorder: Recorder, patches: Patches, loops: Loops) -> None:
    """Watch `Runner.run`."""
    seam = recorder.seams.runner
    run = _runners.Runner.run

    @functools.wraps(run)
    def run_(self: Any, coro: Any, **options: Any) -> Any:
        # Runner makes its loop on first use; get_loop() is what its own run() does first.
        started = False
        if recorder.alive and seam.on and asyncio.iscoroutine(coro) and _get_running_loop() is None:
            loops.note(v.LOOP_OPENED, self.get_loop())
            started = True
            with recorder.seams.task:
                loops.about_to_run(self.get_loop())
        try:
            return run(self, coro, **options)
        finally:
            if started:
                loops.note(v.LOOP_CLOSING, self.get_loop())

    patches.set(_runners.Runner, "run", run_)
    seam.install()
