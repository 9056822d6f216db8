"""What outlasts its unit: the unit stays until it is done, and a probe that breaks costs its seam and nothing else."""

from __future__ import annotations

import asyncio
import gc
import socket
import tempfile
import threading
import traceback
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import session
from spanproof.instrument.holds import Held
from spanproof.instrument.sinks import MemorySink
from tests.programs import silent_resources

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OPENED = {
    "generator.opened": ("generator.closed", "generator.id"),
    "thread.started": ("thread.finished", "thread.id"),
    "resource.acquired": ("resource.released", "resource.id"),
}


@pytest.mark.parametrize("name", sorted(silent_resources.PROGRAMS))
def test_everything_that_a_correct_program_opens_is_recorded_to_its_end(record: Any, name: str) -> None:
    with record() as trace:
        run_virtual(silent_resources.PROGRAMS[name])
    gc.collect()
    events = [event for unit in trace.units for event in unit.events]
    found = 0
    for begins, (ends, key) in OPENED.items():
        opened = sorted(int(event[key]) for event in events if event.name == begins)
        assert opened == sorted(int(event[key]) for event in events if event.name == ends)
        found += len(opened)
    assert found > 0
    assert trace.faults == []


def test_a_unit_that_left_nothing_is_released_at_its_end_and_one_that_did_later() -> None:
    sink = Released()
    gate = threading.Event()
    kept: list[Any] = []

    async def leaving() -> None:
        kept.append(asyncio.get_running_loop().run_in_executor(None, gate.wait))

    async def nothing() -> None:
        await asyncio.to_thread(int)

    async def main() -> None:
        await asyncio.create_task(nothing())
        await asyncio.create_task(leaving())
        assert sink.released == ["task nothing"]
        assert [unit.name for unit in attached.recorder.open_units() if unit.end_ns is not None] == ["task leaving"]
        gate.set()
        while "task leaving" not in sink.released:
            await asyncio.to_thread(int)

    with session(sink=sink, name="test") as attached:
        asyncio.run(main())
    assert sink.released == ["task nothing", "task leaving", "task main", "program test"]


class Released(MemorySink):
    """Notes in which order units are released."""

    def __init__(self) -> None:
        super().__init__()
        self.released: list[str] = []

    def ended(self, unit: Any) -> None:
        """The unit is released."""
        self.released.append(unit.name)
        super().ended(unit)


def test_whoever_comes_last_releases_a_unit_and_nobody_does_it_twice() -> None:
    """The unit ends in its loop's thread while its work ends in others: exactly one of them lets it go."""
    for _ in range(300):
        held = Held()
        for key in range(3):
            held.add(key)
        start = threading.Barrier(4)
        released: list[int] = []

        def work(key: int, held: Held = held, start: Any = start, released: list[int] = released) -> None:
            start.wait()
            if held.drop(key):
                released.append(key)

        def end(held: Held = held, start: Any = start, released: list[int] = released) -> None:
            start.wait()
            if not held.keep():
                released.append(-1)

        threads = [threading.Thread(target=work, args=(key,)) for key in range(3)] + [threading.Thread(target=end)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(released) == 1


async def numbers() -> AsyncGenerator[int]:
    yield 1
    yield 2


async def program() -> list[Any]:
    """Something of each kind, and how its errors look."""
    log: list[Any] = [number async for number in numbers()]
    async with aclosing(numbers()) as generator:
        log.append(await anext(generator))
    async for _ in numbers():
        break
    await asyncio.sleep(0)
    log.append(await asyncio.to_thread(int, "5"))
    try:
        await asyncio.get_running_loop().run_in_executor(None, int, "x")
    except ValueError as error:
        log.append([frame.name for frame in traceback.extract_tb(error.__traceback__) if "/instrument/" not in frame.filename])
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
        log.append(file.tell())
    left, right = socket.socketpair()
    with left, right:
        left.send(b"y")
        log.append(right.recv(1))
    return log


BREAKABLE = {
    "generator": ("generators.Generators.opened", "generators.Generators.ended", "generators.Generators.finalized"),
    "thread": ("threads.begin", "threads.Work.end", "threads.Work.follow"),
    "resource": ("descriptors.Descriptors.opened", "descriptors.Descriptors.socket_closed", "descriptors.Descriptors._released"),
}


@pytest.mark.parametrize(("seam", "target"), [(seam, target) for seam, targets in BREAKABLE.items() for target in targets])
def test_a_broken_probe_costs_its_seam_and_nothing_else(record: Any, seam: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("broken on purpose")

    untraced = run_virtual(program)
    monkeypatch.setattr(f"spanproof.instrument.{target}", broken)
    with record() as trace:
        traced = run_virtual(program)
        gc.collect()
    assert traced == untraced
    assert trace.seams[seam] == "lost: ZeroDivisionError"
    assert [fault["fault.probe"] for fault in trace.faults] == [seam]
