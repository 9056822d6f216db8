"""What all tests share: the same surroundings on every machine, and the way to run Python as a user would."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import settings
from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from collections.abc import Generator

# Reproducible, and without a time limit an example: on a busy machine every example is slow at some time.
settings.register_profile("house", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("house")

CHECKOUT = Path(__file__).resolve().parents[1]

# What a developer may have set, and what would change a test's result.
FOREIGN_PREFIXES = ("SPANPROOF_", "OTEL_")
FOREIGN_NAMES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONWARNINGS",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about another Python (`@pytest.mark.python(">=3.12")`): nothing is missing, so nothing is skipped."""
    here = platform.python_version()
    others = [item for item in items for mark in item.iter_markers("python") if here not in SpecifierSet(mark.args[0])]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


class RunPython(Protocol):
    """Run `python ARGUMENTS...` in a process of its own; the text of stdout and stderr comes with the result."""

    def __call__(
        self, *arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(autouse=True)
def _same_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the caller's settings; a test that wants one sets it."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) or name in FOREIGN_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root folder of the repository."""
    return CHECKOUT


@pytest.fixture
def guarded() -> Generator[Path]:
    """A folder in which rights count, whoever runs the tests: the superuser becomes nobody for the length of the test."""
    folder = Path(tempfile.mkdtemp(prefix="rights-"))
    folder.chmod(0o755)
    superuser = os.geteuid() == 0
    try:
        (folder / "closed").mkdir(mode=0)
        (folder / "closed.py").write_text("print('ran')\n", encoding="utf-8")
        (folder / "closed.py").chmod(0)
        if superuser:
            os.seteuid(65534)
        yield folder
    finally:
        if superuser:
            os.seteuid(0)
        (folder / "closed").chmod(0o700)
        shutil.rmtree(folder)


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """The interpreter that runs the tests, started in an empty folder unless `cwd` says otherwise."""

    def run(
        *arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
