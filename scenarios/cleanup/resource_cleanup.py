"""Resource cleanup: what a stage has open is closed when the stage is cut.

A nightly export reads rows from a server and writes them to a file. Both are real: a connection over loopback, a file on the disk, in
other variants a database transaction and a child process. Today the server is slow, and the stage is cut with everything open.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stageflow import StageContext, StageOutput

from ...instrument.declare import resource
from ..kit import StageBody, call, context, pipeline, work, working
from ..known import results_lost
from ..scenario import Expected, Scenario

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

scenario = Scenario(
    __name__,
    __doc__,
    must="Whatever the stage had open (file, connection, transaction, child process) is closed when it ends, however it ends.",
    hypotheses=("H7",),
    failure_modes=("Cleanup Failure",),
    success=("No resource leaks after cancellation", "Cleanup handlers execute on timeout/cancellation"),
)

TIMEOUT_MS = 200


@contextlib.asynccontextmanager
async def server() -> AsyncGenerator[int]:
    """A server on loopback that sends a row and then nothing more; its port."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"row\n")
        await writer.drain()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncGenerator[asyncio.StreamReader]:
    """A connection that is closed when the block is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with resource("connection"):
        try:
            yield reader
        finally:
            writer.close()


def export(port: int, folder: Path, seconds: float) -> StageBody:
    """The stage that copies rows into a file, piece by piece."""

    async def body(ctx: StageContext) -> StageOutput:
        async with connection(port) as rows:
            with (folder / ctx.stage_name).open("wb") as file:
                file.write(await rows.readline())
                return StageOutput.ok(pieces=await work(seconds))

    return body


@scenario.variant()
async def file_and_connection() -> None:
    """The stage is timed out with a file and a connection open, both in blocks of their own."""
    with tempfile.TemporaryDirectory() as folder:
        async with server() as port:
            await call(pipeline("export", ("copy", export(port, Path(folder), 2.0))), timeout_ms=TIMEOUT_MS)


@scenario.variant(
    expected=[
        *(
            Expected(criterion, subject, "a timed-out stage beside it ends the run, and nobody stops this one")
            for criterion, subject in (("P04", "stage copy"), ("P03", "stage copy"), ("O03", "stage copy"), ("C01", "stage copy file"))
        ),
        results_lost("export"),
    ]
)
async def beside_a_timeout() -> None:
    """Another stage times out: the run is over, and file and connection stay open as long as the forgotten stage works."""
    with tempfile.TemporaryDirectory() as folder:
        async with server() as port:
            built = pipeline(
                "export", ("login", working(0.1)), ("copy", export(port, Path(folder), 0.15), ("login",)), ("audit", working(2.0))
            )
            await call(built, timeout_ms=TIMEOUT_MS)
            await asyncio.sleep(0.2)


LEFT = "the stage has no `finally` and no `with`: the cancellation passes by the line that would close it"


@scenario.variant(expected=[Expected("C01", "stage copy connection", LEFT, library="")])
async def without_a_block() -> None:
    """The stage closes its connection in its last line, which the timeout never lets it come to."""

    async def body(ctx: StageContext) -> StageOutput:
        held = resource("connection")
        held.acquire()
        pieces = await work(2.0)
        held.release()
        return StageOutput.ok(pieces=pieces, stage=ctx.stage_name)

    await call(pipeline("export", ("copy", body)), timeout_ms=TIMEOUT_MS)


@scenario.variant()
async def transaction() -> None:
    """A database transaction is open when the stage is timed out: it is rolled back, and the table is as it was."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(sqlite3.connect(Path(folder, "orders.db"))) as database:
        database.execute("create table orders (id integer)")

        async def body(ctx: StageContext) -> StageOutput:
            # sqlite3's block commits, or rolls back when an error leaves it.
            with resource("transaction"), database:
                database.execute("insert into orders values (1)")
                return StageOutput.ok(pieces=await work(2.0), stage=ctx.stage_name)

        await call(pipeline("book", ("insert", body)), timeout_ms=TIMEOUT_MS)
        if database.execute("select count(*) from orders").fetchone() != (0,):
            raise AssertionError("the transaction was not rolled back")


@scenario.variant(real=True)
async def child_process() -> None:
    """A child process is at work for the stage when that is timed out: it is ended and waited for."""

    async def body(ctx: StageContext) -> StageOutput:
        with resource("child process"):
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
            try:
                code = await child.wait()
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        return StageOutput.ok(code=code, stage=ctx.stage_name)

    await call(pipeline("convert", ("ffmpeg", body)), timeout_ms=400)


@scenario.variant(
    expected=[
        Expected(criterion, subject, "a cancelled run does not cancel the tasks of its stages")
        for criterion, subject in (("P02", "stage copy"), ("P03", "stage copy"), ("O03", "stage copy"), ("C01", "stage copy file"))
    ]
)
async def cancelled_from_outside() -> None:
    """The caller gives up: the run is cancelled, and the stage goes on with file and connection open."""
    with tempfile.TemporaryDirectory() as folder:
        async with server() as port:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await pipeline("export", ("copy", export(port, Path(folder), 0.4))).run(context("export", timeout_ms=1000))
            await asyncio.sleep(0.3)


@scenario.control
async def in_time() -> None:
    """The server is as quick as ever."""
    with tempfile.TemporaryDirectory() as folder:
        async with server() as port:
            await call(pipeline("export", ("copy", export(port, Path(folder), 0.1))), timeout_ms=TIMEOUT_MS)
