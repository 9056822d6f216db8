"""Turns of a loop: one passes over everything that is ready, and what it makes ready waits for the next.

Requests and deliveries are numbered with the turn that they happened in: of ten thousand tasks that are asked in one turn the last gets
its cancellation long after the first, and all of them in the next turn. Loops that are not built on asyncio's (uvloop) do not tell.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loops import Loops
    from .patching import Patches
    from .recorder import Recorder


def install(recorder: Recorder, loops: Loops) -> None:
    """Count the turns of each class of loops that is watched."""

    def watch(patches: Patches, cls: Any) -> None:
        turn = getattr(cls, "_run_once", None)
        if turn is not None:
            patches.set(cls, "_run_once", _counted(recorder, turn))

    loops.watchers.append(watch)


def _counted(recorder: Recorder, turn: Any) -> Any:
    @functools.wraps(turn)
    def _run_once(self: Any) -> None:
        if recorder.alive and recorder.seams.runner.on:
            with recorder.seams.runner:
                recorder.loop_state(self).turn += 1
        turn(self)

    return _run_once
