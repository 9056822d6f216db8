"""Correct programs that fail and say so; none may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
import gc

from .shapes import Program, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


async def _fails(after: float) -> None:
    await asyncio.sleep(after)
    raise ConnectionError("somebody hears of it")


@program
async def a_task_s_error_is_awaited() -> None:
    """Later, but it is."""
    task = asyncio.create_task(_fails(0.2))
    await asyncio.sleep(1)
    with contextlib.suppress(ConnectionError):
        await task


@program
async def a_background_set_whose_callback_looks() -> None:
    """What a set of background tasks should be."""
    background: set[asyncio.Task[None]] = set()
    errors: list[BaseException | None] = []

    def done(task: asyncio.Task[None]) -> None:
        background.discard(task)
        errors.append(task.exception())

    def begin(after: float) -> None:
        task = asyncio.create_task(_fails(after))
        background.add(task)
        task.add_done_callback(done)

    begin(0.1)
    begin(0.3)
    await asyncio.sleep(1)
    gc.collect()


@program
async def gather_and_wait_whose_errors_are_read() -> None:
    """Each in its own way."""
    await asyncio.gather(_fails(0.1), _fails(0.2), work(0.3), return_exceptions=True)
    done, _pending = await asyncio.wait([asyncio.create_task(_fails(0.2)), asyncio.create_task(work(0.4))])
    for task in done:
        task.exception()
    with contextlib.suppress(ConnectionError):
        for first in asyncio.as_completed([_fails(0.1)]):
            await first


@program
async def a_group_that_hands_on_all_errors() -> None:
    """Two members fail in one turn."""
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(_fails(0.2))
            group.create_task(_fails(0.2))


@program
async def a_shielded_task_that_fails_after_its_caller_gave_up() -> None:
    """Shield, then await in the handler."""
    task = asyncio.create_task(_fails(0.5))
    try:
        await asyncio.wait_for(asyncio.shield(task), 0.2)
    except TimeoutError:
        with contextlib.suppress(ConnectionError):
            await task
