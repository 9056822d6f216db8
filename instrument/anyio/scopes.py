"""Scopes of the program and of its libraries as units: entered, moved, left.

A scope that anyio enters for purposes of its own (a shielded checkpoint, the scope around each member of a group) is none: as
with asyncio, the library that carries a unit is not one.
"""

from __future__ import annotations

import asyncio
import functools
import math
import sys
from asyncio.events import get_running_loop
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..awaiting import end_await
from ..clocks import duration_ns
from ..deadlines import disarm, move
from ..frames import owner_of
from ..scopes import arm_scope, rounded
from ..taskstate import running_state
from .requests import ask_host, asked_of

if TYPE_CHECKING:
    from types import FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Request, Unit
    from ..taskstate import TaskState
    from .internals import Internals
    from .known import Scope, Scopes


def install(recorder: Recorder, patches: Patches, internals: Internals, known: Scopes) -> None:
    """Watch entering and leaving of scopes, and assignments to their deadline and shield."""
    cls = internals.scope
    patches.set(cls, "__enter__", _watched_enter(recorder, internals, known))
    patches.set(cls, "__exit__", _watched_exit(recorder, internals, known))
    patches.set(cls, "deadline", _watched_deadline(recorder, known, cls.__dict__["deadline"]))
    patches.set(cls, "shield", _watched_shield(recorder, known, cls.__dict__["shield"]))


# --- entering --------------------------------------------------------------------------------------------------------


def _watched_enter(recorder: Recorder, internals: Internals, known: Scopes) -> Any:
    seam = recorder.seams.anyio
    enter = internals.scope.__enter__

    @functools.wraps(enter)
    def __enter__(self: Any) -> Any:
        if not recorder.alive or not seam.on or self._active:
            return enter(self)
        frame = sys._getframe(1)
        code = frame.f_code
        # Most scopes are anyio's own, one at each checkpoint; a group's is entered for whoever enters the group.
        if internals.is_inside(code) and not internals.passes_on(code) and not self._cancel_called:
            return enter(self)
        scope = None
        with seam:
            scope = _note_entering(recorder, known, self, internals.user_frame(frame))
        try:
            return enter(self)
        except BaseException:
            if scope is not None:
                with seam:
                    _take_back(recorder, known, self, scope)
            raise

    return __enter__


def _note_entering(recorder: Recorder, known: Scopes, raw: Any, frame: FrameType | None) -> Scope | None:
    """A scope is about to be entered by the code at `frame`; None there: by anyio itself."""
    state = running_state()
    if state is None:
        return None
    scope = known.of(raw)
    scope.state = state
    if frame is not None and owner_of(frame.f_code) in ("user", "library"):
        when: float = raw.deadline
        left = when - get_running_loop().time()
        # Minus infinity is due at once; a time that cannot be written is told by the configured value alone.
        armed = None if when == math.inf else when if math.isfinite(when) else get_running_loop().time()
        scope.deadline = arm_scope(recorder, state, frame, armed, rounded(left), "anyio")
        if scope.unit is not None and raw.shield:
            scope.unit.attrs[v.SHIELDED] = True
    if scope.asked is not None:
        # Cancelled before it was entered.
        ask_host(recorder, scope, state)
    return scope


def _take_back(recorder: Recorder, known: Scopes, raw: Any, scope: Scope) -> None:
    """Entering failed: it was no scope."""
    unit, state = scope.unit, scope.state
    if unit is not None and state is not None and unit.end_ns is None:
        state.leave(unit)
        recorder.forget(unit)
    known.forget(raw)


# --- moving ----------------------------------------------------------------------------------------------------------


def _watched_deadline(recorder: Recorder, known: Scopes, plain: Any) -> property:
    seam = recorder.seams.anyio

    def assign(self: Any, value: Any) -> None:
        if recorder.alive and seam.on and self._active and not self._cancel_called and isinstance(value, (int, float)):
            with seam:
                scope = known.get(self)
                if scope is not None and not math.isnan(value):
                    _note_moved(recorder, scope, value, sys._getframe(1))
        plain.fset(self, value)

    return property(plain.fget, assign, plain.fdel, plain.__doc__)


def _note_moved(recorder: Recorder, scope: Scope, value: float, frame: FrameType) -> None:
    state, deadline = scope.state, scope.deadline
    if state is None or deadline is None:
        return
    attrs: Attributes = {
        v.AT_FILE: frame.f_code.co_filename,
        v.AT_LINE: frame.f_lineno,
        v.AT_FUNCTION: frame.f_code.co_qualname,
    }
    when = None if value == math.inf else value if math.isfinite(value) else get_running_loop().time()
    if when is not None:
        attrs[v.DEADLINE_TIMEOUT] = duration_ns(when - get_running_loop().time())
    move(recorder, state, deadline, when, attrs)


