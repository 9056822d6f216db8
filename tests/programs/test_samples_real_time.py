"""What only a real clock shows: what a timeout costs, and how long it takes until all of many are told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import check
from spanproof.instrument import session
from spanproof.instrument.rounds import Rounds

if TYPE_CHECKING:
    from pathlib import Path

    from .shapes import Program

CALLS = 60


async def all_at_once(unwinding_s: float) -> None:
    """Calls of one deadline; each keeps the loop busy for so long when it is cut."""

    async def call() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                try:
                    await asyncio.sleep(60)
                finally:
                    time.sleep(unwinding_s)  # noqa: ASYNC251 - the planted fault

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLS):
            group.create_task(call())


async def take_turns() -> None:
    await all_at_once(0.015)


async def are_told_together() -> None:
    await all_at_once(0)


async def paired(arming_s: float) -> None:
    """The same with and without a timeout, which takes so long to arm."""
    rounds = Rounds("arm")
    for number in range(20):
        for armed in (False, True) if number % 2 else (True, False):
            begin = time.perf_counter()
            if armed:
                time.sleep(arming_s)  # noqa: ASYNC251 - the planted fault
                async with asyncio.timeout(1):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(0)
            rounds.sample(time.perf_counter() - begin, armed=armed)


async def arms_slowly() -> None:
    await paired(0.003)


async def arms_fast() -> None:
    await paired(0)


@pytest.mark.parametrize(
    ("program", "criterion", "word"),
    [(take_turns, "T02", "violated"), (are_told_together, "T02", "holds"), (arms_slowly, "T01", "violated"), (arms_fast, "T01", "holds")],
)
def test_what_a_real_clock_shows(program: Program, criterion: str, word: str, tmp_path: Path) -> None:
    found = verdict(program, criterion, tmp_path / "0")
    for attempt in range(1, 5):
        if found not in ("unknown", "not_exercised"):  # the machine itself stood still, or was too busy to start all together
            break
        found = verdict(program, criterion, tmp_path / str(attempt))
    assert found == word


def verdict(program: Program, criterion: str, folder: Path) -> str:
    """What a criterion says of a program that runs in real time."""
    with session(folder, name="real") as attached:
        asyncio.run(program())
    assert attached.path is not None
    return str(next(each["verdict"] for each in check([attached.path]).to_dict()["criteria"] if each["id"] == criterion))
