"""Exporting from real processes: forks, a late provider, ends of all kinds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from spanproof.instrument import vocabulary as v

from . import endpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.conftest import RunPython

FORKS = """
import asyncio, os, sys, time
import spanproof

async def parent(): await asyncio.sleep(0)
async def child(): await asyncio.sleep(0)
async def after(): await asyncio.sleep(0)

with spanproof.session(sys.argv[1], name="forks", otlp=sys.argv[2], otlp_protocol=sys.argv[3]) as session:
    asyncio.run(parent())
    until = time.monotonic() + 5
    while not session.export.sent and time.monotonic() < until:
        time.sleep(0.01)
    pid = os.fork()
    if pid == 0:
        asyncio.run(child())
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    asyncio.run(after())
print(session.export.sent, session.export.unsent)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
@pytest.mark.parametrize("serve", [endpoints.http, endpoints.grpc])
def test_over_a_fork_each_process_sends_its_own(
    serve: Callable[[], AbstractContextManager[endpoints.Endpoint]], run_python: RunPython, tmp_path: Path
) -> None:
    with serve() as came:
        protocol = "grpc" if serve is endpoints.grpc else "http"
        done = run_python("-X", "dev", "-W", "error", "-c", FORKS, str(tmp_path), came.url, protocol)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 0\n", "")
    sent: dict[int, list[str]] = {}
    for request in came.requests:
        (each,) = request.resource_spans
        pid = endpoints.attributes(each.resource)[v.RES_PID]
        sent.setdefault(pid, []).extend(span.name for scope in each.scope_spans for span in scope.spans)
    assert sorted(sorted(names) for names in sent.values()) == [
        ["program forks", "recording", "task after", "task parent"],
        ["program forks", "recording", "task child"],
    ]
    assert len({endpoints.attributes(request.resource_spans[0].resource)[v.RES_RECORDING] for request in came.requests}) == 1


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_a_fork_does_not_wait_for_an_endpoint(run_python: RunPython, tmp_path: Path) -> None:
    timed = "    began = time.monotonic()\n    pid = os.fork()\n    if pid: print(time.monotonic() - began)\n"
    program = FORKS.replace("    pid = os.fork()\n", timed)
    program = program.replace("while not session.export.sent and time.monotonic() < until:", "while time.monotonic() < until - 4:")
    with endpoints.raw() as came:
        done = run_python("-c", program, str(tmp_path), came.url, "http")
    taken, counts = done.stdout.splitlines()
    assert float(taken) < 0.6, done.stderr
    assert counts == "0 4"
    assert "4 of 4 units were not sent" in done.stderr


LATE = """
import asyncio, sys
import spanproof
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spanproof.instrument.sinks import MemorySink

exporter, sink = InMemorySpanExporter(), MemorySink()

async def early(): await asyncio.sleep(0)
async def late(): await asyncio.sleep(0)

async def main():
    await asyncio.create_task(early())
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    await asyncio.create_task(late())

with spanproof.session(sink=sink, provider=True, name="app"):
    asyncio.run(main())
(span,) = exporter.get_finished_spans()
units = {unit.name: unit for unit in sink.units}
assert span.name == "task late"
assert span.context.span_id == units["task late"].span_id
assert span.context.trace_id == units["task late"].trace_id == units["task main"].trace_id
assert span.parent.span_id == units["task main"].span_id == units["task late"].parent_id
print("ok")
"""


def test_a_provider_that_is_set_after_the_session_began(run_python: RunPython) -> None:
    done = run_python("-c", LATE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


ENDS = """
import asyncio, os, signal, sys
import spanproof

session = spanproof.start(sys.argv[1], name="ends", otlp=sys.argv[2])

async def main():
    asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    {how}

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "how", ["sys.exit(3)", "raise ValueError('of its own')", "os.kill(os.getpid(), signal.SIGINT); await asyncio.sleep(5)"]
)
def test_everything_is_sent_however_the_interpreter_ends(how: str, run_python: RunPython, tmp_path: Path) -> None:
    with endpoints.http() as came:
        done = run_python("-c", ENDS.format(how=how), str(tmp_path), came.url)
    assert done.returncode != 0
    assert sorted(came.names()) == ["program ends", "recording", "task main", "task sleep"]
    assert "spanproof:" not in done.stderr
