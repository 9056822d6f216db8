"""What the programs are made of: work that takes its time, as a coroutine and as a stage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Program = Callable[[], Coroutine[Any, Any, None]]


async def work(seconds: float, result: Any = None) -> Any:
    """Something that takes its time."""
    await asyncio.sleep(seconds)
    return result


def body(seconds: float, output: Any = None) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """A stage's body that takes its time."""

    async def run(_ctx: Any) -> Any:
        await asyncio.sleep(seconds)
        return output

    return run
