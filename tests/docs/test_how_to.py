"""The queries of the how-to page run on a recording."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

PROGRAM = """
import asyncio

async def main() -> None:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.create_task(asyncio.sleep(10))
    except TimeoutError:
        pass

asyncio.run(main())
"""


def commands(checkout: Path, page: str) -> list[list[str]]:
    """The `spanproof query -c` commands on a page, as lists of arguments."""
    text = (checkout / "docs" / "how-to" / page).read_text(encoding="utf-8")
    return [shlex.split(line)[1:] for line in re.findall(r"^    (spanproof query -c .*)$", text, flags=re.MULTILINE)]


@pytest.mark.realtime
def test_the_queries_run(run_python: RunPython, checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM, encoding="utf-8")
    assert run_python("-m", "spanproof", "trace", "app.py").returncode == 0
    asked = commands(checkout, "query.md")
    assert len(asked) >= 3
    for arguments in asked:
        result = run_python("-m", "spanproof", *arguments)
        assert result.returncode == 0, f"{arguments}\n{result.stderr}"
