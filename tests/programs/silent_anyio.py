"""Correct programs of anyio on asyncio. None may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import anyio
import anyio.abc
import anyio.lowlevel

from .shapes import Program, work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import TaskStatus
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def anyio_losers_of_a_race() -> None:
    """The first one wins and cancels the group that the others are in."""
    winners: list[int] = []

    async def race(seconds: int, scope: anyio.CancelScope) -> None:
        winners.append(await work(seconds, seconds))
        scope.cancel()

    async with anyio.create_task_group() as group:
        for seconds in (1, 2, 3):
            group.start_soon(race, seconds, group.cancel_scope)
    assert winners == [1]


@program
async def anyio_polling() -> None:
    """A stream is polled with a timeout; most polls move on."""
    send, receive = anyio.create_memory_object_stream[int](1)
    asyncio.get_running_loop().call_later(3.5, send.send_nowait, 1)
    async with send, receive:
        found = None
        while found is None:
            with anyio.move_on_after(1):
                found = await receive.receive()


@program
async def anyio_timeout_around_nested_groups() -> None:
    """One deadline ends what two groups deep is at work."""

    async def branch() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(work, 10)
            group.start_soon(work, 20)

    try:
        with anyio.fail_after(1):
            async with anyio.create_task_group() as group:
                group.start_soon(branch)
                group.start_soon(branch)
                await work(30)
    except TimeoutError:
        pass
    await work(1)


@program
async def anyio_nested_deadlines() -> None:
    """The inner one, the outer one, both at once, one that is moved, one that has passed."""
    with anyio.move_on_after(2):
        with anyio.move_on_after(1):
            await work(5)
        await work(5)
    with anyio.move_on_after(1), anyio.move_on_after(5):
        await work(9)
    with anyio.move_on_after(1), anyio.move_on_after(1):
        await work(9)
    with anyio.move_on_after(1) as scope:
        for _ in range(5):
            await work(0.5)
            scope.deadline = anyio.current_time() + 1
    with anyio.move_on_after(0):
        await work(1)


@program
async def anyio_staged_shutdown() -> None:
    """Each worker cleans up under a shield with a bound of its own, the database after all of them."""

    async def worker(seconds: float) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.move_on_after(2, shield=True):
                await work(seconds)

    async def database() -> None:
        try:
            async with anyio.create_task_group() as group:
                for seconds in (0.1, 0.3, 0.5):
                    group.start_soon(worker, seconds)
        finally:
            with anyio.CancelScope(shield=True):
                await work(0.2)

    async with anyio.create_task_group() as group:
        group.start_soon(database)
        await work(1)
        group.cancel_scope.cancel()


@program
async def anyio_critical_section_under_a_shield() -> None:
    """The cancellation comes while a commit must not be cut; it enters as soon as that is done."""

    async def writer() -> None:
        while True:
            with anyio.CancelScope(shield=True):
                await work(0.7)
            await anyio.lowlevel.checkpoint()

    with anyio.CancelScope() as scope:
        asyncio.get_running_loop().call_later(1, scope.cancel)
        await writer()
    async with anyio.create_task_group() as group:
        group.start_soon(writer)
        await work(1)
        group.cancel_scope.cancel()


@program
async def anyio_server_that_is_started() -> None:
    """A server reports that it is ready, serves, and is cancelled with its group."""

    async def serve(*, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED) -> None:
        await work(0.5)
        async with anyio.create_task_group() as connections:
            task_status.started(80)
            while True:
                await work(0.3)
                connections.start_soon(work, 5)

    async with anyio.create_task_group() as group:
        assert await group.start(serve) == 80
        await work(2)
        group.cancel_scope.cancel()


@program
async def anyio_start_that_is_given_up() -> None:
    """The server is not ready in time; whoever started it moves on."""

    async def serve(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        await work(10)
        task_status.started()

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(1):
            await group.start(serve)
        await work(1)


@program
async def anyio_producer_and_consumers() -> None:
    """The producer closes its stream, the consumers end by that; the next time all are cancelled."""

    async def produce(stream: MemoryObjectSendStream[int], count: int) -> None:
        async with stream:
            for number in range(count):
                await stream.send(number)
                await work(0.1)

    async def consume(stream: MemoryObjectReceiveStream[int]) -> None:
        async with stream:
            async for _ in stream:
                await work(0.2)

    for count in (5, 1000):
        send, receive = anyio.create_memory_object_stream[int](2)
        with anyio.move_on_after(3):
            async with anyio.create_task_group() as group, send, receive:
                group.start_soon(produce, send.clone(), count)
                group.start_soon(consume, receive.clone())
                group.start_soon(consume, receive.clone())


@program
async def anyio_member_fails_and_is_handled() -> None:
    """Its group cancels the sibling and the body, and raises; the caller handles that."""

    async def fails() -> None:
        await work(1)
        raise ValueError("broken")

    with contextlib.suppress(BaseExceptionGroup):
        async with anyio.create_task_group() as group:
            group.start_soon(fails)
            group.start_soon(work, 10)
            await work(10)


@program
async def anyio_retries_with_a_fresh_deadline() -> None:
    """Two attempts time out, the third is in time."""
    for seconds in (5, 5, 0.5):
        with contextlib.suppress(TimeoutError), anyio.fail_after(1):
            await work(seconds)


@program
async def anyio_worker_that_is_cancelled_alone() -> None:
    """A group's member is cancelled by a scope of its own; the others go on."""

    async def worker(scopes: dict[str, anyio.CancelScope], name: str) -> None:
        with anyio.CancelScope() as scopes[name]:
            await work(5)

    scopes: dict[str, anyio.CancelScope] = {}
    async with anyio.create_task_group() as group:
        for name in ("a", "b"):
            group.start_soon(worker, scopes, name)
        await work(1)
        scopes["a"].cancel()


