"""Correct programs in which cancellations and deadlines take rarer ways. None may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from .shapes import Program, work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def deadline_taken_away() -> None:
    """It was armed, and is not any more when the work takes longer."""
    async with asyncio.timeout(1) as scope:
        scope.reschedule(None)
        await work(5)


@program
async def deadlines_that_are_due_at_once() -> None:
    """Both timers run; the outer scope has it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await work(5)


@program
async def cancelled_error_of_another_make() -> None:
    """Translated on the way, as asyncio's own Condition does, it is still one."""

    async def translates() -> None:
        try:
            await work(60)
        except asyncio.CancelledError as error:
            raise asyncio.CancelledError("stopped") from error

    task = asyncio.create_task(translates())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def condition_that_nobody_notifies() -> None:
    """A consumer is stopped while it waits."""
    condition = asyncio.Condition()

    async def consumer() -> None:
        async with condition:
            await condition.wait()

    task = asyncio.create_task(consumer())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def timeout_built_of_a_timer() -> None:
    """As libraries did before Python had its own: a timer cancels, and the end takes the request back."""
    task = asyncio.current_task()
    assert task is not None
    fired: list[bool] = []

    def fire() -> None:
        fired.append(task.cancel())

    handle = asyncio.get_running_loop().call_later(1, fire)
    try:
        await work(60)
    except asyncio.CancelledError:
        assert fired
        task.uncancel()
    finally:
        handle.cancel()
    await work(1)


@program
async def worker_given_a_last_second() -> None:
    """Its owner is cancelled, lets it finish for a second, and has it cancelled by a timeout then."""

    async def owner() -> None:
        worker = asyncio.create_task(work(60))
        try:
            await worker_idle()
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker, 0.8)

    async def worker_idle() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(owner())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def nested_groups_aborted_by_a_member() -> None:
    """The abort goes down through the groups."""

    async def fails() -> None:
        await asyncio.sleep(0.5)
        raise ValueError("expected")

    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(5))
            await asyncio.gather(asyncio.gather(work(5)), work(6))

    with contextlib.suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())
            group.create_task(fails())


@program
async def generator_cancelled_while_it_waits() -> None:
    """The request enters the generator; it cleans up and lets it through."""

    async def numbers() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
            yield 2
        finally:
            await asyncio.sleep(0.1)

    async def consumes() -> None:
        async for _ in numbers():
            pass

    task = asyncio.create_task(consumes())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def timeouts_that_lie_in_the_past() -> None:
    """Each is due when it is armed, or moved, however long ago its moment was."""
    await asyncio.sleep(10)
    loop = asyncio.get_running_loop()
    for scope in (asyncio.timeout(-5), asyncio.timeout_at(loop.time() - 5), asyncio.timeout(5)):
        with contextlib.suppress(TimeoutError):
            async with scope:
                if (scope.when() or 0) > loop.time():
                    scope.reschedule(loop.time() - 5)
                await asyncio.sleep(60)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.sleep(60), -5)
