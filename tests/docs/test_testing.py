"""The examples of the page about tests are tests that pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

MAIN = """
import asyncio
import spanproof

async def main():
    task = asyncio.create_task(asyncio.sleep(0))
    await asyncio.wait_for(task, 5)
"""


@pytest.mark.realtime
def test_the_examples_pass(run_python: RunPython, checkout: Path, tmp_path: Path) -> None:
    page = (checkout / "docs" / "how-to" / "test.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "test_page.py").write_text("\n".join([MAIN, *examples]), encoding="utf-8")
    ran = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py")
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout
