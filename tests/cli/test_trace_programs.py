"""Real asyncio programs with libraries from PyPI: the same outcome with the recorder, nothing found, and numbers that add up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Command
    from tests.conftest import RunPython

AIOHTTP = """
import asyncio
from aiohttp import ClientSession, ClientTimeout, web

async def quick(request):
    return web.json_response({"name": request.match_info["name"]})

async def slow(request):
    try:
        await asyncio.sleep(30)
    finally:
        print("slow handler left")
    return web.Response()

async def main():
    app = web.Application()
    app.add_routes([web.get("/hello/{name}", quick), web.get("/slow", slow)])
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession(timeout=ClientTimeout(total=20)) as client:
        async def get(path):
            async with client.get(base + path) as response:
                return await response.json()
        print(await asyncio.gather(*(get(f"/hello/{n}") for n in range(8))))
        try:
            async with asyncio.timeout(0.3):
                await get("/slow")
        except TimeoutError:
            print("client gave up")
        await asyncio.sleep(0.2)
    await runner.cleanup()
    print("done")

asyncio.run(main())
"""

UVICORN = """
import asyncio
import httpx, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

async def hello(request):
    return JSONResponse({"hello": request.path_params["name"]})

async def stream(request):
    async def numbers():
        for number in range(5):
            yield f"{number}\\n"
            await asyncio.sleep(0.01)
    return StreamingResponse(numbers())

app = Starlette(routes=[Route("/hello/{name}", hello), Route("/stream", stream)])

async def main():
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answers = await asyncio.gather(*(client.get(f"/hello/{n}") for n in range(5)))
        print([answer.json() for answer in answers])
        print((await client.get("/stream")).text.split())
    server.should_exit = True
    await serving
    print("done")

asyncio.run(main())
"""

QUEUE = """
import asyncio

done, left = [], []

async def work(queue):
    try:
        while True:
            job = await queue.get()
            try:
                async with asyncio.timeout(0.2):
                    await asyncio.sleep(30 if job % 5 == 0 else 0.001)
                done.append(job)
            except TimeoutError:
                left.append(job)
            finally:
                queue.task_done()
    except asyncio.CancelledError:
        print("worker stops")
        raise

async def main():
    queue = asyncio.Queue(maxsize=4)
    workers = [asyncio.create_task(work(queue), name=f"worker {n}") for n in range(3)]
    for job in range(1, 21):
        await queue.put(job)
    await queue.join()
    for worker in workers:
        worker.cancel()
    print([type(end).__name__ for end in await asyncio.gather(*workers, return_exceptions=True)])
    print(sorted(done), sorted(left))

asyncio.run(main())
"""

WEBSOCKETS = """
import asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

async def echo(connection):
    async for message in connection:
        await connection.send(message[::-1])

async def talk(port, number):
    async with connect(f"ws://127.0.0.1:{port}") as connection:
        await connection.send(f"message {number}")
        answer = await connection.recv()
        try:
            async with asyncio.timeout(0.1):
                await connection.recv()
        except TimeoutError:
            return answer

async def main():
    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.TaskGroup() as group:
            talks = [group.create_task(talk(port, number)) for number in range(4)]
        print([task.result() for task in talks])
    print("done")

