"""Who called: asyncio's own functions are told apart by the code object of the calling frame, never by name."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .awaiting import unit_of
from .deadlines import expire
from .frames import owner_of, run_loop, variable
from .records import Deadline
from .taskstate import running_state, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from .clocks import LoopState
    from .recorder import Recorder
    from .records import Origin, Request, Unit
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

_TIMER_DEPTH = 16
"""Calls between the loop and a `cancel()` that are looked at for a timer."""

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
# As it is written and with links followed, once: asking the file system in the middle of a program's loop blocks it.
_ASYNCIO = tuple(os.path.dirname(file) for file in (asyncio.__file__, os.path.realpath(asyncio.__file__)))  # noqa: PTH120 - compared with text
_transparent_codes: dict[str, list[CodeType]] = {}
_scope_codes: dict[str, list[CodeType]] = {}
_plumbing_files: dict[str, bool] = {}
_stand_ins: dict[str, tuple[CodeType, CodeType]] = {}
_wrappers: dict[CodeType, Callable[[LoopState, Any], Origin]] = {}
_cancellers: dict[CodeType, Callable[[Recorder, TaskState, FrameType], Call]] = {}
_lawful_uncancels: set[CodeType] = {TIMEOUT_EXIT, RUNNER_RUN, *GROUP_EXIT}


def declare_transparent(code: CodeType) -> None:
    """Tasks that run this code are a library's own plumbing: they carry units and are none."""
    known = _transparent_codes.setdefault(code.co_name, [])
    if code not in known:
        known.append(code)


def declare_scope(code: CodeType) -> None:
    """A timeout that this code of stageflow enters is none of a stage or a cleanup callback, and gets a scope of its own."""
    known = _scope_codes.setdefault(code.co_name, [])
    if code not in known:
        known.append(code)


def opens_scope(code: CodeType) -> bool:
    """Whether this code was declared to have timeouts of its own."""
    known = _scope_codes.get(code.co_name)
    return known is not None and any(code is each for each in known)


def declare_stand_in(code: CodeType, original: CodeType) -> None:
    """This code of ours is lent to a function of asyncio's: its place in the source is that of the original."""
    _stand_ins[code.co_name] = (code, original)


def in_source(code: CodeType) -> CodeType:
    """The code whose place in the source is told: the same, or the original of one of ours."""
    lent = _stand_ins.get(code.co_name)
    return lent[1] if lent is not None and lent[0] is code else code


def is_transparent(coro: object, code: CodeType | None) -> bool:
    """Whether a task of this coroutine is none of the program's: asyncio's own, or declared by a library's instrumentor."""
    if code is None:
        # `aclose()` of an asynchronous generator, scheduled by the loop's hook: no code. (`__anext__()` is the program's own.)
        return type(coro).__name__ == "async_generator_athrow"
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
        plumbing = os.path.basename(file) in _LOOP_FILES and os.path.dirname(file) in _ASYNCIO  # noqa: PTH119, PTH120
        _plumbing_files[file] = plumbing
    return plumbing


def declare_wrapper(code: CodeType, describe: Callable[[LoopState, Any], Origin]) -> None:
    """Tasks that run this code run a coroutine of the program's inside it; `describe` tells which. It must not raise."""
    declare_transparent(code)
    _wrappers[code] = describe


def unwrapped(loop: LoopState, coro: Any, origin: Origin) -> Origin:
    """The origin of what a library's wrapper runs; of any other plumbing, the same origin again."""
    describe = _wrappers.get(origin.code) if origin.code is not None else None  # type: ignore[call-overload]
    return origin if describe is None else describe(loop, coro)


def declare_canceller(code: CodeType, tell: Callable[[Recorder, TaskState, FrameType], Call]) -> None:
    """`Task.cancel()` calls from this code of a library are explained by `tell`, which gets the calling frame."""
    _cancellers[code] = tell


def withdraw_canceller(code: CodeType) -> None:
    """The recording is over: what `tell` knows of it is let go."""
    _cancellers.pop(code, None)


def declare_lawful_uncancel(code: CodeType) -> None:
    """This code of a library takes back requests of its own; how they ended is noted elsewhere."""
    _lawful_uncancels.add(code)


@dataclass(slots=True)
class Group:
    """One TaskGroup: its number in the process and the unit that entered it."""

    number: int
    owner: Unit | None


@dataclass(slots=True)
class Call:
    """Who called `cancel()`.

    Attributes:
        known: a request that has been noted already and is made again.
        by_function: a timer of the program's or of a library's own, whose function has a line; asyncio's own have none.
    """

    mechanism: str
    deadline: Deadline | None = None
    group: int | None = None
    member: Unit | None = None
    via: int | None = None
    known: Request | None = None
    by_function: bool = False


class Outside(threading.local):
    """Where no task runs in this thread: the group in whose name a task is being created."""

    group: Group | None = None


outside = Outside()


def group_of(task_group: object) -> Group | None:
    """What we know of a TaskGroup that was entered while recording."""
    group = getattr(task_group, "_spanproof", None)
    return group if isinstance(group, Group) else None


