"""Programs in which somebody leaves work behind: members of a group, threads, generators, cleanup; and what must be found."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from typing import TYPE_CHECKING

from .shapes import Faulty, work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PROGRAMS = Faulty()
program = PROGRAMS.program


async def fails(seconds: float) -> None:
    """Something that breaks after its time."""
    await asyncio.sleep(seconds)
    raise ValueError("expected")


@program(("P10", "task work"))
async def gather_hands_on_the_first_error() -> None:
    with contextlib.suppress(ValueError):
        await asyncio.gather(fails(1), work(5))
    await asyncio.sleep(6)


@program(("P10", "task work"), ("P03", "task work"))
async def gather_fails_and_its_unit_with_it() -> None:
    async def loads() -> None:
        await asyncio.gather(fails(1), work(5))

    await asyncio.gather(asyncio.create_task(loads()), return_exceptions=True)
    await asyncio.sleep(6)


@program(("P10", "task work"))
async def wait_gives_up_at_its_timeout() -> None:
    await asyncio.wait({asyncio.create_task(work(1)), asyncio.create_task(work(5))}, timeout=2)
    await asyncio.sleep(6)


@program(("P10", "task work"))
async def wait_ends_at_the_first_exception() -> None:
    tasks = {asyncio.create_task(fails(1)), asyncio.create_task(work(5))}
    done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.exception()
    await asyncio.sleep(6)


@program(("P10", "task work"))
async def wait_is_cut_by_the_timeout_around_it() -> None:
    tasks = {asyncio.create_task(work(5))}
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.wait(tasks), 1)
    await asyncio.sleep(6)


@program(("P10", "task work"))
async def as_completed_gives_up_at_its_timeout() -> None:
    with contextlib.suppress(TimeoutError):
        for each in asyncio.as_completed([work(1), work(5)], timeout=2):
            await each
    await asyncio.sleep(6)


@program(("P10", "task work"))
async def as_completed_is_left_at_an_error() -> None:
    with contextlib.suppress(ValueError):
        for each in asyncio.as_completed([fails(1), work(5)]):
            await each
    await asyncio.sleep(6)


@program(("P11", "timeout thread_under_a_timeout Event.wait"))
async def thread_under_a_timeout() -> None:
    stop = threading.Event()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(stop.wait, 30), 0.05)
    await asyncio.create_task(work(1))
    stop.set()


@program(("P11", "task executes Event.wait"))
async def executor_s_work_outlives_its_task() -> None:
    stop, begun = threading.Event(), asyncio.Event()

    async def executes() -> None:
        begun.set()
        await asyncio.get_running_loop().run_in_executor(None, stop.wait, 30)

    task = asyncio.create_task(executes())
    await begun.wait()
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.create_task(work(1))
    stop.set()


async def rows() -> AsyncGenerator[int]:
    """Five rows; closing takes its time."""
    try:
        for number in range(5):
            yield number
            await asyncio.sleep(0.1)
    finally:
        await asyncio.sleep(0.05)


async def cleaning() -> None:
    """Work whose cleanup takes half a second."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.5)


@program(("C06", "task cleaning"))
async def owner_does_not_wait_for_what_it_cancelled() -> None:
    async def owner() -> None:
        task = asyncio.create_task(cleaning())
        await asyncio.sleep(1)
        task.cancel()

    await asyncio.create_task(owner())
    await asyncio.sleep(2)


@program(("C08", "task cleaning"))
async def cancelled_again_in_its_cleanup() -> None:
    task = asyncio.create_task(cleaning())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program(("C08", "timeout inner_cleanup_cut_by_the_outer_timeout"))
async def inner_cleanup_cut_by_the_outer_timeout() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.2):
            async with asyncio.timeout(1):
                await cleaning()


async def breaks_off() -> None:
    """Leaves a loop over a generator whose closing takes its time: the loop's hook closes it, when this unit has ended."""

    async def finds() -> None:
        async for _row in rows():
            break

    await asyncio.create_task(finds())
    await asyncio.sleep(1)


# Python 3.11 does not tell who iterates a generator and how it ends: the criterion is unknown there.
if sys.version_info >= (3, 12):
    program(("C05", "task finds rows"))(breaks_off)
