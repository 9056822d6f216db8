"""Correct programs that look like those of `faulty_resources`. None may have a finding above `info`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

from spanproof import instrument

from .shapes import Program, work

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Register a program under its name."""
    PROGRAMS[function.__name__] = function
    return function


@program
async def connection_that_a_timeout_gives_back() -> None:
    async def fetch() -> None:
        async with instrument.resource("connection"):
            await work(10)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.create_task(fetch()), 0.5)
    await work(1)


@program
async def socket_of_a_pool_that_the_main_task_closes() -> None:
    pool: list[socket.socket] = []

    async def opens(_ctx: Any) -> None:
        pool.append(socket.socket())

    await Pipeline(name="demo").with_stage("opens", opens, "work").run(PipelineContext())
    await work(1)
    pool.pop().close()


@program
async def cleanups_run_last_in_first_out_when_their_stages_are_done() -> None:
    graph: Any = None

    async def close() -> None:
        await work(0.01)

    async def shut() -> None:
        await work(0.01)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(close)
        graph.register_cleanup(shut)

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())
