"""What tests of requests, deliveries and deadlines have in common: things to cancel, and short names for what was recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine


async def sleeper(seconds: float = 10) -> str:
    await asyncio.sleep(seconds)
    return "slept"


async def deep(levels: int) -> None:
    if levels:
        await deep(levels - 1)
    await asyncio.sleep(10)


async def numbers() -> AsyncGenerator[int]:
    yield 1
    await asyncio.sleep(10)
    yield 2


async def cancelled(body: Callable[[], Coroutine[Any, Any, Any]], *, after: float = 1, times: int = 1) -> None:
    """Run it in a task and cancel it, once each `after` seconds."""
    task = asyncio.create_task(body())
    for _ in range(times):
        await asyncio.sleep(after)
        task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def requests(unit: Any) -> list[Any]:
    """Its requests, in order."""
    found: list[Any] = unit.of("cancel.requested")
    return found


def deliveries(unit: Any) -> list[list[int]]:
    """What each delivery answers."""
    return [event["delivery.requests"] for event in unit.of("cancel.delivered")]
