"""Correct programs of plain asyncio. A naive criterion would complain about each; none may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from spanproof import instrument

from .shapes import Program, work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def losers_of_a_race() -> None:
    """First one wins; the others are cancelled and awaited."""
    tasks = {asyncio.create_task(work(n)) for n in (1, 2, 3)}
    _done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


@program
async def polling_with_wait_for() -> None:
    """A queue is polled with a timeout; most polls time out."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    asyncio.get_running_loop().call_later(3.5, queue.put_nowait, 1)
    while True:
        try:
            await asyncio.wait_for(queue.get(), 1)
        except TimeoutError:
            continue
        return


@program
async def background_task_stopped_in_finally() -> None:
    """A daemon of main's, cancelled and awaited."""

    async def beat() -> None:
        while True:  # noqa: ASYNC110 - a heartbeat
            await asyncio.sleep(0.3)

    daemon = asyncio.create_task(beat())
    try:
        await asyncio.sleep(1)
    finally:
        daemon.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await daemon


@program
async def shield_and_await_in_the_handler() -> None:
    """The write must finish, so the handler waits for it."""

    async def saving() -> None:
        write = asyncio.create_task(work(2))
        try:
            await asyncio.shield(write)
        except asyncio.CancelledError:
            await write
            raise

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(saving(), 1)


@program
async def cancelled_before_its_first_step() -> None:
    """Its body never runs."""
    task = asyncio.create_task(work(1))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def cancelled_after_its_end() -> None:
    """Nobody is there to hear it."""
    task = asyncio.create_task(work(1))
    await task
    task.cancel()
    await asyncio.sleep(1)


@program
async def nested_timeouts() -> None:
    """The inner one is later than the outer one, which fires."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            try:
                async with asyncio.timeout(5):
                    await work(10)
            finally:
                await asyncio.sleep(0.01)


@program
async def rescheduled_timeout() -> None:
    """A heartbeat extends its own deadline and ends in time."""
    async with asyncio.timeout(1) as scope:
        for _ in range(5):
            await asyncio.sleep(0.9)
            scope.reschedule(asyncio.get_running_loop().time() + 1)


@program
async def task_group_aborted_by_a_member() -> None:
    """The others are cancelled, and the error is handled."""

    async def fails() -> None:
        await asyncio.sleep(0.5)
        raise ValueError("expected")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            for n in range(3):
                group.create_task(work(n + 1))
    except* ValueError:
        pass


@program
async def retries_with_a_fresh_timeout_each() -> None:
    """Two tries time out, the third is quick."""
    for seconds in (5, 5, 0.1):
        try:
            await asyncio.wait_for(work(seconds), 0.5)
        except TimeoutError:
            continue
        return


@program
async def worker_pool_stopped_after_join() -> None:
    """Workers wait for ever; the pool cancels them when the queue is done."""
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def worker() -> None:
        while True:
            await work(await queue.get() / 10)
            queue.task_done()

    for n in range(6):
        queue.put_nowait(n)
    workers = [asyncio.create_task(worker()) for _ in range(3)]
    await queue.join()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


@program
async def staged_shutdown() -> None:
    """The owner asks its worker a moment after it was asked itself, and waits for it."""

    async def owner() -> None:
        worker = asyncio.create_task(work(60))
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    task = asyncio.create_task(owner())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def generator_closed_with_aclosing() -> None:
    """A generator is left early and closed at once."""

    async def numbers() -> AsyncGenerator[int]:
        try:
            for n in range(100):
                yield n
                await asyncio.sleep(0.1)
        finally:
            await asyncio.sleep(0.05)

    async with aclosing(numbers()) as source:
        async for n in source:
            if n == 3:
                break


@program
async def cleanup_that_takes_its_time() -> None:
    """Unwinding is lawful, up to a second."""

    async def careful() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.8)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(careful(), 1)


@program
async def compensation_in_a_new_task() -> None:
    """While it unwinds it starts a task and waits for it."""

    async def saga() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.create_task(work(0.3))
            raise

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(saga(), 1)


@program
async def task_handed_over() -> None:
    """Its creator ends; somebody else awaits it."""

    async def opens() -> asyncio.Task[Any]:
        return asyncio.create_task(work(2))

    task = await asyncio.create_task(opens())
    await asyncio.sleep(0.5)
    await task


@program
async def detached_on_purpose() -> None:
    """Declared: it outlives its creator."""

    async def fires() -> None:
        with instrument.detached():
            kept.append(asyncio.create_task(work(3)))

    kept: list[Any] = []
    await asyncio.create_task(fires())
    await asyncio.sleep(5)


@program
async def gather_that_is_cancelled() -> None:
    """The request reaches every member."""

    async def many() -> None:
        await asyncio.gather(*(work(n) for n in range(1, 6)))

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(many(), 1.5)


@program
async def context_manager_that_owns_a_task() -> None:
    """Enter starts it, exit stops it."""

    @asynccontextmanager
    async def ticking() -> AsyncGenerator[None]:
        async def tick() -> None:
            while True:  # noqa: ASYNC110 - a heartbeat
                await asyncio.sleep(0.2)

        task = asyncio.create_task(tick())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async with ticking():
        await asyncio.sleep(1)


@program
async def worker_that_breaks_on_cancel() -> None:
    """Somebody calls cancel(), and the worker ends by a break: an info, no more."""

    async def loops() -> str:
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                break
        return "stopped"

    task = asyncio.create_task(loops())
    await asyncio.sleep(0.5)
    task.cancel()
    await task


@program
async def first_of_as_completed() -> None:
    """One answer is enough; the rest is cancelled and collected."""
    tasks = [asyncio.create_task(work(n)) for n in (1, 2, 3)]
    for first in asyncio.as_completed(tasks):
        await first
        break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@program
async def timeout_that_is_caught_inside() -> None:
    """An inner timeout is handled and the outer one is never due."""
    async with asyncio.timeout(10):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(work(5), 1)
        await work(1)


@program
async def many_deadlines_at_once() -> None:
    """A thousand timeouts fire in the same turn."""

    async def one() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(60)

    await asyncio.gather(*(one() for _ in range(1000)))
