"""Whose code is on the stack: the user's, the standard library's, stageflow's, anyio's, another library's, or ours."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types import CodeType, FrameType

Owner = Literal["user", "library", "anyio", "stdlib", "stageflow", "ours"]


def _folders(*paths: str | Path) -> tuple[str, ...]:
    """Each folder as a prefix of its files' names: as it is written, and with links followed."""
    # Once, when this is loaded: asking the file system in the middle of a program's loop blocks it.
    return tuple({str(way) + os.sep for path in paths for way in (Path(path), Path(path).resolve())})


_DOOR = Path(sys.modules["spanproof"].__file__ or __file__).parent
# Scenarios are programs under test like any user's, wherever they are installed.
_SCENARIOS = _folders(_DOOR / "scenarios")
_OURS = _folders(Path(__file__).parent, _DOOR)
_STDLIB = _folders(*(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib")))
# What `__anext__()`, `asend()`, `athrow()`, `aclose()` and `anext()` give, and `__await__()` of a coroutine.
_STEPS_OF_GENERATORS = frozenset({"async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"})
_HANDLE_RUN: CodeType = asyncio.Handle._run.__code__  # noqa: SLF001
_INSTALLED = ("/site-packages/", "/dist-packages/")
# Whoever sleeps or locks by anyio waits in the line that called it, as with asyncio.
_NOT_A_SITE = ("stdlib", "ours", "anyio")
_OWN_LIBRARIES = ("/stageflow/", "/opentelemetry/")
_owners: dict[str, Owner] = {}
# The variables of a function are no dictionary; those of a module or class body are, and it is theirs.
_OPTIMIZED = inspect.CO_OPTIMIZED


def owner_of(code: CodeType) -> Owner:
    """Whose code it is, by its file; remembered per file."""
    file = code.co_filename
    owner = _owners.get(file)
    if owner is None:
        owner = _owners[file] = _find_owner(file)
    return owner


def _find_owner(file: str) -> Owner:
    path = file.replace("\\", "/")
    if path.startswith("<frozen "):
        return "stdlib"
    if file.startswith(_SCENARIOS):
        return "user"
    if file.startswith(_OURS):
        return "ours"
    installed = any(folder in path for folder in _INSTALLED)
    if installed and _OWN_LIBRARIES[0] in path:
        return "stageflow"
    if any(f"{folder}anyio/" in path for folder in _INSTALLED):
        return "anyio"
    if installed:
        return "library"
    if file.startswith(_STDLIB):
        return "stdlib"
    return "user"


def run_loop(run: Any, loop: Any) -> Any:
    """Where a loop is entered. A loop that is not written in Python shows nothing else between its callbacks and its caller."""
    return run(loop)


_RUN_LOOP: CodeType = run_loop.__code__


def site(frame: FrameType | None) -> tuple[str, int, str] | None:
    """(file, line, function) of the innermost frame, from `frame` outward, that is neither the standard library's, anyio's nor ours."""
    while frame is not None:
        code = frame.f_code
        if code is _HANDLE_RUN or code is _RUN_LOOP:
            # What a loop runs was called by nobody: further out is only whoever started the loop.
            return None
        if owner_of(code) not in _NOT_A_SITE:
            return code.co_filename, frame.f_lineno, code.co_qualname
        frame = frame.f_back
    return None


def waiting_site(awaitable: object) -> tuple[str, int, str] | None:
    """The innermost line of user code in a suspended chain of awaits.

    Walks from the outermost coroutine inward, as a traceback of the suspended coroutine would; generators and asynchronous
    generators on the way included. None when the chain has no Python frame outside of the standard library.
    """
    found: tuple[str, int, str] | None = None
    # A chain is as long as the user's nesting of awaits; the limit only guards against a cycle of broken awaitables.
    for _ in range(10_000):
        frame = getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None) or getattr(awaitable, "ag_frame", None)
        if frame is not None and owner_of(frame.f_code) not in _NOT_A_SITE:
            found = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
        inner = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None) or getattr(awaitable, "ag_await", None)
        if inner is None and type(awaitable).__name__ in _STEPS_OF_GENERATORS:
            # Objects of C code that name nothing; the first thing that they hold is what they drive.
            inner = next(iter(gc.get_referents(awaitable)), None)
        if inner is None or inner is awaitable:
            return found
        awaitable = inner
    return found


def variable(frame: FrameType, *names: str) -> Any:
    """The value of the first of these variables that a function's frame has; None without any.

    Before Python 3.13 looking at a frame's variables leaves a copy of all of them with the frame, which may live long in a
    traceback and would hold what the program has let go of since; so the copy is emptied.
    """
    values = frame.f_locals
    found = next((values[name] for name in names if name in values), None)
    if sys.version_info < (3, 13) and frame.f_code.co_flags & _OPTIMIZED:
        values.clear()
    return found


def short_name(qualified: str) -> str:
    """`main.<locals>.worker` as `worker`, `Worker.run` as it is."""
    return qualified.rpartition("<locals>.")[2]


def caller(depth: int = 1) -> FrameType:
    """The frame `depth` calls above the function that calls this one."""
    return sys._getframe(depth + 1)
