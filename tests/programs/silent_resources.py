"""Correct programs with async generators, threads, files, sockets and declared resources. None may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spanproof import instrument

from .shapes import Program, work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import IO

    from spanproof.instrument.declare import Resource

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


async def numbers(count: int = 3) -> AsyncGenerator[int]:
    """A generator with something to clean up."""
    try:
        for number in range(count):
            await work(0.1)
            yield number
    finally:
        await work(0.001)


@program
async def generator_left_by_break() -> None:
    """Nobody refers to it any more: the loop's hook closes it at once, in a task of its own."""
    async for _ in numbers():
        break
    await work(1)


@program
async def generator_handed_to_another_task() -> None:
    """One begins it, the other goes on with it and closes it."""

    async def takes(source: AsyncGenerator[int]) -> None:
        async with aclosing(source):
            async for number in source:
                if number == 1:
                    return

    source = numbers(5)
    await anext(source)
    await asyncio.create_task(takes(source))


@program
async def generator_that_is_handed_over_for_good() -> None:
    """Who opened it ends before who iterates it."""

    async def takes(source: AsyncGenerator[int]) -> None:
        async for _ in source:
            pass

    async def opens() -> asyncio.Task[None]:
        source = numbers(5)
        await anext(source)
        return asyncio.create_task(takes(source))

    await (await asyncio.create_task(opens()))


@program
async def generators_merged_by_tasks() -> None:
    """One task for each next value; the losers of the last race are cancelled and awaited, the generators closed."""
    async with aclosing(numbers(2)) as left, aclosing(numbers(4)) as right:
        sources = {asyncio.ensure_future(anext(source)): source for source in (left, right)}
        seen = 0
        while sources and seen < 4:
            done, _ = await asyncio.wait(sources, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                source = sources.pop(task)
                if task.exception() is None:
                    seen += 1
                    sources[asyncio.ensure_future(anext(source))] = source
        for task in sources:
            task.cancel()
        await asyncio.gather(*sources, return_exceptions=True)


@program
async def generator_whose_consumer_is_cancelled() -> None:
    """The cancel goes through the generator; its cleanup runs, and it is closed with its consumer."""

    async def consumes() -> None:
        async for _ in numbers(100):
            pass

    task = asyncio.create_task(consumes())
    await work(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program
async def context_managers_made_of_generators() -> None:
    """Nested, and left by a timeout."""

    @asynccontextmanager
    async def connection(name: str) -> AsyncGenerator[str]:
        with instrument.resource(name):
            try:
                yield name
            finally:
                await work(0.001)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1), connection("outer"), connection("inner"):
            await work(5)


@program
async def resources_given_back_in_every_way() -> None:
    """By a block that is cancelled, by hand, and by the task that it was handed to."""

    async def holds() -> None:
        async with instrument.resource("held"):
            await work(10)

    async def takes(held: Resource) -> None:
        with held:
            await work(0.5)

    task = asyncio.create_task(holds())
    await work(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    by_hand = instrument.resource("by hand").acquire()
    await work(0.1)
    by_hand.release()
    with instrument.resource("handed over") as held:
        taker = asyncio.create_task(takes(held))
        held.transfer(taker)
    await taker


@program
async def files_closed_by_whoever_has_them() -> None:
    """By a block, by a timeout that leaves the block, by the parent of who opened it."""

    async def opens(path: Path) -> IO[str]:
        await work(0.1)
        return path.open(encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("content", encoding="utf-8")
        file = await asyncio.create_task(opens(path))
        await work(0.1)
        file.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                with path.open(encoding="utf-8"):
                    await work(1)


@program
async def sockets_of_two_tasks() -> None:
    """Each closes its own end, one of them in a `finally` that a cancel brings about."""

    async def holds(end: socket.socket) -> None:
        try:
            await work(10)
        finally:
            end.close()

    left, right = socket.socketpair()
    task = asyncio.create_task(holds(right))
    await work(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    left.close()


@program
async def threads_that_are_waited_for() -> None:
    """`to_thread`, a pool of the program's own, a group of them, and work that was still in the queue when it was cancelled."""
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(int)
    with ThreadPoolExecutor(1) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, functools.partial(int, "7")) for _ in range(5)))
        gate = threading.Event()
        busy = loop.run_in_executor(pool, gate.wait)
        queued = loop.run_in_executor(pool, int)
        queued.cancel()
        gate.set()
        await busy


@program
async def thread_that_is_told_to_stop_and_waited_for() -> None:
    """A thread cannot be cancelled: the handler sets its flag and waits until it has ended."""
    stop, begun = threading.Event(), threading.Event()

    def polls() -> None:
        begun.set()
        stop.wait(30)

    async def careful() -> None:
        running = asyncio.ensure_future(asyncio.to_thread(polls))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            await running
            raise

    task = asyncio.create_task(careful())
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
