"""Deadlines: `asyncio.timeout`, `timeout_at`, `reschedule` and `wait_for`.

A scope in user code is a unit. A timeout that stageflow arms around a stage or a cleanup callback belongs to that unit; it is
armed before the unit's body makes its first step, and waits in `TaskState.armed` until then.

`wait_for` is watched by exchanging its code object, not the function: programs that imported the name before the session
call the same function object.
"""

from __future__ import annotations

import asyncio
import math
import sys
import types
from asyncio.events import get_running_loop
from typing import TYPE_CHECKING, Any

from . import callers
from . import vocabulary as v
from .clocks import duration_ns
from .deadlines import arm, attach, disarm, expire, move
from .frames import owner_of, run_loop, short_name
from .probe import TaskProbe
from .taskstate import TaskState, running_state, state_of

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes, Deadline

_timeouts: Any = asyncio.timeouts
_tasks: Any = asyncio.tasks
# Where a task's step begins: what stands further out has not called it.
_TASK_STEPS = (TaskProbe.__next__.__code__, TaskProbe._step.__code__)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def describe_timeout(value: Any) -> str:
    """A configured timeout as it was written; only numbers, None and short text are shown, never an object's content."""
    return repr(value) if isinstance(value, (int, float, type(None), bool)) else f"<{type(value).__qualname__}>"


def _entered_at(frame: FrameType | None) -> tuple[CodeType, int] | None:
    """Code and line that enter a timeout: past an `AsyncExitStack` or an outer `wait_for`, but within the same task.

    A `wait_for` that is a task of its own (`gather(wait_for(...))`) stands for the code that handed it over. None: a timeout that
    the standard library has for itself (`staggered_race`).
    """
    inner: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        if code in _TASK_STEPS:
            own = inner is not None and inner.f_code is _recorded_template.__code__
            return (callers.WAIT_FOR, callers.WAIT_FOR.co_firstlineno) if own else None
        if code is callers.HANDLE_RUN or code is run_loop.__code__:
            return None
        if owner_of(code) not in ("ours", "stdlib"):
            return code, frame.f_lineno
        inner, frame = frame, frame.f_back
    return None


def arm_scope(
    recorder: Recorder, state: TaskState, frame: FrameType | None, when: float | None, configured: Any, mechanism: str
) -> Deadline | None:
    """A timeout is entered at `frame`: open a scope unit, or keep it for the stage or callback of stageflow's; else None."""
    entered = _entered_at(frame)
    if entered is None:
        # No scope; but what the timer of the standard library's own asks for ends lawfully where it is left.
        return arm(recorder, state, when, {}) if mechanism == "wait_for" else None
    code, line = entered
    attrs: Attributes = {v.DEADLINE_MECHANISM: mechanism, v.DEADLINE_CONFIGURED: describe_timeout(configured)}
    attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = code.co_filename, line, code.co_qualname
    if when is not None:
        left = when - get_running_loop().time()
        # A timeout given as a number is kept as given; what is left of it at this moment differs by the time that arming took.
        given = configured if isinstance(configured, (int, float)) and mechanism != "timeout_at" else left
        if math.isfinite(given):
            attrs[v.DEADLINE_TIMEOUT] = duration_ns(given)
    if when is not None and not math.isfinite(when):
        when = None
    deadline = arm(recorder, state, when, attrs)
    if owner_of(code) == "stageflow" and not callers.opens_scope(code):
        attrs[v.DEADLINE_MECHANISM] = "stageflow"
        state.armed = deadline
        return deadline
    unit = recorder.open(
        "scope",
        f"timeout {short_name(code.co_qualname)}",
        state.loop,
        parent=state.innermost,
        attrs={v.CODE_FILE: attrs[v.AT_FILE], v.CODE_LINE: attrs[v.AT_LINE], v.CODE_FUNCTION: attrs[v.AT_FUNCTION]},
    )
    recorder.note_started(unit, unit.start_ns)
    deadline.own_unit = True
    attach(recorder, unit, deadline)
    state.enter(unit)
    return deadline


