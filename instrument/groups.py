"""TaskGroups: who entered one, which tasks it owns, how long it waits for them, and the requests that end on it."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from .awaiting import begin_await, end_await
from .callers import Group, group_of
from .taskstate import running_state, state_of

if TYPE_CHECKING:
    from .patching import Patches
    from .recorder import Recorder


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `asyncio.TaskGroup`."""
    cls: Any = asyncio.TaskGroup
    seam = recorder.seams.awaiting
    enter, leave = cls.__aenter__, cls.__aexit__

    async def __aenter__(self: Any) -> Any:
        if recorder.alive and seam.on:
            with seam:
                state = running_state()
                self._spanproof = Group(recorder.number(), state.innermost if state is not None else None)
        return await enter(self)

    async def __aexit__(self: Any, exc_type: Any, exc: Any, tb: Any) -> Any:
        group = group_of(self)
        state = running_state()
        if group is None or state is None or not recorder.alive or not seam.on:
            return await leave(self, exc_type, exc, tb)
        wait = None
        with seam:
            wait = begin_await(recorder, state, list(self._tasks), "taskgroup")
        outcome: BaseException | None = exc
        try:
            return await leave(self, exc_type, exc, tb)
        except BaseException as error:
            outcome = error
            raise
        finally:
            with seam:
                if wait is not None:
                    end_await(recorder, state, wait)
                # The group's own request on its parent ends here; a group that raises its members' errors ends the others too.
                # It asked the task that entered it; a generator's group may be left in another one (PEP 789).
                owner = state_of(self._parent_task) or state
                ended = [request for request in owner.pending if request.group == group.number and (owner is state or request.delivered)]
                # A member's KeyboardInterrupt or SystemExit it raises as it is.
                if isinstance(outcome, BaseExceptionGroup) or (outcome is not None and outcome is self._base_error):
                    ended = [request for request in owner.pending if request.delivered]
                recorder.consume(owner, ended, "taskgroup")
            # This frame stands in the error's traceback: naming it here would keep both until the collector runs.
            del exc, tb
            outcome = None

    create_task = cls.create_task

    @functools.wraps(create_task)
    def create_task_(self: Any, *arguments: Any, **options: Any) -> Any:
        state = running_state()
        if state is None or not recorder.alive:
            return create_task(self, *arguments, **options)
        before, state.group = state.group, group_of(self)
        try:
            return create_task(self, *arguments, **options)
        finally:
            state.group = before

    patches.set(cls, "create_task", create_task_)
    patches.set(cls, "__aenter__", __aenter__)
    patches.set(cls, "__aexit__", __aexit__)
