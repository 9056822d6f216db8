"""What only a real clock shows: a scope of anyio's that blocking code keeps from its deadline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from spanproof.analyzers import check
from spanproof.instrument import session

if TYPE_CHECKING:
    from pathlib import Path

    from .shapes import Program


async def blocks() -> None:
    with anyio.move_on_after(0.05):
        time.sleep(0.4)  # noqa: ASYNC251 - the planted fault
        await anyio.sleep(1)


async def waits() -> None:
    with anyio.move_on_after(0.05):
        await asyncio.to_thread(time.sleep, 0.4)


def verdict(program: Program, folder: Path) -> tuple[str, list[str]]:
    """The verdict of D01 on a program, and the subjects that violate it."""
    with session(folder, name="real") as attached:
        asyncio.run(program())
    assert attached.path is not None
    (found,) = [criterion for criterion in check([attached.path]).to_dict()["criteria"] if criterion["id"] == "D01"]
    return found["verdict"], [violation["subject"] for violation in found["violations"]]


@pytest.mark.parametrize(("program", "word", "subjects"), [(blocks, "violated", "timeout blocks"), (waits, "holds", "")])
def test_a_deadline_under_blocking_code(program: Program, word: str, subjects: str, tmp_path: Path) -> None:
    found = verdict(program, tmp_path / "0")
    for attempt in range(1, 5):
        if found[0] != "unknown":  # the machine itself stood still
            break
        found = verdict(program, tmp_path / str(attempt))
    assert found == (word, [subjects] if subjects else [])