def leave_scope(recorder: Recorder, state: TaskState, deadline: Deadline, error: BaseException | None, *, cancelled: bool) -> None:
    """The scope is left. `cancelled`: CancelledError reached its exit, so that turning it into TimeoutError is lawful."""
    if state.armed is deadline:
        state.armed = None
    if deadline.expired and cancelled:
        recorder.consume(state, [request for request in state.pending if request.scope is deadline], "timeout")
    elif not deadline.own_unit:
        state.pending = [request for request in state.pending if request.scope is not deadline]
    disarm(recorder, state.loop, deadline, "expired" if deadline.expired else "exited")
    unit = deadline.unit
    if unit is not None and deadline.own_unit:
        timed_out = deadline.expired and isinstance(error, TimeoutError) and cancelled
        recorder.close(state, unit, error, "timed_out" if timed_out else None)
        state.pending = [request for request in state.pending if request.scope is not deadline]


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `asyncio.Timeout` and `asyncio.wait_for`."""
    _watch_timeout(recorder, patches)
    _watch_wait_for(recorder, patches)
    recorder.seams.deadline.install()


def _watch_timeout(recorder: Recorder, patches: Patches) -> None:
    cls = _timeouts.Timeout
    for name, watched in (
        ("__aenter__", _watched_enter),
        ("__aexit__", _watched_exit),
        ("reschedule", _watched_reschedule),
        ("_on_timeout", _watched_timer),
    ):
        patches.set(cls, name, watched(recorder, getattr(cls, name)))


def _watched_enter(recorder: Recorder, enter: Any) -> Any:
    seam = recorder.seams.deadline

    async def __aenter__(self: Any) -> Any:
        result = await enter(self)
        if recorder.alive and seam.on:
            with seam:
                _note_entered(recorder, self, sys._getframe(1))
        return result

    return __aenter__


def _note_entered(recorder: Recorder, timeout: Any, frame: FrameType) -> None:
    if frame.f_code is callers.WAIT_FOR:
        # wait_for has noted its deadline itself; its timer works through this object.
        timeout._spanproof = callers.wait_for_deadline(frame)
        return
    state = running_state()
    if state is None:
        return
    when: float | None = timeout.when()
    left = None if when is None else when - get_running_loop().time()
    timeout._spanproof = arm_scope(recorder, state, frame, when, rounded(left), "timeout")


def _watched_exit(recorder: Recorder, leave: Any) -> Any:
    async def __aexit__(self: Any, exc_type: Any, exc: Any, tb: Any) -> Any:
        deadline: Deadline | None = getattr(self, "_spanproof", None)
        # A scope of wait_for is left in wait_for itself.
        if deadline is None or not deadline.own_unit or deadline.attrs.get(v.DEADLINE_MECHANISM) == "wait_for":
            return await leave(self, exc_type, exc, tb)
        cancelled = exc_type is not None and issubclass(exc_type, asyncio.CancelledError)
        outcome: BaseException | None = exc
        try:
            return await leave(self, exc_type, exc, tb)
        except BaseException as error:
            outcome = error
            raise
        finally:
            # A generator's scope may be left in another task (PEP 789): the loop's hook closes what was abandoned.
            state = state_of(self._task) or running_state()
            if state is not None and recorder.alive:
                with recorder.seams.deadline:
                    leave_scope(recorder, state, deadline, outcome, cancelled=cancelled)
            # As without a recorder, asyncio's own frame names what came in; what it made of that is not to be named by this one.
            outcome = None

    return __aexit__


def _watched_reschedule(recorder: Recorder, original: Any) -> Any:
    seam = recorder.seams.deadline

    def reschedule(self: Any, when: Any) -> None:
        original(self, when)
        deadline: Deadline | None = getattr(self, "_spanproof", None)
        if deadline is None or not recorder.alive or not seam.on:
            return
        state = running_state()
        if state is None:
            return
        with seam:
            frame = sys._getframe(1)
            attrs: Attributes = {
                v.AT_FILE: frame.f_code.co_filename,
                v.AT_LINE: frame.f_lineno,
                v.AT_FUNCTION: frame.f_code.co_qualname,
            }
            if when is not None:
                attrs[v.DEADLINE_TIMEOUT] = duration_ns(when - get_running_loop().time())
            move(recorder, state, deadline, when, attrs)

    return reschedule


def _watched_timer(recorder: Recorder, original: Any) -> Any:
    seam = recorder.seams.deadline

    def _on_timeout(self: Any) -> None:
        deadline: Deadline | None = getattr(self, "_spanproof", None)
        if deadline is not None and recorder.alive and seam.on:
            with seam:
                expire(recorder, recorder.loop_state(self._task.get_loop()), deadline)
        original(self)

    return _on_timeout


def rounded(seconds: float | None) -> float | None:
    """A timeout worked out from two readings of the clock: the digits that differ by the time in between are left out."""
    return None if seconds is None else round(seconds, 3 if abs(seconds) >= 0.01 else 6)


async def _recorded_template(fut, timeout):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
    # Lent to asyncio.wait_for for the length of a session; the name is set in asyncio.tasks' globals.
    return await _spanproof_wait_for(fut, timeout)  # type: ignore[name-defined] # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownVariableType]


def _watch_wait_for(recorder: Recorder, patches: Patches) -> None:
    function = _tasks.wait_for
    plain = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)

    async def wait_for(fut: Any, timeout: Any) -> Any:
        entered = _enter_wait_for(recorder, fut, timeout, sys._getframe(1)) if recorder.alive else None
        if entered is None:
            return await plain(fut, timeout)
        # `deadline` is read from this frame: callers.wait_for_deadline.
        state, deadline = entered
        level = state.level
        outcome: BaseException | None = None
        try:
            return await plain(fut, timeout)
        except BaseException as error:
            outcome = error
            raise
        finally:
            left_behind, state.level = state.level > level, level
            with recorder.seams.deadline:
                if left_behind and recorder.alive and isinstance(outcome, asyncio.CancelledError):
                    # 3.11, asked twice: it goes without its inner task, and what was thrown has not come in anywhere.
                    recorder.deliver(state, None)
                _leave_wait_for(recorder, state, deadline, outcome)
            # This frame stands in the error's traceback: naming it here would keep both until the collector runs.
            outcome = None

    callers.declare_stand_in(_recorded_template.__code__, callers.WAIT_FOR)
    patches.set(_tasks, "_spanproof_wait_for", wait_for)
    patches.set(function, "__code__", _recorded_template.__code__)


def _enter_wait_for(recorder: Recorder, fut: Any, timeout: Any, frame: FrameType) -> tuple[TaskState, Deadline] | None:
    seam = recorder.seams.deadline
    state = running_state()
    # A timeout that is no number is left to wait_for, which says so.
    if state is None or not seam.on or not isinstance(timeout, (int, float)):
        return None
    with seam:
        when = get_running_loop().time() + timeout
        deadline = arm_scope(recorder, state, frame, when, timeout, "wait_for")
        if deadline is not None:
            if asyncio.iscoroutine(fut) and (sys.version_info < (3, 12) or timeout <= 0):
                state.coroutine = fut
                for request in state.pending:
                    # From here on the inner task's steps are counted too, and tell nothing of it.
                    request.step = sys.maxsize
            return state, deadline
    return None


def _leave_wait_for(recorder: Recorder, state: TaskState, deadline: Deadline, error: BaseException | None) -> None:
    if not recorder.alive:
        return
    # TimeoutError out of a due wait_for is its own: it is raised from the CancelledError of what was waited for.
    due = deadline.when is not None and get_running_loop().time() >= deadline.when
    own = isinstance(error, TimeoutError) and isinstance(error.__cause__, asyncio.CancelledError)
    if own and due:
        expire(recorder, state.loop, deadline)
    leave_scope(recorder, state, deadline, error, cancelled=own or isinstance(error, asyncio.CancelledError))
