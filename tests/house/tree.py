"""The files of the repository, as the tests of the house look at them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ROOMS = ("instrument", "analyzers", "scenarios")
"""The folders at the top level that are installed below `spanproof`."""

MADE_BY_TOOLS = {".git", ".venvs", ".venv", "__pycache__", "build", "dist", "htmlcov"}


def committed_files() -> list[Path]:
    """Every file that is, or would be, committed: no caches, no virtual environments, no recordings, no symlinks.

    Read from the folder, not from git, so that a copy without `.git` is tested as well.
    """
    found: list[Path] = []
    for folder, names, files in os.walk(ROOT):
        here = Path(folder)
        names[:] = [n for n in names if n not in MADE_BY_TOOLS and not n.endswith(("_cache", ".egg-info")) and not (here / n).is_symlink()]
        if here == ROOT:
            names[:] = [n for n in names if n != ".hypothesis"]
        if here == ROOT / "traces":
            names[:] = [n for n in names if n == "golden"]
            files[:] = [f for f in files if f == "README.md"]
        found += [here / f for f in files if not f.startswith(".coverage")]
    return sorted(found)


def room_files(room: str, *suffixes: str) -> list[Path]:
    """The files of a room (or of `spanproof` itself); those that end in one of the suffixes, if any is given."""
    return [p for p in committed_files() if p.relative_to(ROOT).parts[0] == room and (not suffixes or p.suffix in suffixes)]


def named(path: Path) -> str:
    """The path as people write it: from the root of the repository, with slashes."""
    return path.relative_to(ROOT).as_posix()
