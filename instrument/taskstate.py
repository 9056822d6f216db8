"""What the recorder knows of one asyncio task, and how the state of the running task is found."""

from __future__ import annotations

from asyncio import current_task
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        coroutine: what the innermost `wait_for` was given; the task that it makes of it is its inner task.
        stage: the stage attempt that stageflow is about to run in this task.
        throwing: the CancelledError that is being thrown, so that it is delivered once.
        waiting: the line that waited where it is thrown, which is known before; `sys.monitoring` only tells that it came.
        armed: deadline of stageflow's that waits for its stage or cleanup to open.
        awaiting: waits that end at the next step.
        group: the TaskGroup whose `create_task` is running.
        detaching: nesting of `spanproof.detached()` blocks.
    """

    # Defaults of the class: most tasks need few of these, and a task is made for each.
    unit: Unit | None = None
    pending: Sequence[Request] = ()
    steps: int = 0
    armed: Deadline | None = None
    awaiting: Sequence[Wait] = ()
    detaching: int = 0
    group: Group | None = None
    started: bool = False
    adopted: bool = False
    level: int = 0
    coroutine: object | None = None
    stage: StageRun | None = None
    throwing: BaseException | None = None
    waiting: tuple[str, int, str] | None = None

    def __init__(self, loop: LoopState, base: Unit | None) -> None:
        self.loop = loop
        self.base = base
        self.stack: list[Unit] = []

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


def state_of(task: object) -> TaskState | None:
    """The state of a task; None for what is no task, and for tasks that we do not record."""
    known: Any = task
    try:
        state: TaskState | None = known._spanproof
    except AttributeError:
        return None
    return state


def running_state() -> TaskState | None:
    """The state of the task that is running in this thread; None outside of tasks and for tasks that we do not record."""
    loop = _get_running_loop()
    if loop is None:
        return None
    task: Any = current_task(loop)
    try:
        state: TaskState | None = task._spanproof
    except AttributeError:
        return None
    return state
