"""`%load_ext spanproof` and `%unload_ext spanproof`, for IPython and Jupyter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from . import attach

_SESSION_NAME: Final = "JPY_SESSION_NAME"
"""Environment variable in which Jupyter tells a kernel the path of its notebook."""


class _Begun:
    recorder: object = None


def begin() -> None:
    """Begin to record; a session that is there already is joined."""
    if attach.active() is not None:
        return
    notebook = os.environ.get(_SESSION_NAME)
    made = attach.start(name=Path(notebook).stem if notebook else "notebook")
    _Begun.recorder = made.recorder
    print("spanproof: recording; %unload_ext spanproof ends it")  # noqa: T201 - the answer to a command


def end() -> None:
    """End the recording that `begin` began, and say where it is."""
    recorder, _Begun.recorder = _Begun.recorder, None
    if recorder is None or attach.active() is not recorder:
        return
    path = attach.stop()
    if path is not None:
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        print(f"spanproof: recorded {shown}")  # noqa: T201
