"""Who called: asyncio's own functions are told apart by the code object of the calling frame, never by name."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .awaiting import unit_of
from .deadlines import expire
from .frames import owner_of
from .taskstate import running_state, state_of

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from .recorder import Recorder
    from .records import Deadline, Unit
    from .taskstate import TaskState

_tasks: Any = asyncio.tasks
_runners: Any = asyncio.runners
_timeouts: Any = asyncio.timeouts
_groups: Any = asyncio.taskgroups
_events: Any = asyncio.events

ON_TIMEOUT: CodeType = _timeouts.Timeout._on_timeout.__code__  # noqa: SLF001
ABORT: CodeType = _groups.TaskGroup._abort.__code__  # noqa: SLF001
MEMBER_DONE: CodeType = _groups.TaskGroup._on_task_done.__code__  # noqa: SLF001
GROUP_EXIT = tuple(method.__code__ for name in ("__aexit__", "_aexit") if (method := getattr(_groups.TaskGroup, name, None)) is not None)
GATHER_CANCEL: CodeType = _tasks._GatheringFuture.cancel.__code__  # noqa: SLF001
CANCEL_AND_WAIT: CodeType = _tasks._cancel_and_wait.__code__  # noqa: SLF001
WAIT_FOR: CodeType = _tasks.wait_for.__code__
TEARDOWN: CodeType = _runners._cancel_all_tasks.__code__  # noqa: SLF001
SIGINT: CodeType = _runners.Runner._on_sigint.__code__  # noqa: SLF001
RUNNER_RUN: CodeType = _runners.Runner.run.__code__
TIMEOUT_EXIT: CodeType = _timeouts.Timeout.__aexit__.__code__
HANDLE_RUN: CodeType = _events.Handle._run.__code__  # noqa: SLF001

_LOOP_FILES = frozenset(
    {
        "base_events.py",
        "base_subprocess.py",
        "proactor_events.py",
        "runners.py",
        "selector_events.py",
        "sslproto.py",
        "unix_events.py",
        "windows_events.py",
    }
)
# What a runner awaits while it closes its loop; a loop of another make has its own.
_TEARDOWN_NAMES = frozenset({"shutdown_asyncgens", "shutdown_default_executor"})
_ASYNCIO = os.path.dirname(os.path.realpath(asyncio.__file__))  # noqa: PTH120 - compared with code objects' own text
_transparent_codes: dict[str, list[CodeType]] = {}
_plumbing_files: dict[str, bool] = {}


def declare_transparent(code: CodeType) -> None:
    """Tasks that run this code are a library's own plumbing: they carry units and are none."""
    known = _transparent_codes.setdefault(code.co_name, [])
    if code not in known:
        known.append(code)


def is_transparent(coro: object, code: CodeType | None) -> bool:
    """Whether a task of this coroutine is none of the program's: asyncio's own, or declared by a library's instrumentor."""
    if code is None:
        # `aclose()` of an asynchronous generator, scheduled by the loop's hook: no coroutine, no code.
        return type(coro).__name__.startswith("async_generator")
    # By name first, and by identity: hashing a code object costs more than all else here.
    name, file = code.co_name, code.co_filename
    if name in _TEARDOWN_NAMES:
        return True
    if name in _transparent_codes:
        for known in _transparent_codes[name]:
            if code is known:
                return True
    plumbing = _plumbing_files.get(file)
    if plumbing is None:
        path = os.path.realpath(file)
        plumbing = os.path.basename(path) in _LOOP_FILES and os.path.dirname(path) == _ASYNCIO  # noqa: PTH119, PTH120
        _plumbing_files[file] = plumbing
    return plumbing


@dataclass(slots=True)
class Group:
    """One TaskGroup: its number in the process and the unit that entered it."""

    number: int
    owner: Unit | None


@dataclass(slots=True)
class Call:
    """Who called `cancel()`."""

    mechanism: str
    deadline: Deadline | None = None
    group: int | None = None
    member: Unit | None = None
    via: int | None = None


def group_of(task_group: object) -> Group | None:
    """What we know of a TaskGroup that was entered while recording."""
    group = getattr(task_group, "_spanproof", None)
    return group if isinstance(group, Group) else None


def who_cancels(recorder: Recorder, state: TaskState, frame: FrameType) -> Call | None:
    """Tell from the calling frame who asks; None when `wait_for` only hands a known request to its inner task."""
    code = frame.f_code
    if code is ON_TIMEOUT:
        return Call("timer", deadline=getattr(frame.f_locals.get("self"), "_spanproof", None))
    if code is CANCEL_AND_WAIT or code is WAIT_FOR:
        return _by_wait_for(recorder, state)
    if code is ABORT or code is MEMBER_DONE or code in GROUP_EXIT:
        return _by_group(frame)
    if code is HANDLE_RUN:
        # loop.call_later(..., task.cancel): there is no frame between the timer and us.
        return Call("timer" if isinstance(frame.f_locals.get("self"), asyncio.TimerHandle) else "task_cancel")
    return Call(_BY_CODE.get(code) or _by_owner(code))


_BY_CODE: dict[CodeType, str] = {TEARDOWN: "runner", SIGINT: "sigint", GATHER_CANCEL: "gather"}


def _by_owner(code: CodeType) -> str:
    owner = owner_of(code)
    if owner == "library" and f"{os.sep}anyio{os.sep}" in code.co_filename:
        return "anyio"
    return {"user": "task_cancel", "stageflow": "stageflow"}.get(owner, "library")


def _by_group(frame: FrameType) -> Call:
    task_group = frame.f_locals.get("self")
    group = group_of(task_group)
    member: Unit | None = None
    done: FrameType | None = frame if frame.f_code is MEMBER_DONE else frame.f_back
    if done is not None and done.f_code is MEMBER_DONE:
        member = member_unit(done.f_locals.get("task"))
    # TaskGroup.__aexit__ (3.13) cancels its parent again on behalf of an outer request: that is not the group's own.
    own = frame.f_code is MEMBER_DONE
    return Call("taskgroup", group=group.number if group is not None and own else None, member=member)


def member_unit(task: object) -> Unit | None:
    """The unit of a task that has failed: it has ended, so `unit_of` of open units does not serve."""
    state = state_of(task)
    return state.unit if state is not None else unit_of(task)


def _by_wait_for(recorder: Recorder, state: TaskState) -> Call | None:
    waiter = running_state()
    if waiter is None or not waiter.waits:
        return Call("wait_for")
    if waiter is state and any(not request.delivered for request in state.pending):
        return None
    deadline = waiter.waits[-1]
    if waiter is not state and waiter.pending:
        # The waiting task was asked itself; wait_for hands that on to the task that it was given.
        former = waiter.pending[-1]
        return Call(former.mechanism, via=former.id)
    expire(recorder, state.loop, deadline)
    return Call("timer", deadline=deadline)


def is_lawful_uncancel(frame: FrameType) -> bool:
    """Whether asyncio itself takes a request back: a scope, a TaskGroup, the runner."""
    return frame.f_code in (TIMEOUT_EXIT, RUNNER_RUN, *GROUP_EXIT)
