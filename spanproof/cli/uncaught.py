"""Show the exception that ended a traced program as the interpreter would, without our frames."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

_OURS: Final = tuple(
    f"{folder}{os.sep}"
    for room in ("cli", "instrument")
    for folder in {str(Path(__file__).parents[1] / room), os.path.realpath(Path(__file__).parents[1] / room)}
)
"""Folders whose frames are ours. In a checkout a room has two names, of which Python may have recorded either."""


def show(error: BaseException) -> None:
    """Print it through `sys.excepthook`, which the program may have replaced."""
    for each in _related(error):
        each.__traceback__ = _without_ours(each.__traceback__)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except Exception:  # noqa: BLE001  # the interpreter falls back in the same way
        sys.__excepthook__(type(error), error, error.__traceback__)


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    kept: list[TracebackType] = []
    while traceback is not None:
        if not _is_ours(traceback.tb_frame.f_code.co_filename):
            kept.append(traceback)
        traceback = traceback.tb_next
    below: TracebackType | None = None
    for each in reversed(kept):
        each.tb_next = below
        below = each
    return below


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith(_OURS)


def _related(error: BaseException) -> list[BaseException]:
    """The exception, its causes and contexts, and the members of groups among them."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return found
