"""`spanproof doctor`: what is in place, and what a recording made here could not see."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from .. import __version__, config, terminal
from ..instrument.stageflow import KNOWN_VERSIONS
from . import failure, wording
from .options import Quiet

LIBRARIES: Final = ("stageflow-core", "duckdb", "opentelemetry-api", "opentelemetry-sdk", "orjson", "rich", "typer")

LITTLE_SPACE: Final = 512 * 1024 * 1024
"""Free bytes below which a long recording may fill the disk."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `bad` keeps something from working; `note` limits it."""

    what: str
    found: str
    state: Literal["good", "note", "bad"] = "good"


def doctor(quiet: Quiet = False) -> int:
    """Look at this installation and its settings.

    Versions, what the recorder can see here, folders, where settings come from. Exit 2 when something is missing.

    \b
    Example:
      spanproof doctor
    """
    from rich.table import Table
    from rich.text import Text

    signs = {"good": (terminal.HOLDS, "green"), "note": ("!", "yellow"), "bad": (terminal.VIOLATED, "red")}
    checks = list(examine())
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        sign, style = signs[check.state]
        table.add_row(Text(sign, style=style), check.what, check.found)
    terminal.show(table)
    return failure.UNUSABLE if any(check.state == "bad" for check in checks) else 0


def examine() -> Iterator[Check]:
    """Everything that is looked at, in the order in which it is told."""
    yield _python()
    yield Check("spanproof", f"{__version__}, in {Path(__file__).parents[1]}")
    for name in LIBRARIES:
        yield _library(name)
    yield _delivery()
    try:
        settings = config.resolve()
    except config.ConfigError as error:
        yield Check("settings", str(error), "bad")
        settings = config.Settings()
    yield from _settings(settings)
    yield _folder(settings.traces)


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if sys.implementation.name != "cpython":
        return Check("Python", f"{found}. Recording was tried on CPython only.", "note")
    return Check("Python", found)


def _library(name: str) -> Check:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, f"not installed. {sys.executable} -m pip install {name}", "bad")
    if name == "stageflow-core" and version not in KNOWN_VERSIONS:
        return Check(name, f"{version}; this build knows {', '.join(KNOWN_VERSIONS)}. The seams of a recording say which held.", "note")
    return Check(name, version)


def _delivery() -> Check:
    """How deliveries of CancelledError are seen here: `sys.monitoring` needs one of its six tool ids."""
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        return Check("delivery", "coroutine probe (sys.monitoring begins with Python 3.12)")
    holders: dict[int, str | None] = {number: monitoring.get_tool(number) for number in range(6)}
    free = [number for number, holder in holders.items() if holder is None]
    if free:
        return Check("delivery", f"sys.monitoring, {wording.count(len(free), 'free tool id')}")
    return Check("delivery", f"coroutine probe: all tool ids are taken ({', '.join(str(holder) for holder in holders.values())})", "note")


def _settings(settings: config.Settings) -> Iterator[Check]:
    changed = {name: origin for name, origin in settings.origins.items() if origin != "default"}
    file = config.nearest_pyproject(Path.cwd())
    yield Check("pyproject.toml", str(file) if file else "none from here upward")
    for name, origin in sorted(changed.items()):
        yield Check(f"  {name.replace('_', '-')}", f"{_value(getattr(settings, name))} (from {origin})")


def _value(value: object) -> str:
    """A setting as it would be written on the command line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={number}" for key, number in cast("Mapping[str, object]", value).items())
    return ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else str(value)


def _folder(folder: Path) -> Check:
    """Whether recordings can be written, tried with a file, for rights alone do not tell (read-only mounts, quotas)."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        return Check("traces", f"{folder}: {existing} is not a folder. Choose another with --out or SPANPROOF_TRACES.", "bad")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        place = tempfile.gettempdir()
        return Check("traces", f"{folder}: not writable ({error.strerror}); recordings would go to {place}{os.sep}", "note")
    free = shutil.disk_usage(existing).free
    found = f"{folder} ({'exists' if folder.exists() else 'will be made'}, {wording.size(free)} free)"
    return Check("traces", found, "note" if free < LITTLE_SPACE else "good")
