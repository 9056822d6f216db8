"""Programs of anyio with one planted fault each, and what must be found in them: every criterion above `info`, and no other."""

from __future__ import annotations

import asyncio
import contextlib

import anyio

from .shapes import Faulty, work

PROGRAMS = Faulty()
program = PROGRAMS.program


@program(("P08", "task deaf"))
async def anyio_member_that_swallows_and_returns() -> None:
    """It takes the group's cancellation for the end of its work."""

    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await work(10)

    async with anyio.create_task_group() as group:
        group.start_soon(deaf)
        await work(1)
        group.cancel_scope.cancel()


@program(("P08", "timeout anyio_body_that_swallows"))
async def anyio_body_that_swallows() -> None:
    """Nobody can tell that the deadline had fired: the scope caught nothing."""
    with anyio.move_on_after(1) as scope:
        with contextlib.suppress(asyncio.CancelledError):
            await work(10)
    assert not scope.cancelled_caught


@program(("D01", "timeout anyio_cleanup_that_takes_too_long"))
async def anyio_cleanup_that_takes_too_long() -> None:
    """A shield without a bound, entered before the deadline: it is overrun by what it protects."""
    with anyio.move_on_after(1):
        with anyio.CancelScope(shield=True):
            await work(5)
        await work(1)


@program(("D01", "timeout anyio_shielded_to_the_end"))
async def anyio_shielded_to_the_end() -> None:
    """All that the scope bounds is under a shield, so that the deadline bounds nothing."""
    with anyio.move_on_after(1):
        with anyio.CancelScope(shield=True):
            await work(5)


@program(("L01", "task work"), ("P03", "task work"))
async def anyio_task_outside_of_the_group() -> None:
    """Made by asyncio inside a group of anyio's, which does not own it."""

    async def handler() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(work, 0.1)
            _left = asyncio.create_task(work(100))

    await asyncio.create_task(handler())
    await work(1)
