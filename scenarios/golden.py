"""Records the traces of `traces/golden/`: small, from real runs, and without a path of the machine that ran them.

    python -m spanproof.scenarios.golden traces/golden

A recording names the source files that it saw. So that they are the same on every machine, the programs are run from a neutral place: a
copy of our package and of the library below one fixed folder. What is then recorded is kept byte for byte; a trace that was touched
afterwards would prove nothing.

Record them again when the trace format gets another version; the tests compare what they are judged to be, not their bytes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .discovery import HOME
from .result import Job
from .runner import run_many

if TYPE_CHECKING:
    from collections.abc import Generator

    from .loops import Clock
    from .result import RunResult

GOLDEN: Final[tuple[tuple[str, str, Clock], ...]] = (
    ("baseline/no_timeout", "timeout_of_a_client", "virtual"),
    ("baseline/simple_timeout", "swallowed", "virtual"),
    ("baseline/simple_timeout", "timeout", "real"),
    ("propagation/fan_out_fan_in", "some_time_out", "virtual"),
    ("propagation/parallel_cancellation", "outside", "virtual"),
    ("propagation/parallel_cancellation", "raised", "virtual"),
    ("propagation/parallel_cancellation", "timeout", "real"),
    ("propagation/parallel_cancellation", "timeout", "virtual"),
    ("propagation/subpipeline_cancellation", "timeout", "virtual"),
)
"""Scenario, variant and clock of each."""

NEUTRAL: Final = Path("/tmp/spanproof-golden")  # noqa: S108  # never reused: mkdir fails when it is there
"""Where they are run from. It has to be one and the same folder everywhere, so it is no random one."""


def record(folder: Path, neutral: Path = NEUTRAL) -> list[Path]:
    """Run them and put their traces into the folder, each under a name without time and process id. Returns the files.

    Args:
        folder: where the traces go; those of the same names are replaced.
        neutral: folder to run from; it is made, and removed at the end.

    Raises:
        FileExistsError: the neutral folder is there already: another recording is under way, or was killed. Remove it.
        RuntimeError: a run did not come to its end.
    """
    with _installed_in(neutral):
        jobs = [Job(HOME, scenario, variant, clock, out=neutral / "out") for scenario, variant, clock in GOLDEN]
        return [_keep(result, folder) for result in run_many(jobs)]


@contextlib.contextmanager
def _installed_in(neutral: Path) -> Generator[None]:
    """Our package and the library, installed in a neutral place, for the processes that are started meanwhile."""
    neutral.mkdir()
    # The recorder tells a library from a program by this name.
    site = neutral / "site-packages"
    try:
        for name in (HOME.partition(".")[0], "stageflow"):
            shutil.copytree(_home_of(name), site / name, ignore=shutil.ignore_patterns("__pycache__"))
        sys.path.insert(0, str(site))
        try:
            yield
        finally:
            sys.path.remove(str(site))
    finally:
        shutil.rmtree(neutral)


def _home_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed, and a golden trace is recorded with it.", name=package)
    return Path(spec.origin).parent


def _keep(result: RunResult, folder: Path) -> Path:
    if result.status != "ran" or result.trace is None:
        raise RuntimeError(f"{result.job.name}: {result.status}: {result.error}")
    job = result.job
    return shutil.copyfile(result.trace, folder / f"{job.scenario.rpartition('/')[2]}.{job.variant}.{job.clock}.json")


if __name__ == "__main__":
    for path in record(Path(sys.argv[1] if len(sys.argv) > 1 else "traces/golden")):
        print(path)