def who_cancels(recorder: Recorder, state: TaskState, frame: FrameType) -> Call | None:
    """Tell from the calling frame who asks; None when `wait_for` only hands a known request to its inner task."""
    code = frame.f_code
    if code is ON_TIMEOUT:
        return Call("timer", deadline=getattr(variable(frame, "self"), "_spanproof", None))
    if code is CANCEL_AND_WAIT or code is WAIT_FOR:
        return _by_wait_for(recorder, state, frame)
    if code is ABORT or code is MEMBER_DONE or code in GROUP_EXIT:
        return _by_group(frame)
    if code is HANDLE_RUN:
        # loop.call_later(..., task.cancel): there is no frame between the timer and us.
        return Call("timer" if isinstance(variable(frame, "self"), asyncio.TimerHandle) else "task_cancel")
    tell = _cancellers.get(code)
    if tell is not None:
        return tell(recorder, state, frame)
    known = _BY_CODE.get(code)
    if known is None and running_state() is None and _in_timer(frame):
        return Call("timer", by_function=True)
    return Call(known or _by_owner(code))


def _in_timer(frame: FrameType | None) -> bool:
    """Whether the loop runs this frame for a timer: deadlines that libraries build of `call_later` and a function that cancels."""
    for _ in range(_TIMER_DEPTH):
        if frame is None:
            return False
        if frame.f_code is HANDLE_RUN:
            return isinstance(variable(frame, "self"), asyncio.TimerHandle)
        frame = frame.f_back
    return False


def send(state: TaskState, request: Request) -> Request:
    """A request that has been noted is on its way to its task, perhaps once more; the next CancelledError answers it."""
    request.delivered, request.level = False, 0
    if request not in state.pending:
        state.pending = [*state.pending, request]
    return request


def asked_again(state: TaskState, former: Request) -> Request | None:
    """The request that `former`, which is made again and again, became when it was first passed on to this task; None: it was not."""
    known = former.passed_on.get(state) if former.passed_on is not None else None
    return None if known is None else send(state, known)


# A loop that is not written in Python has no frame of its own: what it calls itself seems to be called where it was entered.
_BY_CODE: dict[CodeType, str] = {TEARDOWN: "runner", SIGINT: "sigint", GATHER_CANCEL: "gather", run_loop.__code__: "task_cancel"}


def _by_owner(code: CodeType) -> str:
    return {"user": "task_cancel", "stageflow": "stageflow", "anyio": "anyio"}.get(owner_of(code), "library")


def _by_group(frame: FrameType) -> Call:
    group = group_of(variable(frame, "self"))
    number = group.number if group is not None else None
    parent = running_state()
    requests = parent.pending if parent is not None else ()
    if frame.f_code in GROUP_EXIT:
        # 3.13 takes an outer request off its parent and asks anew, when it raises its members' errors in its place.
        for former in reversed(requests):
            if former.group is None or former.group != number:
                return Call(former.mechanism, deadline=former.scope, group=former.group, via=former.id)
        return Call("taskgroup")
    if frame.f_code is MEMBER_DONE:
        return Call("taskgroup", group=number, member=member_unit(variable(frame, "task")))
    caller = frame.f_back
    if caller is not None and caller.f_code is MEMBER_DONE:
        return Call("taskgroup", member=member_unit(variable(caller, "task")))
    if caller is not None and variable(caller, "propagate_cancellation_error") is not None:
        # Its parent was asked itself, and the members are asked because of it.
        return Call("taskgroup", via=next((request.id for request in reversed(requests) if request.delivered), None))
    return Call("taskgroup")


def member_unit(task: object) -> Unit | None:
    """The unit of a task that has failed: it has ended, so `unit_of` of open units does not serve."""
    state = state_of(task)
    return state.unit if state is not None else unit_of(task)


def wait_for_deadline(frame: FrameType | None) -> Deadline | None:
    """The deadline of a running `wait_for`, from the frame of asyncio's own function: the recorder's stands around it."""
    around = frame.f_back if frame is not None and frame.f_code is WAIT_FOR else None
    deadline = variable(around, "deadline") if around is not None and owner_of(around.f_code) == "ours" else None
    return deadline if isinstance(deadline, Deadline) else None


def _by_wait_for(recorder: Recorder, state: TaskState, frame: FrameType) -> Call | None:
    waiter = running_state()
    caller = frame if frame.f_code is WAIT_FOR else frame.f_back
    deadline = wait_for_deadline(caller)
    if waiter is None or caller is None or deadline is None:
        return Call("wait_for")
    # 3.11: the future that it waits on is cancelled where the waiting task was asked itself, and done where its timer ran.
    future = variable(caller, "waiter")
    if future is not None and future.cancelled():
        if waiter is state:
            return None
        if waiter.pending:
            # The waiting task was asked; wait_for hands that on to the task that it was given.
            former = waiter.pending[-1]
            return Call(former.mechanism, via=former.id)
    expire(recorder, state.loop, deadline)
    return Call("timer", deadline=deadline)


def handed_on(state: TaskState, level: int) -> None:
    """3.11: `wait_for` was asked itself and asks its inner task, which stands at this level; there the request is delivered."""
    for request in state.pending:
        if not request.delivered and request.level == level - 1:
            request.level = level


def taken_back(state: TaskState, frame: FrameType) -> list[Request]:
    """What `uncancel()` down to 0 takes off a task (3.13): all that was not delivered yet. A TaskGroup asks anew for the others."""
    undelivered = [request for request in state.pending if not request.delivered]
    if frame.f_code not in GROUP_EXIT:
        return undelivered
    group = group_of(variable(frame, "self"))
    return [request for request in undelivered if group is not None and request.group == group.number]


def is_lawful_uncancel(frame: FrameType) -> bool:
    """Whether asyncio itself takes a request back: a scope, a TaskGroup, the runner."""
    return frame.f_code in _lawful_uncancels
