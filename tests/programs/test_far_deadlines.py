"""Deadlines that nobody lives to see: they are armed, and no arithmetic on them fails."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

import spanproof

if TYPE_CHECKING:
    from pathlib import Path

FAR = (1e10, 1e15, float(sys.maxsize), 1e300)


@pytest.mark.parametrize("timeout", FAR)
def test_a_timeout_of_ages_is_armed(tmp_path: Path, timeout: float) -> None:
    async def waits() -> None:
        async with asyncio.timeout(timeout):
            await asyncio.wait_for(asyncio.sleep(0.01), timeout)

    async def main() -> None:
        async with asyncio.timeout(60):
            await waits()

    with spanproof.session(tmp_path) as session:
        asyncio.run(main())
    assert session.path is not None
    report = spanproof.check([session.path])
    # A deadline beyond that of what is around it is worth a remark, and nothing else is found.
    assert {finding.criterion for finding in report.findings} <= {"D03"}
    assert [result.header.id for result in report if "could not be run" in str(result.reason)] == []
    con = spanproof.load([session.path])
    armed = con.execute("select count(*), count(at_ns) from deadlines").fetchone()
    con.close()
    assert armed == (3, 3)
