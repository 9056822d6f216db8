"""What a program can declare about itself. Without a recording all of it does nothing."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import vocabulary as v
from .attach import active
from .frames import site
from .taskstate import running_state

if TYPE_CHECKING:
    from collections.abc import Generator

    from .records import Attributes


@contextmanager
def detached() -> Generator[None]:
    """Tasks created inside this block are meant to outlive who creates them.

    They begin a trace of their own and are taken out of the criteria about children that outlive their parents and about
    leaked tasks (P02, P03, L01).

        with spanproof.detached():
            asyncio.create_task(flush_metrics())
    """
    state = running_state()
    if state is not None:
        state.detaching += 1
    try:
        yield
    finally:
        if state is not None:
            state.detaching -= 1


@contextmanager
def resource(name: str) -> Generator[None]:
    """Declare that the block holds a resource called `name`; the trace shows when it was taken and given back."""
    state, recorder = running_state(), active()
    unit = state.innermost if state is not None else None
    if state is None or recorder is None or unit is None:
        yield
        return
    number = recorder.number()
    attrs: Attributes = {v.RESOURCE_ID: number, v.RESOURCE_NAME: name}
    # Two frames up: past contextlib's own.
    where = site(sys._getframe(2))
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    recorder.event(unit, v.RESOURCE_ACQUIRED, state.loop.now_ns(), attrs)
    try:
        yield
    finally:
        if recorder.alive:
            recorder.event(unit, v.RESOURCE_RELEASED, state.loop.now_ns(), {v.RESOURCE_ID: number, v.RESOURCE_NAME: name})


def heartbeat() -> None:
    """Declare that the running unit is alive and makes progress."""
    state, recorder = running_state(), active()
    if state is not None and recorder is not None and state.innermost is not None:
        recorder.event(state.innermost, v.HEARTBEAT, state.loop.now_ns(), {})
