"""Correct programs that leave nothing behind: groups, threads, generators and cleanup; the neighbours of `faulty_groups`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from spanproof import instrument

from .faulty_groups import cleaning, fails, rows
from .shapes import Program, work

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


async def stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel what is left and wait for it."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@program
async def the_rest_of_a_gather_is_cancelled_and_awaited() -> None:
    tasks = [asyncio.create_task(fails(1)), asyncio.create_task(work(5))]
    try:
        await asyncio.gather(*tasks)
    except ValueError:
        await stop(tasks)
    await asyncio.sleep(6)


@program
async def the_rest_of_a_gather_is_awaited_in_finally() -> None:
    tasks = [asyncio.create_task(fails(1)), asyncio.create_task(work(5))]
    with contextlib.suppress(ValueError):
        try:
            await asyncio.gather(*tasks)
        finally:
            await asyncio.gather(*tasks, return_exceptions=True)


@program
async def gather_that_returns_exceptions() -> None:
    await asyncio.gather(fails(1), work(5), return_exceptions=True)
    await asyncio.sleep(6)


@program
async def gather_under_a_timeout() -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(work(4), work(5)), 1)
    await asyncio.sleep(6)


@program
async def gather_of_a_cancelled_unit() -> None:
    async def waits() -> None:
        await asyncio.gather(work(4), work(5))

    task = asyncio.create_task(waits())
    await asyncio.sleep(1)
    await stop([task])
    await asyncio.sleep(6)


@program
async def polling_wait_with_a_timeout() -> None:
    pending = {asyncio.create_task(work(n)) for n in (1, 2, 5)}
    while pending:
        _done, pending = await asyncio.wait(pending, timeout=0.5)
        await asyncio.sleep(0.1)


@program
async def as_they_come_by_wait() -> None:
    pending: set[asyncio.Task[Any]] = {asyncio.create_task(fails(1)), asyncio.create_task(work(2)), asyncio.create_task(work(5))}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.exception()


@program
async def wait_for_the_first_exception_and_stop_the_rest() -> None:
    tasks = {asyncio.create_task(fails(1)), asyncio.create_task(work(5))}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    await stop(pending)
    for task in done:
        task.exception()
    await asyncio.sleep(6)


@program
async def as_completed_with_errors_looked_at() -> None:
    for each in asyncio.as_completed([fails(1), work(2), fails(3), work(5)]):
        with contextlib.suppress(ValueError):
            await each
        await asyncio.sleep(0.2)


@program
async def as_completed_left_and_the_rest_stopped() -> None:
    tasks = [asyncio.create_task(fails(1)), asyncio.create_task(work(5))]
    try:
        for each in asyncio.as_completed(tasks):
            await each
    except ValueError:
        await stop(tasks)
    await asyncio.sleep(6)


@program
async def a_group_waits_for_what_a_wait_left() -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(n)) for n in (1, 5)]
        await asyncio.wait(tasks, timeout=2)
        await asyncio.sleep(1)


@program
async def wait_a_while_for_what_is_meant_to_go_on() -> None:
    with instrument.detached():
        task = asyncio.create_task(work(5))
    await asyncio.wait({task}, timeout=1)
    await asyncio.sleep(6)


@program
async def what_a_wait_left_is_handed_over() -> None:
    async def takes(task: asyncio.Task[Any]) -> None:
        await task

    task = asyncio.create_task(work(5))
    await asyncio.wait({task}, timeout=1)
    await asyncio.create_task(takes(task))


@program
async def wait_with_a_done_member_and_no_time() -> None:
    """A look at who is done; the rest is waited for afterwards."""
    tasks = [asyncio.create_task(work(n)) for n in (1, 3)]
    await asyncio.sleep(2)
    _done, pending = await asyncio.wait(tasks, timeout=0)
    await asyncio.sleep(0.5)
    await asyncio.gather(*pending)


@program
async def thread_that_has_a_timeout_of_its_own() -> None:
    """The call in the thread gives up by itself before its unit does."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(threading.Event().wait, 0.01), 30)
    await asyncio.sleep(1)


@program
async def thread_stopped_in_the_handler() -> None:
    stop = threading.Event()

    async def careful() -> None:
        running = asyncio.ensure_future(asyncio.to_thread(stop.wait, 30))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            await running
            raise

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(careful(), 0.05)
    await asyncio.create_task(work(1))


@program
async def generator_closed_by_aclosing() -> None:
    async def finds() -> None:
        async with aclosing(rows()) as found:
            async for _row in found:
                break

    await asyncio.create_task(finds())
    await asyncio.sleep(1)


@program
async def owner_waits_for_what_it_cancelled() -> None:
    async def owner() -> None:
        task = asyncio.create_task(cleaning())
        await asyncio.sleep(1)
        await stop([task])

    await asyncio.create_task(owner())


@program
async def cleanup_that_cancels_and_awaits_its_own_child() -> None:
    async def parent() -> None:
        child = asyncio.create_task(cleaning())
        try:
            await asyncio.sleep(60)
        finally:
            child.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await child
            await asyncio.sleep(0.2)

    task = asyncio.create_task(parent())
    await asyncio.sleep(1)
    await stop([task])
