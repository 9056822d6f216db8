"""What this seam knows of anyio's inside: its classes, and the code objects by which callers are told apart."""

from __future__ import annotations

import inspect
import os
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..frames import owner_of

if TYPE_CHECKING:
    from types import FrameType, ModuleType

_OF_SCOPE = ("__enter__", "__exit__", "cancel", "deadline", "_deliver_cancellation", "_timeout")
_STATE_OF_SCOPE = ("_active", "_cancel_called", "_deadline", "_host_task", "_parent_scope", "_shield")
# The last came when a group began to wait for its members inside its scope (4.9).
_STATE_OF_GROUP = ("_tasks", "cancel_scope", "_on_completed_fut")
_OF_PORTAL = ("_call_func", "run_call")
_OF_GROUP = ("__aenter__", "__aexit__", "_spawn")


class UnknownInternalsError(Exception):
    """This anyio is made otherwise than those that the seam was written against; the text names what is missing."""


def nested(code: CodeType, name: str) -> CodeType | None:
    """The code of a function that is defined inside another one."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == name:
            return constant
    return None


class Internals:
    """anyio's classes and code objects.

    Attributes:
        scope, group: its classes CancelScope and TaskGroup.
        deliver: the method that cancels the tasks of a scope, again at every turn of the loop.
        timeout: the method that a scope's timer calls.
        member_done: the callback of a group that sees its member's end.
        through: code that enters a scope on behalf of its caller.
        run_coro: what drives the coroutine of a group's task (4.14 and later); None before.

    Raises:
        UnknownInternalsError: something that the seam needs is not there.
    """

    def __init__(self, module: ModuleType) -> None:
        inside: Any = module
        scope: Any = getattr(module, "CancelScope", None)
        group: Any = getattr(module, "TaskGroup", None)
        for owner, names in ((scope, _OF_SCOPE), (group, _OF_GROUP)):
            for name in names:
                if name not in getattr(owner, "__dict__", {}):
                    raise UnknownInternalsError(f"no {name} in {'CancelScope' if owner is scope else 'TaskGroup'}")
        made = scope()
        for name in _STATE_OF_SCOPE:
            if not hasattr(made, name):
                raise UnknownInternalsError(f"a CancelScope has no {name}")
        for name in _STATE_OF_GROUP:
            # Not made to look: that would make a scope, which only a running loop can.
            if name not in group.__init__.__code__.co_names:
                raise UnknownInternalsError(f"a TaskGroup has no {name}")
        self.scope, self.group, self.backend = scope, group, getattr(inside, "AsyncIOBackend", None)
        self.deliver: CodeType = scope._deliver_cancellation.__code__  # noqa: SLF001
        self.timeout: CodeType = scope._timeout.__code__  # noqa: SLF001
        self.scope_exit: CodeType = scope.__exit__.__code__
        self.group_exit: CodeType = group.__aexit__.__code__
        self.member_done = nested(group._spawn.__code__, "task_done")  # noqa: SLF001
        self.start: CodeType | None = getattr(getattr(group, "start", None), "__code__", None)
        self.through = [group.__aenter__.__code__]
        core: Any = sys.modules.get("anyio._core._tasks")
        for name in ("fail_at", "fail_after"):
            function = getattr(core, name, None)
            if function is not None:
                self.through.append(inspect.unwrap(function).__code__)
        handle = getattr(core, "TaskHandle", None)
        self.run_coro: CodeType | None = getattr(getattr(handle, "_run_coro", None), "__code__", None)
        package = os.path.dirname(os.path.dirname(str(module.__file__)))  # noqa: PTH120 - compared with code objects' own text
        self._folder = package + os.sep
        self._files: dict[str, bool] = {}

    def is_inside(self, code: CodeType) -> bool:
        """Whether it is anyio's own code; remembered per file."""
        known = self._files.get(code.co_filename)
        if known is None:
            known = self._files[code.co_filename] = code.co_filename.startswith(self._folder)
        return known

    def passes_on(self, code: CodeType) -> bool:
        """Whether this code of anyio's enters a scope for its caller."""
        return any(code is known for known in self.through)

    def of_portal(self, code: CodeType) -> bool:
        """Whether a portal's tasks run this code around the function that they were given."""
        if code.co_name not in _OF_PORTAL or not self.is_inside(code):
            return False
        portal: Any = getattr(sys.modules.get("anyio.from_thread"), "BlockingPortal", None)
        call_async = getattr(getattr(portal, "call_async", None), "__code__", None)
        known = getattr(getattr(portal, "_call_func", None), "__code__", None)
        return code is known or (call_async is not None and code is nested(call_async, "run_call"))

    def runs_member(self, code: CodeType) -> bool:
        """Whether this code of anyio's has a scope around all that a task runs of the program's."""
        return code is self.run_coro or self.of_portal(code)

    def user_frame(self, frame: FrameType | None) -> FrameType | None:
        """Who enters a scope: the frame outward from `frame` that neither passes on nor belongs to `contextlib`; None: anyio itself."""
        while frame is not None:
            code = frame.f_code
            if self.is_inside(code):
                if not self.passes_on(code):
                    return None
            elif owner_of(code) != "ours" and not _is_contextlib(code):
                return frame
            frame = frame.f_back
        return None

    def outside(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame, from `frame` outward, that is not anyio's own."""
        while frame is not None and self.is_inside(frame.f_code):
            frame = frame.f_back
        return frame


def _is_contextlib(code: CodeType) -> bool:
    return owner_of(code) == "stdlib" and code.co_filename.endswith("contextlib.py")
