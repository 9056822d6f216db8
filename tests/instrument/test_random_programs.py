"""Random asyncio programs: what was recorded must equal the book that each program keeps by hand."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from .random_bodies import body_of, smallest
from .random_programs import Body, Program
from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Generator

    from .random_books import UnitBook

PROGRAMS = 120
"""Programs of one test; thousands more were run while it was written."""


@pytest.fixture(autouse=True)
def _quiet_asyncio() -> Generator[None]:
    # Programs fail on purpose, and nobody looks at what their tasks raised.
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def booked(unit: UnitBook) -> dict[str, Any]:
    return {
        "ran": unit.started,
        "outcome": unit.outcome,
        "deliveries": [(round(time, 3), count) for time, count in unit.deliveries],
        "swallowed": unit.swallowed,
    }


def recorded_of(unit: Any, start_ns: int) -> dict[str, Any]:
    swallowed = unit.of("cancel.swallowed")
    return {
        "ran": unit.ran,
        "outcome": unit.outcome,
        "deliveries": [
            (round((event.time_ns - start_ns) / 1e9, 3), len(event["delivery.requests"])) for event in unit.of("cancel.delivered")
        ],
        "swallowed": swallowed[0]["swallowed.how"] if swallowed else None,
    }


def compare(record: Any, body: Body, *, eager: bool = False) -> int:
    """Run a program both ways of keeping book; returns how many deliveries there were."""
    program = Program(body, eager=eager)
    with record() as trace:
        run_virtual(program.main)
    assert trace.faults == []
    if program.undecided:
        # 3.11: two tasks at once in one book, and in one unit of the trace.
        return 0
    start_ns = trace.one("task Program.main").start_ns
    tasks = [unit for unit in trace.units if unit.kind == "task" and unit.name != "task Program.main"]
    scopes = [unit for unit in trace.units if unit.kind == "scope"]
    seen = {unit.name.removeprefix("task "): recorded_of(unit, start_ns) for unit in tasks}
    seen |= {f"s{number}": recorded_of(unit, start_ns) for number, unit in enumerate(scopes)}
    kept = {unit.name: booked(unit) for unit in (*program.tasks, *program.scopes) if unit.created}
    assert seen == kept
    return sum(len(unit["deliveries"]) for unit in kept.values())


def run_all(record: Any, *, eager: bool) -> None:
    def fails(body: Body) -> bool:
        try:
            compare(record, body, eager=eager)
        except AssertionError:
            return True
        return False

    deliveries = 0
    for number in range(PROGRAMS):
        body = body_of(Random(f"{eager}-{number}"))
        try:
            deliveries += compare(record, body, eager=eager)
        except AssertionError:
            small = smallest(body, fails)
            print("the smallest program that fails:", small)
            compare(record, small, eager=eager)
            raise
    assert deliveries > PROGRAMS


def test_what_is_recorded_is_what_happened(record: Any) -> None:
    run_all(record, eager=False)


@pytest.mark.python(">=3.12")  # tasks cannot start eagerly
def test_and_with_eager_tasks(record: Any) -> None:
    run_all(record, eager=True)
