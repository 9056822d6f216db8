"""Where a CancelledError enters a unit, what it answers, and what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .cancelling import cancelled, deep, numbers
from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine


# --- the line that waited -----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def slow_to_enter() -> AsyncGenerator[None]:
    await asyncio.sleep(10)
    yield


@contextlib.asynccontextmanager
async def slow_to_leave() -> AsyncGenerator[None]:
    yield
    await asyncio.sleep(10)


class SlowToEnter:
    async def __aenter__(self) -> None:
        await asyncio.sleep(10)

    async def __aexit__(self, *_: object) -> None:
        """Nothing to do."""


class Awaitable:
    def __await__(self) -> Any:
        yield from asyncio.sleep(10).__await__()


async def in_deep() -> None:
    await deep(3)


async def in_async_for() -> None:
    async for _ in numbers():
        pass


async def in_nested_generators() -> None:
    async def doubled() -> AsyncGenerator[int]:
        async for number in numbers():
            yield 2 * number

    assert [number async for number in doubled()]


async def in_anext() -> None:
    source = numbers()
    await anext(source)
    await anext(source, None)


async def in_enter() -> None:
    async with slow_to_enter():
        pass


async def in_leave() -> None:
    async with slow_to_leave():
        pass


async def in_exit_stack() -> None:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(SlowToEnter())


async def in_awaitable() -> None:
    await Awaitable()


async def in_queue() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    await queue.get()


async def in_event() -> None:
    await asyncio.Event().wait()


async def in_lock() -> None:
    lock = asyncio.Lock()
    async with lock, lock:
        pass


async def in_semaphore() -> None:
    await asyncio.Semaphore(0).acquire()


async def in_condition() -> None:
    condition = asyncio.Condition()
    async with condition:
        await condition.wait()


async def in_barrier() -> None:
    await asyncio.Barrier(2).wait()


async def in_future() -> None:
    await asyncio.get_running_loop().create_future()


async def in_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(deep(0))


async def in_stream() -> None:
    await asyncio.StreamReader().read(1)


LINES: dict[Callable[[], Coroutine[Any, Any, None]], tuple[str, int]] = {
    in_deep: ("deep", 2 + deep.__code__.co_firstlineno + 1),
    in_async_for: ("numbers", numbers.__code__.co_firstlineno + 2),
    in_nested_generators: ("numbers", numbers.__code__.co_firstlineno + 2),
    in_anext: ("numbers", numbers.__code__.co_firstlineno + 2),
    in_enter: ("slow_to_enter", slow_to_enter.__wrapped__.__code__.co_firstlineno + 2),  # type: ignore[attr-defined]
    in_leave: ("slow_to_leave", slow_to_leave.__wrapped__.__code__.co_firstlineno + 3),  # type: ignore[attr-defined]
    in_exit_stack: ("SlowToEnter.__aenter__", SlowToEnter.__aenter__.__code__.co_firstlineno + 1),
    in_awaitable: ("Awaitable.__await__", Awaitable.__await__.__code__.co_firstlineno + 1),
    in_queue: ("in_queue", in_queue.__code__.co_firstlineno + 2),
    in_event: ("in_event", in_event.__code__.co_firstlineno + 1),
    in_lock: ("in_lock", in_lock.__code__.co_firstlineno + 2),
    in_semaphore: ("in_semaphore", in_semaphore.__code__.co_firstlineno + 1),
    in_condition: ("in_condition", in_condition.__code__.co_firstlineno + 3),
    in_barrier: ("in_barrier", in_barrier.__code__.co_firstlineno + 1),
    in_future: ("in_future", in_future.__code__.co_firstlineno + 1),
    in_group: ("in_group", in_group.__code__.co_firstlineno + 1),
    in_stream: ("in_stream", in_stream.__code__.co_firstlineno + 1),
}


@pytest.mark.parametrize("body", LINES, ids=lambda body: body.__name__)
def test_the_line_that_waited_is_the_user_s(record: Any, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with record() as trace:
        run_virtual(lambda: cancelled(body))
    unit = trace.one(f"task {body.__name__}")
    (delivery,) = unit.of("cancel.delivered")
    assert delivery["delivery.requests"] == [unit.first("cancel.requested")["request.id"]]
    assert (delivery["code.function.name"], delivery["code.line.number"]) == LINES[body]
    assert unit.outcome == "cancelled"
    assert unit.of("cancel.swallowed") == []
    assert trace.faults == []


def test_the_line_in_a_thread_s_waiter(record: Any) -> None:
    import threading

    release = threading.Event()

    async def main() -> None:
        async def waits() -> None:
            await asyncio.to_thread(release.wait, 30)

        task = asyncio.create_task(waits())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        release.set()

    with record() as trace:
        asyncio.run(main())
    delivery = trace.one("task waits").first("cancel.delivered")
    assert delivery["code.function.name"] == "test_the_line_in_a_thread_s_waiter.<locals>.main.<locals>.waits"
    assert trace.one("task waits").outcome == "cancelled"


def test_a_subprocess_s_waiter(record: Any) -> None:
    async def waits() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
        try:
            await process.wait()
        finally:
            process.kill()
            await process.wait()

    async def main() -> None:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.wait({task})

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task waits")
    (delivery,) = unit.of("cancel.delivered")
    assert delivery["code.line.number"] == waits.__code__.co_firstlineno + 3
    assert unit.outcome == "cancelled"


def test_an_outer_unit_gets_it_at_the_line_of_the_inner_one(record: Any) -> None:
    async def body() -> None:
        async with asyncio.timeout(30):
            await deep(0)

    with record() as trace:
        run_virtual(lambda: cancelled(body))
    assert trace.one("timeout body").first("cancel.delivered")["code.function.name"] == "deep"
    outward = trace.one("task body").first("cancel.delivered")
    assert outward["code.line.number"] == body.__code__.co_firstlineno + 1
