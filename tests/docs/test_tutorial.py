"""The tutorial, done as it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.conftest import RunPython

PAGE = "docs/tutorial/first-recording.md"


def block(checkout: Path, language: str) -> str:
    """The first code block of that language on the page."""
    found = re.search(rf"^```{language}\n(.*?)^```", (checkout / PAGE).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"{PAGE} has no block of {language}"
    return found[1]


@pytest.fixture
def program(checkout: Path, tmp_path: Path) -> Path:
    """The page's program, in an empty folder."""
    path = tmp_path / "order.py"
    path.write_text(block(checkout, "python"), encoding="utf-8")
    return path


@pytest.fixture
def spanproof(run_python: RunPython, program: Path) -> SpanproofIn:
    """The command, in the folder of the program."""
    return SpanproofIn(run_python, program.parent)


class SpanproofIn:
    """Runs `spanproof ARGUMENTS...` in a folder."""

    def __init__(self, run_python: RunPython, folder: Path) -> None:
        self.run_python = run_python
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it; the result has the texts and the exit status."""
        return self.run_python("-m", "spanproof", *arguments, cwd=self.folder)


@pytest.mark.realtime
def test_the_program_prints_what_the_page_says(run_python: RunPython, checkout: Path, program: Path) -> None:
    assert run_python(str(program), cwd=program.parent).stdout == block(checkout, "text")


@pytest.mark.realtime
def test_the_orphan_is_found_and_mending_helps(spanproof: SpanproofIn) -> None:
    traced = spanproof("trace", "order.py")
    assert (traced.returncode, traced.stdout.splitlines()[-1]) == (0, "stock is done"), traced.stderr
    assert "spanproof check" in traced.stderr.splitlines()[-1]
    found = spanproof("check")
    assert found.returncode == 1, found.stderr
    assert "P04" in found.stdout
    assert "stage 'stock' was at work when its run was aborted" in " ".join(found.stdout.split())
    assert "stage stock" in spanproof("query", "-c", "select name, outcome from units where unit = 'stage' order by start_seq").stdout
    for command in (["explain", "P04"], ["show"]):
        assert spanproof(*command).returncode == 0

    mended = spanproof("trace", "order.py", "mended")
    assert mended.returncode == 0, mended.stderr
    assert "stock is done" not in mended.stdout
    assert "R03" in spanproof("check").stdout
    clean = spanproof("check", "--ignore", "R03")
    assert clean.returncode == 0, clean.stdout + clean.stderr
