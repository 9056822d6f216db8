"""Who cancels a scope, and which tasks that reaches.

anyio cancels by level: it calls `Task.cancel()` on every task of a cancelled scope again at each turn of the loop until the
task has left the scope. What it asks is one request a scope, and one a task that it is passed on to; each `Task.cancel()` only
puts that request on its way again, so that every CancelledError that follows answers it.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import TYPE_CHECKING, Any

from .. import callers
from .. import vocabulary as v
from ..callers import Call, member_unit, send
from ..deadlines import expire
from ..frames import site, variable
from ..records import Request
from ..taskstate import running_state, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState
    from .internals import Internals
    from .known import Scope, Scopes


def install(recorder: Recorder, patches: Patches, internals: Internals, known: Scopes) -> None:
    """Watch `CancelScope.cancel`, and know anyio's calls of `Task.cancel` and `uncancel`."""
    seam = recorder.seams.anyio
    cls = internals.scope
    original = cls.cancel

    @functools.wraps(original)
    def cancel(self: Any, *arguments: Any, **options: Any) -> Any:
        if recorder.alive and seam.on and not self._cancel_called:
            with seam:
                reason = arguments[0] if arguments else options.get("reason")
                note_cancel(recorder, internals, known.of(self), self, sys._getframe(1), reason)
        return original(self, *arguments, **options)

    patches.set(cls, "cancel", cancel)

    def delivered_by(of: Recorder, state: TaskState, frame: FrameType) -> Call:
        if of is not recorder or not seam.on:
            return Call("anyio")
        call = Call("anyio")
        with seam:
            origin = variable(frame, "origin", "self")
            call.known = asked_of(recorder, known.of(origin), origin, state)
        return call

    def given_up(of: Recorder, _state: TaskState, _frame: FrameType) -> Call:
        # Before 4.14 a start that is cancelled cancels its task itself.
        former = _answered(running_state()) if of is recorder and isinstance(sys.exception(), asyncio.CancelledError) else None
        return Call("anyio") if former is None else Call(former.mechanism, via=former.id)

    _declare(patches, internals.deliver, delivered_by)
    if internals.run_coro is None and internals.start is not None:
        _declare(patches, internals.start, given_up)
    callers.declare_lawful_uncancel(internals.scope_exit)


def _declare(patches: Patches, code: CodeType, tell: Callable[[Recorder, TaskState, FrameType], Call]) -> None:
    callers.declare_canceller(code, tell)
    patches.undo(functools.partial(callers.withdraw_canceller, code))


def note_cancel(recorder: Recorder, internals: Internals, scope: Scope, raw: Any, frame: FrameType, reason: object) -> None:
    """A scope is being cancelled: note who does it, and the request on the scope's own task if it has been entered."""
    asked: Attributes = {v.REQUEST_MECHANISM: "anyio", v.REQUEST_LIVE: True}
    running = running_state()
    host = raw._host_task  # noqa: SLF001
    state = scope.state or (state_of(host) if host is not None else None)
    code = frame.f_code
    gives_up = _gives_up(internals, frame)
    # Not from the caller's frame: on 3.11 and 3.12 looking at its variables would tie the exception into a cycle.
    unwinding = (gives_up or code is internals.group_exit) and isinstance(sys.exception(), asyncio.CancelledError)
    former = _answered(running) if unwinding else None
    if code is internals.timeout:
        asked[v.REQUEST_MECHANISM] = "timer"
    else:
        if running is not None and running.innermost is not None:
            asked[v.REQUEST_BY] = running.innermost.hex
        if code is internals.member_done:
            asked[v.REQUEST_MECHANISM] = "taskgroup"
            member = member_unit(variable(frame, "_task"))
            if member is not None:
                asked[v.REQUEST_MEMBER] = member.hex
        elif code is internals.group_exit or gives_up:
            asked[v.REQUEST_MECHANISM] = former.mechanism if former is not None else "taskgroup"
        where = site(internals.outside(frame))
        if where is not None:
            asked[v.AT_FILE], asked[v.AT_LINE], asked[v.AT_FUNCTION] = where
        if isinstance(reason, str):
            asked[v.REQUEST_MESSAGE] = reason[:1_000]
    scope.asked = asked
    if former is not None and former.passed_on is None:
        former.passed_on = {}
    if former is not None and state is running:
        # A group is left by a cancellation that came from elsewhere: it asks nothing itself, it passes that on.
        scope.former = former
    elif former is not None and state is not None:
        scope.state, scope.request = state, _passed_on(recorder, scope, former, state)
    elif host is not None:
        ask_host(recorder, scope, state)


