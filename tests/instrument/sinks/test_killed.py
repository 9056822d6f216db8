"""Processes that end badly or fork: what had happened by the last tick is in the file, and the parent's file is the parent's."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from spanproof.instrument import vocabulary as v

from .support import attributes, merged, recording_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and forks of POSIX")

PRELUDE = """
import os, sys, threading, time
sys.path.insert(0, {checkout!r})
from tests.instrument.sinks.support import RESOURCE, end, next_seq, recording, unit
from spanproof.instrument.sinks import Tick, TraceFile, Writer
highest = 0
writer = Writer(TraceFile(sys.argv[1], "x", "r"), recording(), RESOURCE, lambda: Tick(time.time_ns(), highest))
writer.start()
"""

# Each unit's story is told on stdout once it has happened: number, start, end or 0.
BUSY = """
number = 0
opened = []
while True:
    for _ in range(20):
        number += 1
        one = unit(number)
        writer.opened(one)
        highest = one.start_seq
        opened.append(one)
        print(number, one.start_seq, 0)
        if number % 3 == 0:
            done = end(opened.pop(number % len(opened)))
            writer.ended(done)
            highest = done.end_seq
            print(done.span_id, done.start_seq, done.end_seq)
    sys.stdout.flush()
    time.sleep(0.01)
"""


@pytest.fixture
def prelude(checkout: Path) -> str:
    """What every program here begins with."""
    return PRELUDE.format(checkout=str(checkout))


@pytest.mark.realtime
@pytest.mark.parametrize("seed", range(4))
def test_kill_9_at_any_moment(tmp_path: Path, prelude: str, seed: int) -> None:
    program = subprocess.Popen([sys.executable, "-c", prelude + BUSY, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    first = program.stdout.readline()
    time.sleep(random.Random(seed).uniform(0.2, 2.4))
    killed_ns = time.time_ns()
    program.kill()
    told = [tuple(map(int, line.split())) for line in (first + program.stdout.read()).splitlines() if line.count(" ") == 2]
    program.stdout.close()
    assert program.wait() == -signal.SIGKILL

    (path,) = tmp_path.glob("x-*.json")
    found = merged(path, torn=True)
    known = recording_of(found)
    # Everything up to the tick is there, opened as open and ended as ended. The last told line may be cut: leave it out.
    for number, start_seq, end_seq in told[:-1]:
        if 0 < end_seq <= known[v.TICK_SEQ]:
            assert found[number]["endTimeUnixNano"]
        elif start_seq <= known[v.TICK_SEQ]:
            assert number in found
    assert v.ENDED_BY not in known
    # A second, and as much again for a busy machine.
    assert killed_ns - known[v.TICK_NS] < 2_000_000_000


SUDDEN = """
one = unit(1)
writer.opened(one)
writer.ended(end(unit(2)))
time.sleep(1.5)
{how}
"""


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
        ("sys.exit(4)", 4),
        ("raise KeyError", 1),
    ],
    ids=["_exit", "term", "segv", "exit", "raise"],
)
def test_sudden_ends(tmp_path: Path, run_python: RunPython, prelude: str, how: str, status: int) -> None:
    done = run_python("-c", prelude + SUDDEN.format(how=how), str(tmp_path / "t"))
    assert done.returncode == status
    (path,) = (tmp_path / "t").glob("x-*.json")
    found = merged(path)
    assert "endTimeUnixNano" not in found[1]
    assert "endTimeUnixNano" in found[2]
    assert v.ENDED_BY not in recording_of(found)


FORK = """
import warnings
warnings.simplefilter("error")  # Python 3.12 warns a program that forks beside a thread
writer.opened(unit(1))
writer.ended(end(unit(2)))
assert [thread.name for thread in threading.enumerate()] == ["MainThread", "spanproof-writer"]
child = os.fork()
if child == 0:
    assert writer.dead
    for number in range(1000, 10_000):
        writer.opened(unit(number))
        writer.ended(end(unit(number)))
    writer.close("process", [unit(9_999)])
    own = Writer(TraceFile(sys.argv[1], "child", "r"), recording(), RESOURCE, lambda: Tick(time.time_ns(), 1))
    own.start()
    own.ended(end(unit(77)))
    own.close("process", [])
    print([thread.name for thread in threading.enumerate()], flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not writer.dead
writer.ended(end(unit(3)))
time.sleep(0.5)
assert not writer._waiting
print([thread.name for thread in threading.enumerate()])
writer.close("process", [])
"""


def test_a_fork_leaves_the_file_to_the_parent(tmp_path: Path, run_python: RunPython, prelude: str) -> None:
    done = run_python("-c", prelude + FORK, str(tmp_path / "t"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["['MainThread']", "['MainThread', 'spanproof-writer']"]
    (parent,) = (tmp_path / "t").glob("x-*.json")
    (child,) = (tmp_path / "t").glob("child-*.json")
    assert set(merged(parent)) == {1, 2, 3, 2**63}
    assert recording_of(merged(parent))[v.ENDED_BY] == "process"
    assert set(merged(child)) == {77, 2**63}


MANY_FORKS = """
for number in range(1, 31):
    child = os.fork()
    if child == 0:
        os._exit(0)
    writer.ended(end(unit(number)))
    os.waitpid(child, 0)
writer.close("process", [])
"""


def test_many_forks(tmp_path: Path, run_python: RunPython, prelude: str) -> None:
    done = run_python("-W", "error", "-c", prelude + MANY_FORKS, str(tmp_path / "t"))
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = (tmp_path / "t").glob("x-*.json")
    assert set(merged(path)) == {*range(1, 31), 2**63}


CLOSED_STDERR = """
os.close(2)
sys.stderr = None
writer.file._warn("x")
from spanproof.instrument.sinks.base import warn
warn("y")
bad = end(unit(1))
bad.trace_id = "z"
writer.ended(bad)
writer.close("process", [])
"""


def test_without_stderr_nothing_is_said_and_nothing_breaks(tmp_path: Path, run_python: RunPython, prelude: str) -> None:
    done = run_python("-c", prelude + CLOSED_STDERR, str(tmp_path / "t"))
    assert done.returncode == 0
    (path,) = (tmp_path / "t").glob("x-*.json")
    assert recording_of(merged(path))[v.DROPPED] == 1


SATURATED = """
import asyncio

async def main():
    number = 0
    began = time.monotonic()
    while time.monotonic() - began < 3:
        number += 1
        writer.ended(end(unit(number)))
        for _ in range(1000):
            pass
        await asyncio.sleep(0)  # polls, and so lets go of Python's lock for too short a time
    return number

number = asyncio.run(main())
writer.close("process", [])
print(number, writer.dropped)
"""


@pytest.mark.realtime
def test_a_loop_that_never_rests_starves_no_writer(tmp_path: Path, run_python: RunPython, prelude: str) -> None:
    done = run_python("-c", prelude + SATURATED, str(tmp_path / "t"))
    made, dropped = map(int, done.stdout.split())
    assert made > 5_000
    assert dropped == 0
    (path,) = (tmp_path / "t").glob("x-*.json")
    found = merged(path)
    assert len(found) == made + 1
    assert attributes(found[made])[v.OUTCOME] == "completed"
