"""What the programs are made of: work that takes its time, as a coroutine and as a stage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Program = Callable[[], Coroutine[Any, Any, None]]

Found = set[tuple[str, str]]
"""(criterion, subject)"""


class Faulty(dict[str, tuple[Program, Found]]):
    """Programs with a planted fault each, by name, and what must be found in them."""

    def program(self, *found: tuple[str, str]) -> Callable[[Program], Program]:
        """Register a program with what must be found in it."""

        def register(function: Program) -> Program:
            self[function.__name__] = (function, set(found))
            return function

        return register


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
