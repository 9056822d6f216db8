"""Rounds: what a measurement counts, what it leaves out, and that it does nothing without a recording."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

import pytest

from spanproof.instrument.rounds import Rounds, memory_bytes, open_descriptors

from .running import run_virtual


class Thing:
    """Something that can be watched."""


def rounds_of(trace: Any) -> list[dict[str, Any]]:
    """The attributes of each round, in order."""
    return [event.attributes for unit in trace.units for event in unit.events if event.name == "round"]


def test_without_a_recording_nothing_is_measured_and_nothing_kept() -> None:
    rounds = Rounds("alone")

    async def main() -> None:
        thing = Thing()
        rounds.watch(thing)
        coroutine = rounds.over()
        with pytest.raises(StopIteration):  # not a single step of the loop
            coroutine.send(None)
        rounds.sample(0.1, armed=True)

    asyncio.run(main())


def test_what_cannot_be_referred_to_weakly_cannot_be_watched() -> None:
    with pytest.raises(TypeError):
        Rounds("numbers").watch(1)


def test_a_round_tells_what_is_alive_and_open(record: Any) -> None:
    async def main() -> None:
        rounds = Rounds("all")
        kept, dropped = Thing(), Thing()
        rounds.watch(kept, dropped)
        del dropped
        await rounds.over()
        pipe = os.pipe()
        await rounds.over()
        for descriptor in pipe:
            os.close(descriptor)
        rounds.sample(0.002, armed=True)
        del kept

    with record() as trace:
        run_virtual(main)
    first, second, third = rounds_of(trace)
    assert (first["round.watched"], first["round.alive"]) == (2, 1)
    assert "round.watched" not in second
    assert second["round.descriptors"] == first["round.descriptors"] + 2
    assert first["round.memory_bytes"] > 1_000_000
    assert (third["round.took_ns"], third["round.armed"]) == (2_000_000, True)


def test_memory_is_what_objects_take_and_not_what_the_recorder_keeps(record: Any) -> None:
    """Texts in a list count, also those that the collector does not know; a thousand records on a unit do not.

    What else runs in this process (the test runner, what earlier tests left to its threads) takes and gives memory too: one quiet
    moment in several is enough.
    """
    found: list[tuple[int, int]] = []

    def measured() -> int:
        gc.collect()
        memory = memory_bytes()
        assert memory is not None
        return memory

    async def main() -> None:
        samples = Rounds("records")
        for _ in range(6):
            begin = measured()
            for _ in range(1_000):
                samples.sample(0.1, armed=True)
            after_records = measured()
            kept = [bytes(1_000_000)]
            after_bytes = measured()
            found.append((after_records - begin, after_bytes - after_records))
            assert kept

    with record():
        run_virtual(main)
    # The records take some 500 bytes each.
    assert min(abs(records) for records, _ in found) < 50_000, found
    assert min(abs(texts - 1_000_000) for _, texts in found) < 50_000, found


def test_descriptors_are_counted() -> None:
    before = open_descriptors()
    pipe = os.pipe()
    try:
        assert before is not None
        assert open_descriptors() == before + 2
    finally:
        for descriptor in pipe:
            os.close(descriptor)


def test_a_measurement_is_not_taken_for_a_loop_that_stood_still(record: Any) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        await Rounds("real").over()

    with record() as trace:
        asyncio.run(main())
    assert len(rounds_of(trace)) == 1
    blocked = [event["blocked.duration_ns"] for unit in trace.units for event in unit.events if event.name == "loop.blocked"]
    assert max(blocked, default=0) < 100_000_000
