"""Programs of plain asyncio with one planted fault each: what can go wrong with a cancellation on its way; and what must be found."""

from __future__ import annotations

import asyncio

from .shapes import Faulty

PROGRAMS = Faulty()
program = PROGRAMS.program


@program(("P08", "task translates"))
async def cancellation_turned_into_an_error() -> None:
    async def translates() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            raise ValueError("expected") from None

    task = asyncio.create_task(translates())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@program(("P08", "task keeps"))
async def request_kept_by_what_was_awaited() -> None:
    """The request goes down to the awaited task, which keeps it; whoever was asked goes on and never hears of it."""

    async def keeps() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)

    async def waits() -> None:
        await asyncio.create_task(keeps())
        await asyncio.sleep(1)

    task = asyncio.create_task(waits())
    await asyncio.sleep(1)
    task.cancel()
    await task
