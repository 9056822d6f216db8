"""A service for an hour: what the recorder costs in bytes, memory and time when units come and go and very many stay open.

    python benchmarks/soak.py [--minutes 60] [--open 10000] [--rate 50] [--idle 10]

The hour is simulated (the loop's clock is virtual); the idle part afterwards takes real seconds. Each open unit is a connection that
wakes once a minute; each request is a task with a deadline, one in twenty is late and one in fifty is cancelled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

from spanproof.instrument import vocabulary as v
from spanproof.instrument.attach import session
from spanproof.instrument.records import Unit
from spanproof.scenarios.virtual_loop import VirtualLoop


@dataclass(slots=True)
class Soak:
    """What one run cost.

    Attributes:
        requests: requests that came and went.
        open_units: units that were open all the time.
        bytes_left, parts_left: size and number of the parts in the end.
        parts_deleted: parts that had to go for `max_bytes`.
        dropped: records that were lost, those in deleted parts included.
        memory_begin, memory_end: resident memory in bytes when a quarter of the time was over, and in the end.
        kept: records of ended units that are still in memory in the end, though they are written.
        real_s: real seconds that it took.
    """

    requests: int = 0
    open_units: int = 0
    bytes_left: int = 0
    parts_left: int = 0
    parts_deleted: int = 0
    dropped: int = 0
    memory_begin: int = 0
    memory_end: int = 0
    kept: int = 0
    real_s: float = 0.0


def resident() -> int:
    """Resident memory now, in bytes; where the system does not tell, the highest so far."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


async def connection(number: int) -> None:
    """Stays open; wakes once a minute."""
    await asyncio.sleep(number % 60)
    while True:  # noqa: ASYNC110 - that is what it does
        await asyncio.sleep(60)


async def request(number: int) -> None:
    """Works below a deadline; one in twenty is late."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.sleep(2 if number % 20 == 0 else 0.1)


async def service(seconds: float, open_units: int, rate: int, told: Soak) -> None:
    """Requests come `rate` times a second; the connections stay."""
    connections = [asyncio.create_task(connection(number)) for number in range(open_units)]
    running: set[asyncio.Task[None]] = set()
    ticks = round(seconds * 10)
    for tick in range(ticks):
        for _ in range(max(1, rate // 10)):
            told.requests += 1
            task = asyncio.create_task(request(told.requests))
            running.add(task)
            task.add_done_callback(running.discard)
            if told.requests % 50 == 0:
                asyncio.get_running_loop().call_later(0.05, task.cancel)
        await asyncio.sleep(0.1)
        if tick == ticks // 4:
            told.memory_begin = resident()
    if running:
        await asyncio.wait(running)
    told.kept = kept()
    told.memory_end = resident()
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


def kept() -> int:
    """Records of units that are in memory though they have ended and are written."""
    left = 0
    for _ in range(20):
        time.sleep(0.25)  # the writer's thread takes what is waiting
        gc.collect()
        left = sum(1 for one in gc.get_objects() if type(one) is Unit and one.end_ns is not None)
        if left < 100:
            break
    return left


def soak(out: Path, *, seconds: float, open_units: int, rate: int, max_bytes: int | None = None) -> Soak:
    """Run the service for so many simulated seconds and tell what it cost."""
    told = Soak(open_units=open_units)
    began = time.monotonic()
    with session(out, name="soak", max_bytes=max_bytes) as recording, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(service(seconds, open_units, rate, told))
    told.real_s = time.monotonic() - began
    left = list(out.glob("soak-*.json"))
    told.bytes_left, told.parts_left = sum(path.stat().st_size for path in left), len(left)
    attrs = recording.recorder.recording.attrs
    told.parts_deleted, told.dropped = int(str(attrs.get(v.PARTS_DELETED, 0))), int(str(attrs.get(v.DROPPED, 0)))
    return told


async def _idle(open_units: int, seconds: float) -> tuple[float, int]:
    """CPU seconds of all threads that so many open units take while nothing happens, and the memory that they took, in bytes."""
    gc.collect()
    tracemalloc.start()
    tasks = [asyncio.create_task(asyncio.sleep(3_600)) for _ in range(open_units)]
    await asyncio.sleep(0.1)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    await asyncio.sleep(1.5)  # the tick that writes all of them once
    began = time.process_time()
    await asyncio.sleep(seconds)
    used = time.process_time() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return used, taken


def idle(out: Path, *, open_units: int, seconds: float) -> tuple[float, float]:
    """Share of one core that idle open units cost, and bytes of memory that one takes; both beyond what they cost unrecorded."""
    plain_s, plain_bytes = asyncio.run(_idle(open_units, seconds))
    with session(out, name="idle"):
        used_s, used_bytes = asyncio.run(_idle(open_units, seconds))
    return (used_s - plain_s) / seconds, (used_bytes - plain_bytes) / open_units


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="simulated time (default: %(default)s)")
    parser.add_argument("--open", type=int, default=10_000, help="units that stay open (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=50, help="requests a second (default: %(default)s)")
    parser.add_argument("--idle", type=float, default=10, help="real seconds of idling (default: %(default)s)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        share, per_unit = idle(Path(folder, "idle"), open_units=wanted.open, seconds=wanted.idle)
        print(f"idle, {wanted.open:,} open units: {100 * share:.1f} % of one core (goal: below 10 %), {per_unit:,.0f} bytes of memory each")
        seconds = wanted.minutes * 60
        told = soak(Path(folder, "soak"), seconds=seconds, open_units=wanted.open, rate=wanted.rate)
        hours = wanted.minutes / 60
        grown, requests = told.memory_end - told.memory_begin, max(1, told.requests)
        print(
            f"{wanted.minutes:g} simulated minutes, {told.requests:,} requests beside {told.open_units:,} open units, "
            f"in {told.real_s:.0f} s:\n  {told.bytes_left / hours / 1e6:,.0f} MB an hour in {told.parts_left} parts, "
            f"{told.bytes_left / requests:,.0f} bytes a request, {told.dropped} records lost\n"
            f"  memory grew by {grown / 1e6:,.1f} MB after the first quarter (of {told.memory_begin / 1e6:,.0f} MB); "
            f"{told.kept} records of ended units kept"
        )
        limit = max(1_000_000, told.bytes_left // 5)
        limited = soak(Path(folder, "limited"), seconds=seconds / 2, open_units=wanted.open // 10, rate=wanted.rate, max_bytes=limit)
        print(
            f"--max-bytes {limit:,}: {limited.bytes_left:,} bytes left in {limited.parts_left} parts, "
            f"{limited.parts_deleted} deleted with {limited.dropped:,} records"
        )


if __name__ == "__main__":
    main()
