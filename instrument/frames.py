"""Whose code is on the stack: the user's, the standard library's, stageflow's, a library's, or ours."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from types import CodeType, FrameType

Owner = Literal["user", "library", "stdlib", "stageflow", "ours"]

_INSTRUMENT = Path(__file__).parent.resolve()
_DOOR = Path(sys.modules["spanproof"].__file__ or __file__).parent.resolve()
# Scenarios are programs under test like any user's, wherever they are installed.
_SCENARIOS = str(_DOOR / "scenarios") + os.sep
_OURS = (str(_INSTRUMENT) + os.sep, str(_DOOR) + os.sep)
_STDLIB = tuple({str(Path(sysconfig.get_paths()[name]).resolve()) for name in ("stdlib", "platstdlib")})
_HANDLE_RUN: CodeType = asyncio.Handle._run.__code__  # noqa: SLF001
_OWN_LIBRARIES = ("/stageflow/", "/opentelemetry/")
_owners: dict[str, Owner] = {}


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
    resolved = str(Path(file).resolve()) if not path.startswith("<") else path
    if resolved.startswith(_SCENARIOS):
        return "user"
    if resolved.startswith(_OURS):
        return "ours"
    installed = "/site-packages/" in path or "/dist-packages/" in path
    if installed and _OWN_LIBRARIES[0] in path:
        return "stageflow"
    if installed:
        return "library"
    if resolved.startswith(_STDLIB):
        return "stdlib"
    return "user"


def site(frame: FrameType | None) -> tuple[str, int, str] | None:
    """(file, line, function) of the innermost frame, from `frame` outward, that is neither the standard library's nor ours."""
    while frame is not None:
        code = frame.f_code
        if code is _HANDLE_RUN:
            # What a loop runs was called by nobody: further out is only whoever started the loop.
            return None
        if owner_of(code) not in ("stdlib", "ours"):
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
        if frame is not None and owner_of(frame.f_code) not in ("stdlib", "ours"):
            found = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
        inner = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None) or getattr(awaitable, "ag_await", None)
        if inner is None or inner is awaitable:
            return found
        awaitable = inner
    return found


def short_name(qualified: str) -> str:
    """`main.<locals>.worker` as `worker`, `Worker.run` as it is."""
    return qualified.rpartition("<locals>.")[2]


def caller(depth: int = 1) -> FrameType:
    """The frame `depth` calls above the function that calls this one."""
    return sys._getframe(depth + 1)
