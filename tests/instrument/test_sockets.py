"""Sockets that are seen without being declared: opened by whom, closed, given away, collected, left open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Any

import pytest

from .running import run_virtual
from .test_resources import given_back, taken

MS = 1_000_000


def test_sockets_closed_given_away_and_collected(record: Any) -> None:
    async def main() -> None:
        socket.socket().close()
        left, right = socket.socketpair()
        await asyncio.sleep(1)
        again = socket.socket(fileno=left.detach())
        again.close()
        with pytest.warns(ResourceWarning):
            del right

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    acquired, released = taken(unit, "socket"), given_back(unit, "socket")
    assert [event["code.line.number"] - main.__code__.co_firstlineno for event in acquired] == [1, 2, 2, 4]
    one, left, right, again = (event["resource.id"] for event in acquired)
    assert [(event["resource.id"], event["resource.how"]) for event in released] == [
        (one, "closed"),
        (left, "closed"),
        (again, "closed"),
        (right, "collected"),
    ]
    assert trace.faults == []


def test_a_socket_left_open_and_one_that_a_file_still_uses(record: Any) -> None:
    kept: list[Any] = []

    async def main() -> None:
        left, right = socket.socketpair()
        file = left.makefile("rb")
        left.close()  # the file still needs the descriptor
        await asyncio.sleep(1)
        file.close()
        kept.append(right)

    with record() as trace:
        run_virtual(main)
    kept.pop().close()
    unit = trace.one("task main")
    (released,) = given_back(unit, "socket")
    assert released["resource.id"] == taken(unit, "socket")[0]["resource.id"]
    assert released.time_ns == unit.start_ns + 1_000 * MS


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


def test_the_sockets_of_streams_name_the_program_s_line(record: Any) -> None:
    async def main() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x\n")
        assert await reader.readline() == b"x\n"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task main")
    lines = [event["code.line.number"] - main.__code__.co_firstlineno for event in taken(unit, "socket")]
    assert lines == [1, 3]
    assert {event["resource.how"] for event in given_back(unit, "socket")} == {"closed"}
    assert len(given_back(unit, "socket")) == 2
    # Sockets that the server accepts are opened by the loop, in no unit.
    assert taken(trace.one("task echo"), "socket") == []


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are no files there")
def test_a_killed_subprocess_leaves_nothing_open(record: Any) -> None:
    async def main() -> None:
        await asyncio.create_task(running())
        await asyncio.sleep(0.05)

    async def running() -> None:
        process = await asyncio.create_subprocess_exec("sleep", "10", stdin=-1, stdout=-1)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.communicate(), 0.05)
        process.kill()
        await process.wait()

    with record() as trace:
        asyncio.run(main())
    unit, root = trace.one("task running"), trace.one("task main")
    for kind in ("file", "socket"):
        released = {event["resource.id"] for event in given_back(unit, kind) if event.seq < root.attributes["end_seq"]}
        assert released == {event["resource.id"] for event in taken(unit, kind)}
    assert taken(unit) != []
