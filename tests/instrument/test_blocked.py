"""What keeps a loop busy: by whom, on which line, computing or asleep; and what is not seen of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from .running import run_virtual

MS = 1_000_000


def blocks(seconds: float) -> None:
    time.sleep(seconds)


def computes(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sum(range(1_000))


@pytest.mark.realtime
def test_computing_is_told_from_sleeping(record: Any) -> None:
    async def main() -> None:
        async def sleeps() -> None:
            blocks(0.25)

        async def works() -> None:
            computes(0.25)

        await asyncio.create_task(sleeps())
        await asyncio.create_task(works())

    with record() as trace:
        asyncio.run(main())
    asleep, busy = (trace.one(f"task {name}").first("loop.blocked") for name in ("sleeps", "works"))
    for event, function in ((asleep, "blocks"), (busy, "computes")):
        assert event["blocked.duration_ns"] >= 240 * MS
        assert event["code.function.name"] == function
        assert event["code.file.path"] == "test_blocked.py"
    if "blocked.cpu_ns" in busy.attributes:
        assert asleep["blocked.cpu_ns"] < busy["blocked.cpu_ns"]
    assert trace.one("task main").of("loop.blocked") == []


@pytest.mark.realtime
def test_a_first_step_and_a_step_that_ends_by_an_error(record: Any) -> None:
    async def main() -> None:
        async def fails() -> None:
            blocks(0.03)
            raise ValueError("after all")

        async def cleans_up() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                blocks(0.03)

        task = asyncio.create_task(cleans_up())
        await asyncio.wait({asyncio.create_task(fails())})
        task.cancel()
        await asyncio.wait({task})

    with record() as trace:
        asyncio.run(main())
    for name in ("fails", "cleans_up"):
        (event,) = trace.one(f"task {name}").of("loop.blocked")
        assert event["blocked.duration_ns"] >= 30 * MS


@pytest.mark.realtime
def test_what_the_recorder_reads_to_measure_it_is_no_file_of_the_unit(record: Any) -> None:
    async def main() -> None:
        await asyncio.sleep(0.05)
        for _ in range(3):
            blocks(0.03)
            await asyncio.sleep(0)

    with record() as trace:
        asyncio.run(main())
    assert len(trace.one("task main").of("loop.blocked")) == 3
    assert [event.name for unit in trace.units for event in unit.events if event.name.startswith("resource")] == []


@pytest.mark.realtime
def test_many_short_steps_block_nobody(record: Any) -> None:
    async def main() -> None:
        async def polite() -> None:
            for _ in range(300):
                computes(0.001)
                await asyncio.sleep(0)

        await asyncio.create_task(polite())

    with record() as trace:
        asyncio.run(main())
    # Its turns add up to a third of a second, and every other task had its own in between.
    polite = trace.one("task polite")
    assert all(event["blocked.duration_ns"] < (polite.end_ns - polite.start_ns) / 2 for event in polite.of("loop.blocked"))


@pytest.mark.realtime
def test_a_callback_outside_of_any_task_is_not_seen(record: Any) -> None:
    """A limit, written down in docs/explanation/seams.md: what each callback takes is not measured, for each step of a task is one."""

    async def main() -> None:
        asyncio.get_running_loop().call_soon(blocks, 0.05)
        await asyncio.sleep(0.1)

    with record() as trace:
        asyncio.run(main())
    assert [event for unit in trace.units for event in unit.of("loop.blocked")] == []


def test_a_virtual_loop_is_never_late(record: Any) -> None:
    async def main() -> None:
        blocks(0.03)

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").of("loop.blocked") == []
