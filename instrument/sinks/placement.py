"""Where a recording's files go, how they are called, and which recording is the newest."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .base import warn as print_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ROOT_VARIABLE = "SPANPROOF_TRACES"
"""Environment variable that names the folder for recordings."""

LAST_RUN = ".last-run.json"
"""File in the root that names the newest recording: `recording_id`, `files` (relative to the root), `started`."""

_NAME_LIMIT = 80
_LOCK_TRIES = 20
_LOCK_PAUSE_S = 0.005


def root_for(out: str | Path | None = None, warn: Callable[[str], None] = print_warning) -> Path:
    """The folder that recordings go to, absolute; it need not exist.

    `out`, else the environment's SPANPROOF_TRACES, else `[tool.spanproof] traces` of the nearest `pyproject.toml` upward
    (relative to that file), else `./traces`.
    """
    named = out or os.environ.get(ROOT_VARIABLE)
    if named:
        return Path(os.path.abspath(os.path.expanduser(named)))  # noqa: PTH100, PTH111 - resolve() would follow links
    here = Path.cwd()
    for folder in (here, *here.parents):
        project = folder / "pyproject.toml"
        if project.is_file():
            configured = _configured(project, warn)
            if configured is not None:
                return Path(os.path.abspath(folder / Path(configured).expanduser()))  # noqa: PTH100
            break
    return here / "traces"


def _configured(project: Path, warn: Callable[[str], None]) -> str | None:
    try:
        tool: dict[str, Any] = tomllib.loads(project.read_text("utf-8")).get("tool", {})
        value: object = tool.get("spanproof", {}).get("traces")
    except (OSError, ValueError, AttributeError) as error:
        warn(f"{project} cannot be read ({error}); recording into ./traces")
        return None
    if value is None or (isinstance(value, str) and value):
        return value
    warn(f"{project}: [tool.spanproof] traces must be the path of a folder, got {value!r}; recording into ./traces")
    return None


def make_root(root: Path) -> None:
    """Make sure that the folder is there. One that we make ignores itself in git. Raises OSError."""
    try:
        root.mkdir(parents=True)
    except FileExistsError:
        if root.is_dir():
            return
        raise
    with contextlib.suppress(OSError):  # without it git sees the files; no reason to lose the recording
        (root / ".gitignore").write_text("*\n", "utf-8")


def create(root: Path, name: str) -> tuple[Path, int]:
    """Create a new file `<name>-<time in UTC>-<pid>.json`; returns its path and descriptor. Never an existing one. Raises OSError."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:_NAME_LIMIT] or "recording"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    while True:
        make_root(root)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = root / f"{clean}-{stamp}-{os.getpid()}.json"
        try:
            return path, os.open(path, flags, 0o644)
        except FileExistsError:
            time.sleep(0.000_001)  # the same microsecond: take the next one


def create_somewhere(root: Path, name: str, warn: Callable[[str], None]) -> tuple[Path, int]:
    """As `create`, in a new temporary folder when the root cannot be written; says so once. Raises OSError when that fails too."""
    try:
        return create(root, name)
    except OSError as error:
        folder = Path(tempfile.mkdtemp(prefix="spanproof-"))
        try:
            path, descriptor = create(folder, name)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise
        warn(
            f"cannot write to {root} ({error.strerror or error}); recording into {path.parent}. "
            f"Choose a folder with --out or {ROOT_VARIABLE}"
        )
        return path, descriptor


def note_last_run(root: Path, recording_id: str, *, add: str | None = None, drop: str | None = None, begin: bool = False) -> None:
    """Keep `.last-run.json` up to date: `add` or `drop` a file name of this recording.

    `begin` makes this recording the newest one; otherwise nothing is touched when another one has become the newest. Files of
    one recording in several processes come together. Raises OSError.
    """
    with _locked(root):
        noted = _read_last_run(root)
        same = noted.get("recording_id") == recording_id
        if not same and not begin:
            return
        files: list[str] = list(noted["files"]) if same else []
        if drop in files:
            files.remove(drop)
        if add is not None and add not in files:
            files.append(add)
        started = noted["started"] if same else datetime.now(UTC).isoformat()
        text = json.dumps({"recording_id": recording_id, "files": files, "started": started}) + "\n"
        draft = root / f"{LAST_RUN}.{os.getpid()}.tmp"
        try:
            draft.write_text(text, "utf-8")
            draft.replace(root / LAST_RUN)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise


def files_of(root: Path, recording_id: str) -> list[Path]:
    """The files of this recording that are there, those of child processes too; empty when another one has become the newest."""
    noted = _read_last_run(root)
    if noted.get("recording_id") != recording_id:
        return []
    return [root / name for name in noted["files"] if (root / name).is_file()]


def _read_last_run(root: Path) -> dict[str, Any]:
    try:
        noted: Any = json.loads((root / LAST_RUN).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if isinstance(noted, dict) and isinstance(noted.get("files"), list) and "started" in noted:  # pyright: ignore[reportUnknownMemberType]
        return cast("dict[str, Any]", noted)
    return {}


@contextlib.contextmanager
def _locked(root: Path) -> Generator[None]:
    """Hold the root's lock, for a tenth of a second at most; a file system without locks is no reason to stop."""
    if sys.platform == "win32":  # two processes of one recording may miss each other's file name there
        yield
        return
    import fcntl

    descriptor = os.open(root, os.O_RDONLY)
    try:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_S)
            except OSError:
                break
        yield
    finally:
        os.close(descriptor)
