"""Programs with one planted fault each about what is taken and given back, as in `faulty`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from stageflow import Pipeline
from stageflow.stages.context import PipelineContext

from spanproof import instrument

from .shapes import Faulty, work

PROGRAMS = Faulty()
program = PROGRAMS.program

KEPT: list[Any] = []
"""What is never given back, for as long as the process lives."""


@program(("C01", "task fetch connection"))
async def connection_that_a_timeout_leaves_open() -> None:
    async def fetch() -> None:
        connection = instrument.resource("connection").acquire()
        await work(10)
        connection.release()

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.create_task(fetch()), 0.5)
    await work(1)


@program(("C01", "task takes connection"))
async def connection_given_back_by_who_did_not_get_it() -> None:
    async def takes() -> Any:
        return instrument.resource("connection").acquire()

    connection = await asyncio.create_task(takes())
    await work(1)
    connection.release()


@program(("C01", "stage opens socket"))
async def socket_that_a_stage_leaves_open() -> None:
    async def opens(_ctx: Any) -> None:
        KEPT.append(socket.socket())

    await Pipeline(name="demo").with_stage("opens", opens, "work").run(PipelineContext())
    await work(1)


@program(("C07", "cleanup close second"), ("C02", "stage r close first"))
async def first_of_two_runs_ends_and_runs_the_other_s_cleanup() -> None:
    """A graph has one registry at a time, that of the run which began last."""
    graph: Any = None

    async def registers(ctx: Any) -> None:
        name = str(ctx.snapshot.metadata["who"])

        async def close() -> None:
            await work(0.01)

        graph.register_cleanup(close, name=f"close {name}")
        await work(0.3 if name == "first" else 1)

    async def later() -> None:
        await work(0.1)
        await graph.run(PipelineContext(metadata={"who": "second"}))

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await asyncio.gather(graph.run(PipelineContext(metadata={"who": "first"})), later())


@program(("O04", "pipeline demo"))
async def list_of_cleanups_turned_round_by_hand() -> None:
    graph: Any = None

    async def close() -> None:
        await work(0.01)

    async def shut() -> None:
        await work(0.01)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(close)
        graph.register_cleanup(shut)
        graph.cleanup_registry._callbacks.reverse()

    graph = Pipeline(name="demo").with_stage("r", registers, "work").build()
    await graph.run(PipelineContext())