def _watched_shield(recorder: Recorder, known: Scopes, plain: Any) -> property:
    seam = recorder.seams.anyio

    def assign(self: Any, value: Any) -> None:
        if recorder.alive and seam.on:
            with seam:
                scope = known.get(self)
                unit = scope.unit if scope is not None else None
                if unit is not None and value:
                    unit.attrs[v.SHIELDED] = True
                    recorder.touch(unit)
        plain.fset(self, value)

    return property(plain.fget, assign, plain.fdel, plain.__doc__)


# --- leaving ---------------------------------------------------------------------------------------------------------


def _watched_exit(recorder: Recorder, internals: Internals, known: Scopes) -> Any:
    seam = recorder.seams.anyio
    leave = internals.scope.__exit__

    @functools.wraps(leave)
    def __exit__(self: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> Any:
        scope: Scope | None = None
        of_member = False
        if recorder.alive and self._active:
            with seam:
                scope = known.get(self)
                if scope is not None or exc_val is not None:
                    of_member = internals.runs_member(sys._getframe(1).f_code)
                if scope is None and of_member:
                    scope = known.of(self)
                    scope.state = running_state()
        if scope is None:
            return leave(self, exc_type, exc_val, exc_tb)
        caught: Any = False
        raised: BaseException | None = None
        try:
            caught = leave(self, exc_type, exc_val, exc_tb)
        except BaseException as error:
            raised = error
            raise
        else:
            return caught
        finally:
            # Still active: it was refused, because this is not the innermost scope or not its task.
            if not self._active:
                with seam:
                    _note_left(recorder, known, self, scope, raised or exc_val, caught=bool(caught), of_member=of_member)
            # anyio takes care that an exception is in no cycle with a frame; so do we.
            del exc_type, exc_val, exc_tb, raised

    return __exit__


def _note_left(
    recorder: Recorder, known: Scopes, raw: Any, scope: Scope, error: BaseException | None, *, caught: bool, of_member: bool
) -> None:
    """A scope has been left by `error`, which it swallowed if `caught`."""
    state, request, deadline = scope.state, scope.request, scope.deadline
    known.forget(raw)
    if state is None:
        return
    if scope.wait is not None:
        end_await(recorder, state, scope.wait)
    unit = scope.unit
    cancelled, grouped = isinstance(error, asyncio.CancelledError), isinstance(error, BaseExceptionGroup)
    if cancelled and not caught:
        _meet_outer(recorder, known, raw, state, unit)
    if cancelled and of_member:
        # The member's own code ended by CancelledError, though anyio may let its task end as if it had returned.
        for inside in reversed(state.stack):
            recorder.close(state, inside, error)
    elif scope.group is not None and grouped:
        # As with asyncio's groups, the members' errors stand for whatever cancelled the group's own task meanwhile.
        recorder.consume(state, [other for other in state.pending if other.delivered], "anyio")
    elif request is not None and (caught or unit is None):
        recorder.consume(state, [request], "anyio")
    if unit is not None and deadline is not None:
        disarm(recorder, state.loop, deadline, "expired" if deadline.expired else "cancelled" if raw.cancel_called else "exited")
        if caught:
            recorder.close(state, unit, None, "timed_out" if deadline.expired else "cancelled")
        else:
            recorder.close(state, unit, error)
    if request is not None:
        state.pending = [other for other in state.pending if other is not request]


def _meet_outer(recorder: Recorder, known: Scopes, raw: Any, state: TaskState, unit: Unit | None) -> None:
    """A cancellation goes on outward because an outer scope was cancelled, too: from here on it answers that scope's request.

    anyio asks nothing on behalf of an outer scope of a task that is in a cancelled inner one.
    """
    outer = _cancelled_outside(raw)
    if outer is None or unit is None:
        return
    request: Request | None = asked_of(recorder, known.of(outer), outer, state)
    if request is not None:
        request.delivered = True
        if request not in unit.delivered:
            unit.delivered = [*unit.delivered, request]


def _cancelled_outside(raw: Any) -> Any:
    """The nearest cancelled scope around this one that no shield hides."""
    while raw is not None and not raw.shield:
        raw = raw._parent_scope  # noqa: SLF001
        if raw is not None and raw.cancel_called:
            return raw
    return None
