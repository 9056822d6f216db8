"""`spanproof.heartbeat`: what it writes, on which unit, and what it refuses."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from spanproof import instrument

from .running import run_virtual
from .test_stageflow import MS

BAD: list[tuple[Any, type[Exception], str]] = [
    ("5", TypeError, r"heartbeat\(timeout='5'\): expected seconds as a number, or None, got str"),
    (True, TypeError, r"heartbeat\(timeout=True\): expected seconds as a number, or None, got bool"),
    (0, ValueError, r"heartbeat\(timeout=0\): expected seconds above 0 and at most 1,000,000,000; leave it out to say nothing of it"),
    (-1.5, ValueError, r"heartbeat\(timeout=-1.5\): expected seconds above 0"),
    (math.inf, ValueError, r"heartbeat\(timeout=inf\): expected seconds above 0 and at most"),
    (math.nan, ValueError, r"heartbeat\(timeout=nan\): expected seconds above 0"),
]


def test_what_is_declared(record: Any) -> None:
    async def main() -> None:
        instrument.heartbeat()
        instrument.heartbeat(None)
        async with asyncio.timeout(5):
            instrument.heartbeat(timeout=2)
            await asyncio.sleep(1)
            instrument.heartbeat(0.25)
        instrument.heartbeat(1e-12)

    with record() as trace:
        run_virtual(main)
    told = {unit.name: [event.get("heartbeat.timeout_ns") for event in unit.of("heartbeat")] for unit in trace.units}
    assert told["timeout main"] == [2000 * MS, 250 * MS]
    assert told["task main"] == [None, None, 1]
    first, second = trace.one("timeout main").of("heartbeat")
    assert second.time_ns - first.time_ns == 1000 * MS
    assert trace.faults == []


@pytest.mark.parametrize(("value", "error", "message"), BAD)
def test_a_wrong_value_is_refused_with_and_without_a_recording(record: Any, value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        instrument.heartbeat(value)

    async def main() -> None:
        with pytest.raises(error, match=message):
            instrument.heartbeat(timeout=value)

    with record() as trace:
        run_virtual(main)
    assert [event.name for unit in trace.units for event in unit.events if event.name == "heartbeat"] == []


def test_a_right_value_without_a_recording_does_nothing() -> None:
    instrument.heartbeat(timeout=5)
