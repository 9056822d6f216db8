# ruff: noqa: ASYNC230 - files that are opened by coroutines are what is on trial here
"""Resources: declared by `spanproof.resource`, and files and sockets that are seen without a word."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import copy
import gc
import inspect
import io
import pickle
import socket
import tempfile
import weakref
from pathlib import Path
from typing import Any

import pytest

from spanproof import instrument
from spanproof.instrument.holds import TOLD_LIMIT

from .running import run_virtual

MS = 1_000_000
HERE = Path(__file__)


def taken(unit: Any, kind: str = "file") -> list[Any]:
    return [event for event in unit.of("resource.acquired") if event["resource.kind"] == kind]


def given_back(unit: Any, kind: str = "file") -> list[Any]:
    return [event for event in unit.of("resource.released") if event["resource.kind"] == kind]


# --- declared -----------------------------------------------------------------------------------------------------------


def test_declared_for_both_kinds_of_with_and_by_hand(record: Any) -> None:
    async def main() -> None:
        with instrument.resource("plain"):
            await asyncio.sleep(1)
        async with instrument.resource("async"):
            await asyncio.sleep(2)
        held = instrument.resource("by hand").acquire()
        await asyncio.sleep(3)
        held.release()
        held.release()

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    acquired, released = taken(unit, "declared"), given_back(unit, "declared")
    assert [event["resource.name"] for event in acquired] == ["plain", "async", "by hand"]
    assert [event["code.line.number"] - main.__code__.co_firstlineno for event in acquired] == [1, 3, 5]
    assert [event["resource.id"] for event in released] == [event["resource.id"] for event in acquired]
    lasted = [end.time_ns - begin.time_ns for begin, end in zip(acquired, released, strict=True)]
    assert lasted == [1_000 * MS, 2_000 * MS, 3_000 * MS]


def test_what_nobody_gives_back_until_the_loop_ends_is_given_back_then_on_the_clock_of_who_took_it(record: Any) -> None:
    """The generator's block is left when the loop closes the generator: the event stands on the program, whose clock is another one."""

    async def rows() -> Any:
        with instrument.resource("cursor"):
            yield 1

    kept: list[Any] = []

    async def reader() -> None:
        kept.append(rows())
        await anext(kept[0])

    async def main() -> None:
        await asyncio.create_task(reader())
        await asyncio.sleep(100)

    with record() as trace:
        run_virtual(main)
    (released,) = [event for unit in trace.units for event in given_back(unit, "declared")]
    assert released.time_ns - trace.one("task reader").end_ns >= 100_000 * MS


def test_a_block_that_is_left_by_an_error_gives_back(record: Any) -> None:
    async def main() -> None:
        with contextlib.suppress(ValueError), instrument.resource("lost"):
            raise ValueError

    with record() as trace:
        run_virtual(main)
    assert len(given_back(trace.one("task main"), "declared")) == 1


def test_one_that_is_handed_over_is_given_back_by_whom_it_was_handed_to(record: Any) -> None:
    async def taker(held: Any) -> None:
        with held:
            await asyncio.sleep(1)

    async def main() -> None:
        with instrument.resource("connection") as held:
            task = asyncio.create_task(taker(held))
            held.transfer(task)
        await task

    with record() as trace:
        run_virtual(main)
    giver, taker_ = trace.one("task main"), trace.one("task taker")
    (acquired,) = giver.of("resource.acquired")
    (transferred,) = giver.of("resource.transferred")
    assert transferred["resource.to_span_id"] == taker_.span_id
    assert transferred["resource.id"] == acquired["resource.id"]
    assert transferred["code.line.number"] == main.__code__.co_firstlineno + 3
    assert giver.of("resource.released") == []
    assert taker_.of("resource.acquired") == []
    (released,) = taker_.of("resource.released")
    assert (released["resource.id"], released["resource.name"]) == (acquired["resource.id"], "connection")
    assert released.time_ns - acquired.time_ns == 1_000 * MS


def test_a_release_by_another_unit_stands_on_that_unit(record: Any) -> None:
    async def closer(held: Any) -> None:
        held.release()

    async def main() -> None:
        held = instrument.resource("pool").acquire()
        await asyncio.create_task(closer(held))

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").of("resource.released") == []
    (released,) = trace.one("task closer").of("resource.released")
    assert released["resource.id"] == trace.one("task main").first("resource.acquired")["resource.id"]


