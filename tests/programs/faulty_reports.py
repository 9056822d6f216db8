"""Programs with one planted fault each in what is told of a failure, and what must be found in them."""

from __future__ import annotations

import asyncio
import gc

from .shapes import Faulty, work

PROGRAMS = Faulty()
program = PROGRAMS.program


async def _fails(after: float) -> None:
    await asyncio.sleep(after)
    raise ConnectionError("nobody hears of it")


@program(("R08", "task _fails"))
async def fire_and_forget_that_fails() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    task = asyncio.create_task(_fails(0.2))
    await asyncio.sleep(1)
    del task


@program(("R08", "task _fails"))
async def background_set_that_looks_at_no_error() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    background: set[asyncio.Task[None]] = set()

    def begin(after: float) -> None:
        task = asyncio.create_task(_fails(after))
        background.add(task)
        task.add_done_callback(background.discard)

    begin(0.1)
    begin(0.3)
    await asyncio.sleep(1)
    gc.collect()


@program(("R08", "task _fails"))
async def wait_whose_result_is_thrown_away() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await asyncio.wait([asyncio.create_task(_fails(0.2)), asyncio.create_task(work(0.4))])
    gc.collect()
