"""PEP 789: a generator that yields inside a scope leaks it into its consumer, and may leave it in another task."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
from typing import TYPE_CHECKING, Any

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


async def leaking() -> AsyncGenerator[int]:
    async with asyncio.timeout(1):
        yield 1
        yield 2


def test_a_leaked_deadline_is_delivered_to_its_scope_and_borrowed_by_the_consumer(record: Any) -> None:
    async def consumer() -> None:
        async for _ in leaking():
            await asyncio.sleep(5)

    async def main() -> None:
        await asyncio.gather(asyncio.create_task(consumer()), return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    scope, unit = trace.one("timeout leaking"), trace.one("task consumer")
    assert scope.parent == "task consumer"
    request = scope.first("cancel.requested")
    assert request["request.addressee_span_id"] == scope.span_id
    delivered = scope.first("cancel.delivered")
    assert delivered["delivery.requests"] == [request["request.id"]]
    # The line that was waiting is the consumer's: that is what PEP 789 is about.
    assert delivered["code.line.number"] == consumer.__code__.co_firstlineno + 2
    assert unit.of("cancel.requested") == []
    assert unit.first("cancel.delivered")["delivery.borrowed"] is True
    assert unit.outcome == "cancelled"


def test_a_scope_that_is_left_in_the_hook_s_task_is_open_no_longer_in_the_consumer_s(record: Any) -> None:
    async def consumer() -> None:
        async for _ in leaking():
            break
        await asyncio.sleep(0.1)
        await asyncio.sleep(5)

    async def main() -> None:
        task = asyncio.create_task(consumer())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    scope, unit = trace.one("timeout leaking"), trace.one("task consumer")
    assert scope.end_ns is not None
    assert scope.end_ns < unit.first("cancel.requested").time_ns
    assert scope.of("cancel.requested") == scope.of("cancel.delivered") == []
    assert unit.first("cancel.delivered")["delivery.borrowed"] is False
    assert unit.outcome == "cancelled"


def test_a_scope_that_is_left_after_its_task_s_end_gets_nothing_more(record: Any) -> None:
    kept: list[Any] = []

    async def consumer() -> None:
        kept.append(leaking())
        await anext(kept[0])

    async def main() -> None:
        await asyncio.create_task(consumer())
        await kept.pop().aclose()

    with record() as trace:
        run_virtual(main)
    scope = trace.one("timeout leaking")
    assert scope.end_ns == trace.one("task consumer").end_ns
    assert all(event.seq < scope.attributes["end_seq"] for event in scope.events)


def test_the_abort_of_a_leaked_group_is_asked_of_the_consumer(record: Any) -> None:
    async def failing() -> None:
        raise ValueError("member")

    async def grouped() -> AsyncGenerator[int]:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())
            yield 1

    async def consumer() -> None:
        async for _ in grouped():
            await asyncio.sleep(5)

    async def main() -> None:
        await asyncio.gather(asyncio.create_task(consumer()), return_exceptions=True)
        await asyncio.sleep(1)

    with record() as trace, contextlib.suppress(BaseException):
        run_virtual(main)
    unit = trace.one("task consumer")
    request = unit.first("cancel.requested")
    assert request["request.mechanism"] == "taskgroup"
    assert request["request.member_span_id"] == trace.one("task failing").span_id
    assert unit.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]
    assert unit.outcome == "cancelled"


def test_a_leaked_group_that_is_left_in_another_task_ends_its_request_on_the_consumer(record: Any) -> None:
    async def failing() -> None:
        raise ValueError("member")

    async def grouped() -> AsyncGenerator[int]:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())
            yield 1

    async def consumer() -> None:
        generator = grouped()
        await anext(generator)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        closing = asyncio.ensure_future(generator.aclose())
        assert isinstance((await asyncio.gather(closing, return_exceptions=True))[0], BaseExceptionGroup)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0  # asyncio's own view: the group took it back, from another task

    async def main() -> None:
        await asyncio.create_task(consumer())

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task consumer")
    request = unit.first("cancel.requested")
    assert unit.first("cancel.consumed")["delivery.requests"] == [request["request.id"]]
    assert unit.first("cancel.consumed")["consumed.by"] == "taskgroup"
    assert unit.of("cancel.swallowed") == []
    assert unit.outcome == "completed"


def test_a_request_of_a_leaked_group_is_still_delivered_when_the_hook_has_left_the_group(record: Any) -> None:
    async def failing() -> None:
        raise ValueError("member")

    async def grouped() -> AsyncGenerator[int]:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())
            yield 1

    async def consumer() -> None:
        async for _ in grouped():
            break
        await asyncio.sleep(5)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _details: None)
        await asyncio.gather(asyncio.create_task(consumer()), return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task consumer")
    request = unit.first("cancel.requested")
    assert request["request.mechanism"] == "taskgroup"
    assert unit.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]
    assert unit.outcome == "cancelled"


def test_asyncio_s_message_about_a_close_that_failed_is_the_same(record: Any) -> None:
    async def failing() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            raise ValueError("in the cleanup")

    def run() -> list[str]:
        messages: list[str] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _loop, details: messages.append(re.sub(r"Task-\d+|0x\w+|line \d+", "", str(details))))
            async for _ in failing():
                break
            await asyncio.sleep(1)
            gc.collect()

        run_virtual(main)
        return messages

    untraced = run()
    assert len(untraced) == 1
    with record():
        assert run() == untraced