def ask_host(recorder: Recorder, scope: Scope, state: TaskState | None) -> None:
    """A cancelled scope asks the task that is in it; it is not on its way before anyio calls `Task.cancel()`."""
    asked = scope.asked
    if state is None or asked is None:
        return
    by_timer = asked[v.REQUEST_MECHANISM] == "timer"
    if by_timer and scope.deadline is not None:
        expire(recorder, state.loop, scope.deadline)
    scope.state = state
    request = Request(recorder.number(), str(asked[v.REQUEST_MECHANISM]), None)
    request.scope = scope.deadline if by_timer else None
    scope.request = request
    unit = scope.unit
    _note(recorder, state, request, unit if unit in state.stack else _outermost(state), asked)
    if not state.adopted:
        state.pending = [other for other in state.pending if other is not request]


def asked_of(recorder: Recorder, scope: Scope, raw: Any, state: TaskState) -> Request | None:
    """What a cancelled scope asks of a task, now on its way to it; noted at the first time."""
    if scope.request is None and scope.former is None:
        # Cancelled before the session began, or where its own task is not recorded.
        if scope.asked is None:
            scope.asked = {v.REQUEST_MECHANISM: "anyio", v.REQUEST_LIVE: True}
        host = raw._host_task  # noqa: SLF001
        ask_host(recorder, scope, state_of(host) if host is not None else None)
    root = scope.former or scope.request
    if root is not None and state is scope.state:
        return send(state, root)
    return _passed_on(recorder, scope, root, state)


def _passed_on(recorder: Recorder, scope: Scope, root: Request | None, state: TaskState) -> Request:
    """What is asked of a task in a scope that another one has entered."""
    asked = scope.asked or {}
    before = root.passed_on.get(state) if root is not None and root.passed_on is not None else None
    if before is not None:
        return send(state, before)
    request = Request(recorder.number(), str(asked.get(v.REQUEST_MECHANISM, "anyio")), None)
    attrs: Attributes = {key: value for key, value in asked.items() if key in (v.REQUEST_MECHANISM, v.REQUEST_BY, v.REQUEST_LIVE)}
    if root is not None:
        attrs[v.REQUEST_VIA] = root.id
        if root.passed_on is not None:
            root.passed_on[state] = request
    _note(recorder, state, request, _outermost(state), attrs)
    return request


def _note(recorder: Recorder, state: TaskState, request: Request, addressee: Unit | None, asked: Attributes) -> None:
    """Note a request on its addressee, and on what is open inside that as far as no shield keeps it off."""
    request.passed_on = {}
    request.addressee = addressee
    attrs: Attributes = {v.REQUEST_ID: request.id, **asked}
    if not state.started:
        attrs[v.REQUEST_STARTED] = True
    inside: list[Unit] = []
    if addressee is not None:
        attrs[v.REQUEST_ADDRESSEE] = addressee.hex
        if addressee in state.stack:
            for unit in state.stack[state.stack.index(addressee) :]:
                if unit is not addressee and v.SHIELDED in unit.attrs:
                    break
                inside.append(unit)
    recorder.request(state, request, inside, attrs)


def _outermost(state: TaskState) -> Unit | None:
    return state.unit or (state.stack[0] if state.stack else None)


def _answered(state: TaskState | None) -> Request | None:
    """The request that the running task is unwinding from; None: it is not."""
    if state is not None:
        for request in reversed(state.pending):
            if request.delivered:
                return request
    return None


def _gives_up(internals: Internals, frame: FrameType) -> bool:
    """Whether `TaskGroup.start` gives up a member because it is cancelled itself."""
    outer = frame.f_back
    return internals.start is not None and outer is not None and outer.f_code is internals.start and internals.is_inside(frame.f_code)
