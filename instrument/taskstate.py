"""What the recorder knows of one asyncio task, and how the state of the running task is found."""

from __future__ import annotations

import asyncio
import weakref
from asyncio import current_task
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .awaiting import Wait
    from .callers import Group
    from .clocks import LoopState
    from .records import Deadline, Request, Unit
    from .stageflow.stages import StageRun


class TaskState:
    """One task's open units and the requests on it.

    Attributes:
        unit: the task's own unit; None for a transparent task, whose requests go to the units that it carries.
        stack: open units of this task, innermost last.
        level: nesting of `wait_for`'s inner tasks (3.11; elsewhere only for a timeout of 0 or less). An inner task shares the
            state of the task that waits: what happens to it happens to the units that it carries. A CancelledError thrown
            into the waiting task enters `wait_for`, not the unit's own code, so only the innermost level delivers.
        base: for a transparent task the innermost unit that was open where it was created.
        pending: requests that are neither consumed nor withdrawn.
        steps: steps that the task has made.
        adopted: the task was running when the session began; no probe drives it.
        started: the task's coroutine has made its first step.
        waits: deadlines of the `wait_for` calls that this task is in, innermost last.
        coroutine: what the innermost `wait_for` was given; the task that it makes of it is its inner task.
        stage: the stage attempt that stageflow is about to run in this task.
        throwing: the CancelledError that is being thrown, so that it is delivered once.
        armed: deadline of stageflow's that waits for its stage or cleanup to open.
        awaiting: waits that end at the next step.
        group: the TaskGroup whose `create_task` is running.
        detaching: nesting of `spanproof.detached()` blocks.
    """

    __slots__ = (
        "__weakref__",
        "adopted",
        "armed",
        "awaiting",
        "base",
        "coroutine",
        "detaching",
        "group",
        "level",
        "loop",
        "pending",
        "stack",
        "stage",
        "started",
        "steps",
        "throwing",
        "unit",
        "waits",
    )

    def __init__(self, loop: LoopState, base: Unit | None) -> None:
        self.loop = loop
        self.base = base
        self.unit: Unit | None = None
        self.stack: list[Unit] = []
        self.pending: list[Request] = []
        self.steps = 0
        self.armed: Deadline | None = None
        self.awaiting: list[Wait] = []
        self.detaching = 0
        self.group: Group | None = None
        self.started = False
        self.adopted = False
        self.level = 0
        self.waits: list[Deadline] = []
        self.coroutine: object | None = None
        self.stage: StageRun | None = None
        self.throwing: BaseException | None = None

    @property
    def innermost(self) -> Unit | None:
        """The innermost open unit: parent of what this task opens or creates next."""
        return self.stack[-1] if self.stack else self.base

    def enter(self, unit: Unit) -> None:
        """The unit is now the innermost one."""
        self.stack.append(unit)

    def leave(self, unit: Unit) -> None:
        """The unit is open no longer. Usually the innermost; not when a generator leaked its scope (PEP 789)."""
        if self.stack and self.stack[-1] is unit:
            self.stack.pop()
        elif unit in self.stack:
            self.stack.remove(unit)


_adopted: weakref.WeakKeyDictionary[asyncio.Task[object], TaskState] = weakref.WeakKeyDictionary()


def adopt(task: asyncio.Task[object], state: TaskState) -> None:
    """Give a state to a task that was made before the session, of asyncio's plain class."""
    _adopted[task] = state


def state_of(task: object) -> TaskState | None:
    """The state of a task; None for what is no task, and for tasks that we do not record."""
    known: Any = task
    try:
        state: TaskState | None = known._spanproof
    except AttributeError:
        return _adopted.get(known) if _adopted and isinstance(task, asyncio.Future) else None
    return state


def running_state() -> TaskState | None:
    """The state of the task that is running in this thread; None outside of tasks and for tasks that we do not record."""
    loop = _get_running_loop()
    if loop is None:
        return None
    task: asyncio.Task[object] | None = current_task(loop)
    return None if task is None else state_of(task)
