"""Run a coroutine function under virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from spanproof.scenarios.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def run_virtual(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """`asyncio.run` on a virtual clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