@program
async def anyio_events_locks_and_limits() -> None:
    """Waiting for each of them is cut, and whoever comes next gets in."""
    lock, limiter, event = anyio.Lock(), anyio.CapacityLimiter(1), anyio.Event()

    async def hold(guard: anyio.Lock | anyio.CapacityLimiter) -> None:
        async with guard:
            await work(2)

    async with anyio.create_task_group() as group:
        for guard in (lock, limiter):
            group.start_soon(hold, guard)
        await work(0.1)
        for guard in (lock, limiter):
            with anyio.move_on_after(0.5):
                await hold(guard)
        with anyio.move_on_after(0.5):
            await event.wait()
    async with lock, limiter:
        await work(0.1)


@program
async def anyio_inside_asyncio_and_asyncio_inside_anyio() -> None:
    """Scopes around tasks of asyncio, groups of asyncio around scopes, `Task.cancel` into a scope."""
    with anyio.move_on_after(1):
        await asyncio.gather(work(5), work(6))
    with anyio.move_on_after(1):
        async with asyncio.TaskGroup() as group:
            group.create_task(work(5))
            group.create_task(work(6))

    async def bounded() -> None:
        with anyio.move_on_after(5):
            async with anyio.create_task_group() as inner:
                inner.start_soon(work, 9)

    task = asyncio.create_task(bounded())
    await work(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await bounded()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(bounded(), 1)
    with anyio.move_on_after(1):
        await asyncio.wait_for(work(9), 5)


@program
async def anyio_scope_of_a_context_manager() -> None:
    """A helper of the program's bounds its caller's block."""

    @contextlib.asynccontextmanager
    async def bounded(seconds: float) -> AsyncGenerator[anyio.abc.TaskGroup]:
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                yield group
                group.cancel_scope.cancel()

    async with bounded(1) as group:
        group.start_soon(work, 5)
        await work(9)
    async with bounded(5) as group:
        group.start_soon(work, 9)
        await work(1)
