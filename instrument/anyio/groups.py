"""anyio's task groups: who entered one, which tasks it owns, how long it waits for them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ..awaiting import begin_await
from ..callers import Group, outside
from ..taskstate import running_state

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from .internals import Internals
    from .known import Scopes


def install(recorder: Recorder, patches: Patches, internals: Internals, known: Scopes) -> None:
    """Watch `TaskGroup`. What is known of a group is kept with its scope."""
    cls = internals.group
    seam = recorder.seams.anyio
    enter, leave, spawn = cls.__aenter__, cls.__aexit__, cls._spawn

    # These return anyio's own coroutines: no frame of ours stands between the program and them.
    @functools.wraps(enter)
    def __aenter__(self: Any) -> Any:
        if recorder.alive and seam.on:
            with seam:
                state = running_state()
                if state is not None:
                    known.of(self.cancel_scope).group = Group(recorder.number(), state.innermost)
        return enter(self)

    @functools.wraps(leave)
    def __aexit__(self: Any, *error: Any) -> Any:
        if recorder.alive and seam.on:
            with seam:
                scope, state = known.get(self.cancel_scope), running_state()
                if scope is not None and scope.group is not None and state is not None:
                    scope.wait = begin_await(recorder, state, list(self._tasks), "taskgroup")
        return leave(self, *error)

    @functools.wraps(spawn)
    def _spawn(self: Any, *arguments: Any, **options: Any) -> Any:
        group: Group | None = None
        # A portal starts its tasks in a callback of the loop, where no task is running.
        place: Any = outside
        if recorder.alive and seam.on:
            with seam:
                scope = known.get(self.cancel_scope)
                group = scope.group if scope is not None else None
                place = running_state() or outside
        if group is None:
            return spawn(self, *arguments, **options)
        before, place.group = place.group, group
        try:
            return spawn(self, *arguments, **options)
        finally:
            place.group = before

    patches.set(cls, "__aenter__", __aenter__)
    patches.set(cls, "__aexit__", __aexit__)
    patches.set(cls, "_spawn", _spawn)
