"""Whose coroutine a task of anyio's really runs, and under which name.

Since 4.14 a group's tasks run `TaskHandle._run_coro`; `anyio.run`, `from_thread.run` and portals have wrappers of their own.
The unit is named after what the program gave them: its own name for the task, else the function.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import vocabulary as v
from ..callers import declare_wrapper
from ..frames import short_name, variable
from ..recorder import ORIGINS_KEPT
from ..records import Origin
from .internals import nested

if TYPE_CHECKING:
    from types import CodeType

    from ..clocks import LoopState
    from ..records import Attributes
    from .internals import Internals


class Inside(NamedTuple):
    """What a wrapper runs: the function's qualified name, its code, the name that the program gave to the task."""

    qualified: str
    code: CodeType | None
    given: str | None


def install(internals: Internals) -> None:
    """Let tasks of anyio's wrappers be described by what they run."""
    if internals.run_coro is not None:
        declare_wrapper(internals.run_coro, _describer(partial(_of_handle, internals)))
    backend: Any = internals.backend
    for method, inner in (("run", "wrapper"), ("run_async_from_thread", "task_wrapper")):
        function = getattr(getattr(backend, method, None), "__func__", None)
        code = nested(function.__code__, inner) if function is not None else None
        if code is not None:
            declare_wrapper(code, _describer(_of_function))


def _describer(look: Any) -> Any:
    """What `declare_wrapper` takes: describes a task's coroutine that has not made its first step."""

    def describe(loop: LoopState, coro: Any) -> Origin:
        try:
            inside: Inside = look(coro)
        except Exception:  # noqa: BLE001 - a wrapper that is made otherwise keeps its own name; the task must come to be
            inside = Inside(coro.__qualname__, coro.cr_code, None)
        name = inside.given or short_name(inside.qualified)
        key = f"{inside.qualified}\n{name}"
        known = loop.origins.get(key)
        if known is None or known.code is not inside.code:
            if len(loop.origins) >= ORIGINS_KEPT:  # a program may name its tasks by request
                loop.origins.clear()
            known = loop.origins[key] = _origin(loop, inside, name)
        return known

    return describe


def _origin(loop: LoopState, inside: Inside, name: str) -> Origin:
    shared: Attributes = {v.UNIT: "task", v.CLOCK: loop.clock, v.LOOP: loop.number}
    if inside.code is not None:
        shared[v.CODE_FILE], shared[v.CODE_LINE] = inside.code.co_filename, inside.code.co_firstlineno
    shared[v.CODE_FUNCTION] = inside.qualified
    return Origin("task", f"task {name}", shared, code=inside.code)


def _of_handle(internals: Internals, coro: Any) -> Inside:
    handle = variable(coro.cr_frame, "self")
    inner = handle.coro
    code: CodeType | None = getattr(inner, "cr_code", None) or getattr(inner, "gi_code", None) or getattr(inner, "ag_code", None)
    qualified = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    frame = getattr(inner, "cr_frame", None)
    module = frame.f_globals.get("__name__") if frame is not None else None
    # Without a name of the program's anyio makes one of module and function (of a callable object or a partial it has only
    # the module); ours has no module, as everywhere.
    made = (module, f"{module}.{qualified}", qualified, "functools")
    given = None if handle.name in made else handle.name
    if code is not None and internals.of_portal(code):
        return _of_function(inner)._replace(given=given)
    return Inside(qualified, code, given)


def _of_function(coro: Any) -> Inside:
    function = variable(coro.cr_frame, "func")
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    function = getattr(function, "__func__", function)
    qualified = getattr(function, "__qualname__", None) or type(function).__qualname__
    return Inside(qualified, getattr(function, "__code__", None), None)
