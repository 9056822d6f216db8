"""What only a real clock shows: a task that blocks its loop, is named, and is told as the cause of the deadline that it made late."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import check
from spanproof.instrument import session

if TYPE_CHECKING:
    from pathlib import Path

    from .shapes import Program


async def hog() -> None:
    await asyncio.sleep(0.02)
    time.sleep(0.4)  # noqa: ASYNC251 - the planted fault


async def patient() -> None:
    await asyncio.sleep(0.02)
    await asyncio.to_thread(time.sleep, 0.4)


async def with_a_deadline(work: Program) -> None:
    task = asyncio.create_task(work())
    try:
        async with asyncio.timeout(0.1):
            await asyncio.sleep(5)
    except TimeoutError:
        await task


def findings(work: Program, folder: Path) -> dict[str, tuple[str, list[Any]]]:
    """By criterion its verdict and its violations."""
    with session(folder, name="real") as attached:
        asyncio.run(with_a_deadline(work))
    assert attached.path is not None
    return {each["id"]: (each["verdict"], each["violations"]) for each in check([attached.path]).to_dict()["criteria"]}


@pytest.mark.parametrize(("work", "word"), [(hog, "violated"), (patient, "holds")])
def test_who_blocks_the_loop(work: Program, word: str, tmp_path: Path) -> None:
    found = findings(work, tmp_path / "0")
    for attempt in range(1, 5):
        if found["T03"][0] != "unknown" and found["D01"][0] != "unknown":  # the machine itself stood still
            break
        found = findings(work, tmp_path / str(attempt))
    assert found["D01"][0] == word
    # Without a stretch of 5 ms there is nothing to judge.
    assert found["T03"][0] in {word, "not_exercised" if work is patient else word}
    if work is hog:
        ((blocked,), (late,)) = found["T03"][1], found["D01"][1]
        assert blocked["subject"] == "task hog"
        assert "in hog at test_loop_blocked_real_time.py:22" in blocked["message"]
        assert late["implied_by"] == blocked["fingerprint"]