asyncio.run(main())
"""

PROGRAMS = {"aiohttp": AIOHTTP, "uvicorn": UVICORN, "queue": QUEUE, "websockets": WEBSOCKETS}

UNANSWERED = """
select u.name, c.mechanism from cancellations c join units u using (trace_id, span_id)
where coalesce(c.live, true) and c.delivered_ns is null and c.withdrawn_ns is null and u.is_open
"""


def tables_of(folder: Path) -> Any:
    return load(sorted((folder / "traces").glob("[!.]*.json")))


def assert_adds_up(tables: Any, *, still_open: str = "") -> None:
    """Everything that began has ended, every request was answered or overtaken by the end, every delivery names its requests."""

    def ask(query: str) -> list[Any]:
        found: list[Any] = tables.execute(query).fetchall()
        return found

    assert ask("select what from problems where severity <> 'notice'") == []
    assert ask(f"select name from units where (is_open or outcome is null) and name <> '{still_open}'") == []
    assert ask(UNANSWERED) == []
    assert ask("select count(*) from recordings where torn or coalesce(dropped, 0) > 0") == [(0,)]
    assert ask("select probe, error from faults") == []
    assert ask(
        "select count(*) from units where parent_span_id is not null and not exists "
        "(select 1 from units p where p.trace_id = units.trace_id and p.span_id = units.parent_span_id)"
    ) == [(0,)]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_program_of_the_wild(spanproof: Command, run_python: RunPython, tmp_path: Path, name: str, loop: str) -> None:
    source = PROGRAMS[name]
    if loop == "uvloop":
        source = source.replace("asyncio.run(main())", "import uvloop\nuvloop.run(main())")
    (tmp_path / "app.py").write_text(source)
    python = run_python("app.py")
    traced = spanproof("trace", "--check", "app.py")
    assert python.returncode == 0, python.stderr
    assert (traced.returncode, sorted(traced.stdout.splitlines())) == (0, sorted(python.stdout.splitlines())), traced.stderr
    assert "OK: nothing is violated" in traced.stderr, traced.stderr
    tables = tables_of(tmp_path)
    assert_adds_up(tables)
    COUNTS[name](tables)


def count_aiohttp(tables: Any) -> None:
    names = dict(tables.execute("select name, count(*) from units where unit in ('task', 'scope') group by 1").fetchall())
    assert names["timeout main"] == 1
    # The client's 8 requests at once run in one task each, below gather; each connection has a handler of its own in the server.
    assert names["task main.get".replace("main.", "")] == 8
    assert names["task RequestHandler.start"] >= 1


def count_uvicorn(tables: Any) -> None:
    names = dict(tables.execute("select name, count(*) from units where unit in ('task', 'scope') group by 1").fetchall())
    assert names["task Server.serve"] == 1
    # Six requests, each a task of the server's.
    assert sum(number for name, number in names.items() if "run_asgi" in name) == 6


def count_queue(tables: Any) -> None:
    (row,) = tables.execute(
        "select count(*) filter (name = 'task work'), count(*) filter (name = 'timeout work'), "
        "count(*) filter (name = 'timeout work' and outcome = 'timed_out') from units"
    ).fetchall()
    assert row == (3, 20, 4)
    asked = tables.execute("select mechanism, count(*) from cancellations group by 1 order by 1").fetchall()
    assert asked == [("task_cancel", 3), ("timer", 4)]


def count_websockets(tables: Any) -> None:
    (row,) = tables.execute(
        "select count(*) filter (name = 'task talk'), count(*) filter (name = 'timeout talk' and outcome = 'timed_out') from units"
    ).fetchall()
    assert row == (4, 4)


COUNTS: dict[str, Callable[[Any], None]] = {
    "aiohttp": count_aiohttp,
    "uvicorn": count_uvicorn,
    "queue": count_queue,
    "websockets": count_websockets,
}


# --- a server with workers ---------------------------------------------------------------------------------------------

APP = """
import os
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def pid(request):
    return PlainTextResponse(f"{os.getpid()} {request.path_params['n']}")

app = Starlette(routes=[Route("/{n}", pid)])
"""


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def serve(command: list[str], folder: Path, end: signal.Signals) -> tuple[set[str], int, str]:
    """Start a server with two workers, ask until both have answered, end it; returns the workers, the exit status and stderr."""
    port = free_port()
    program = subprocess.Popen(
        [*command, "app:app", "--workers", "2", "--port", str(port), "--log-level", "error"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    workers: set[str] = set()
    deadline = time.monotonic() + 30
    try:
        while len(workers) < 2 and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/7", timeout=5) as answer:
                    worker, number = answer.read().decode().split()
                    assert number == "7"
                    workers.add(worker)
            except OSError:
                time.sleep(0.05)
        program.send_signal(end)
        _, stderr = program.communicate(timeout=30)
    finally:
        program.kill()
        program.wait()
    return workers, program.returncode, stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_workers_of_a_server_are_recorded(spanproof: Command, tmp_path: Path, end: signal.Signals) -> None:
    (tmp_path / "app.py").write_text(APP)
    uvicorn = str(Path(sys.executable).parent / "uvicorn")
    _, status, _ = serve([sys.executable, uvicorn], tmp_path, end)
    workers, traced_status, stderr = serve([sys.executable, "-m", "spanproof", "trace", uvicorn], tmp_path, end)
    assert (len(workers), traced_status) == (2, status), stderr
    tables = tables_of(tmp_path)
    # uvicorn raises the signal again inside its main task, which therefore never ends.
    assert_adds_up(tables, still_open="task Server.serve")
    recorded = tables.execute(
        "select cast(r.pid as varchar), count(*) from units u join recordings r using (resource_id) "
        "where u.name like '%run_asgi%' group by 1"
    ).fetchall()
    assert {pid for pid, _count in recorded} == workers
    assert tables.execute("select count(distinct recording_id), count(*) from recordings").fetchall() == [(1, 3)]
    told = stderr.splitlines()[-1]
    assert told.startswith("spanproof check ")
    named = told.split()[2:]
    assert sorted(tmp_path / name for name in named) == sorted((tmp_path / "traces").glob("[!.]*.json"))
    # A server that imports its application in its loop does keep it busy, on a busy machine for more than 100 ms (T03).
    checked = spanproof("check", *named, "--ignore", "T03")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_server_that_ends_itself_by_its_signal(spanproof: Command, tmp_path: Path) -> None:
    """As uvicorn does without workers: the recording is whole, and the last line says where it is."""
    (tmp_path / "app.py").write_text(
        "import asyncio, signal\nasyncio.run(asyncio.sleep(0))\nprint('over', flush=True)\nsignal.raise_signal(signal.SIGTERM)\n"
    )
    traced = spanproof("trace", "app.py")
    assert (traced.returncode, traced.stdout) == (-signal.SIGTERM, "over\n")
    (told,) = traced.stderr.splitlines()
    assert told.startswith("spanproof check traces")
    assert_adds_up(tables_of(tmp_path))