def test_a_release_outside_of_units_is_not_lost(record: Any) -> None:
    held: list[Any] = []

    async def main() -> None:
        held.append(instrument.resource("late").acquire())

    with record() as trace:
        run_virtual(main)
        held[0].release()
    (released,) = trace.one("program test").of("resource.released")
    assert released["resource.id"] == trace.one("task main").first("resource.acquired")["resource.id"]


def test_one_object_for_many_tasks(record: Any) -> None:
    """Each block has an acquisition of its own, whatever the order in which they end."""
    pool = instrument.resource("pool")

    async def user(seconds: float) -> None:
        with pool:
            await asyncio.sleep(seconds)

    async def main() -> None:
        await asyncio.gather(user(1), user(3), user(2))

    with record() as trace:
        run_virtual(main)
    for unit in trace.named("task user"):
        (acquired,) = unit.of("resource.acquired")
        (released,) = unit.of("resource.released")
        assert acquired["resource.id"] == released["resource.id"]
        assert unit.end_ns == released.time_ns


def test_it_belongs_to_the_task_and_not_to_a_scope_around_it(record: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(1):
            held = instrument.resource("x").acquire()
            instrument.heartbeat()
            await asyncio.sleep(0.5)
        held.release()

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert len(unit.of("resource.acquired")) == len(unit.of("resource.released")) == 1
    # A heartbeat is of the innermost unit: it says that what is being timed makes progress.
    assert trace.one("timeout main").of("heartbeat") != []


def test_declarations_outside_of_a_recording_or_of_a_unit_do_nothing(record: Any) -> None:
    def declare() -> None:
        with instrument.resource("x") as held:
            instrument.heartbeat()
            held.release()

    async def main() -> None:
        async with instrument.resource("y") as held:
            held.transfer(asyncio.create_task(asyncio.sleep(0)))

    declare()
    run_virtual(main)
    with record() as trace:
        declare()
    assert [event.name for unit in trace.units for event in unit.events] == []


# --- files ----------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_closed_in_its_unit(record: Any) -> None:
    async def main() -> None:
        with open(HERE, encoding="utf-8") as file:  # noqa: PTH123 - what is on trial
            file.read(1)
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    (acquired,), (released,) = taken(unit), given_back(unit)
    assert acquired["resource.name"] == released["resource.name"] == f"file {acquired['resource.id']}"
    assert acquired["code.line.number"] == main.__code__.co_firstlineno + 1
    assert released.seq < unit.attributes["end_seq"]
    assert str(HERE) not in str(acquired.attributes.values())


def test_a_file_that_is_closed_and_kept_is_closed_at_the_unit_s_end_at_the_latest(record: Any) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(HERE.open("rb"))
        kept[0].close()
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    (released,) = given_back(unit)
    assert released["resource.how"] == "closed"
    assert released.time_ns == unit.end_ns
    assert released.seq < unit.attributes["end_seq"]


def test_a_file_that_is_left_open_stays_open(record: Any) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(HERE.open("rb"))

    with record() as trace:
        run_virtual(main)
    kept.pop().close()
    unit = trace.one("task main")
    assert len(taken(unit)) == 1
    assert given_back(unit) == []


def test_a_child_s_file_is_looked_at_again_when_its_root_ends(record: Any) -> None:
    kept: list[Any] = []

    async def child() -> None:
        kept.extend([HERE.open("rb"), HERE.open("rb")])

    async def main() -> None:
        await asyncio.create_task(child())
        await asyncio.sleep(1)
        kept[0].close()
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    kept[1].close()
    unit, root = trace.one("task child"), trace.one("task main")
    closed, _open = taken(unit)
    (released,) = given_back(unit)
    assert released["resource.id"] == closed["resource.id"]
    assert unit.end_ns is not None
    assert released.time_ns == root.end_ns == unit.end_ns + 2_000 * MS
    assert released.seq < root.attributes["end_seq"]


def test_a_file_that_nobody_closes_is_gone_when_it_is_collected(record: Any) -> None:
    async def main() -> None:
        await asyncio.create_task(careless())
        await asyncio.sleep(1)

    async def careless() -> None:
        file = HERE.open("rb")
        await asyncio.sleep(1)
        with pytest.warns(ResourceWarning):
            del file

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task careless")
    (released,) = given_back(unit)
    # Whether it had been closed before, nobody can tell.
    assert released.get("resource.how") is None
    assert released.time_ns == unit.start_ns + 1_000 * MS


def test_every_way_to_open_a_file(record: Any, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "x"
        path.write_text("one", encoding="utf-8")
        assert path.read_bytes() == b"one"
        path.open("ab", buffering=0).close()
        io.open(path, encoding="utf-8").close()  # noqa: UP020 - another name of the same
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        detached = path.open(encoding="utf-8")
        detached.detach().close()
        assert await asyncio.to_thread(path.read_bytes) == b"one"

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert len(taken(unit)) == len(given_back(unit)) == 7
    assert trace.faults == []


def test_what_is_opened_for_an_import_or_a_log_or_outside_of_units_is_left_out(
    record: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opening_at_import.py").write_text("FILE = open(__file__)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    kept: list[Any] = []

    async def main() -> None:
        import logging
        import traceback

        import opening_at_import  # type: ignore[import-not-found] # pyright: ignore[reportMissingImports]

        kept.append(opening_at_import.FILE)  # pyright: ignore[reportUnknownMemberType]
        kept.append(logging.FileHandler(tmp_path / "log"))
        assert traceback.format_stack()
        asyncio.get_running_loop().call_soon(lambda: kept.append(HERE.open("rb")))
        await asyncio.sleep(0)

    with record() as trace:
        kept.append(HERE.open("rb"))
        run_virtual(main)
    for thing in kept:
        thing.close()
    assert [event for unit in trace.units for event in unit.of("resource.acquired")] == []
    assert trace.faults == []


def test_open_looks_and_works_as_before(record: Any) -> None:
    plain = open
    told = inspect.signature(plain), repr(plain), plain.__name__, plain.__doc__, plain.__module__
    with record():
        keeper: Any = type("Keeper", (), {"opener": open})
        now: Any = open
        assert (inspect.signature(open), repr(open), open.__name__, open.__doc__, open.__module__) == told
        assert now is io.open
        assert keeper().opener is now  # a function would have become a method
        assert copy.copy(now) is now
        assert pickle.loads(pickle.dumps(now)) is now  # noqa: S301 - our own
        with pytest.raises(FileNotFoundError):
            now(HERE.parent / "nothing here")
        with pytest.raises(TypeError):
            now()
        with now(HERE, "rb") as file:
            assert type(file) is io.BufferedReader
            assert vars(file) == {}
    now = open
    assert now is plain


def test_a_file_dies_when_it_would_have_died(record: Any) -> None:
    died: list[str] = []

    async def main() -> None:
        for kind in ("file", "socket"):
            thing: Any = HERE.open("rb") if kind == "file" else socket.socket()
            weakref.finalize(thing, died.append, kind)
            thing.close()
            del thing
            assert died[-1:] == [kind]

    gc.disable()
    try:
        with record() as trace:
            run_virtual(main)
    finally:
        gc.enable()
    assert trace.faults == []


def test_a_worker_that_opens_thousands_keeps_its_events(record: Any) -> None:
    kept: list[Any] = []

    async def main() -> None:
        for _ in range(TOLD_LIMIT + 20):
            HERE.open("rb").close()
        kept.append(HERE.open("rb"))
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    kept.pop().close()
    unit = trace.one("task main")
    assert (len(taken(unit)), len(given_back(unit))) == (TOLD_LIMIT + 1, TOLD_LIMIT)
    assert unit.attributes["pairs_left_out"] == 20
    assert taken(unit)[-1].time_ns == unit.start_ns


def test_everything_is_put_back_by_identity(record: Any) -> None:
    def originals() -> list[Any]:
        return [builtins.open, io.open, *(vars(socket.socket).get(name) for name in ("__init__", "_real_close", "detach"))]

    before = originals()
    with record():
        assert all(now is not original for now, original in zip(originals(), before, strict=True))
    assert originals() == before
