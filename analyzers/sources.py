"""Finds the files that a PATH on the command line means."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import InputError
from .read.formats.parquet import Parquet, is_ours
from .read.opened import STDIN, opened
from .read.recognise import look
from .read.shapes import is_list, is_map
from .remote.source import OnJaeger, on_jaeger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LAST_RUN: Final = ".last-run.json"
"""In the root of the traces: names the files of the newest recording, relative to the root."""

GOLDEN: Final = "golden"
"""Folders of this name hold committed examples, which nobody means by `traces/`; they are skipped unless named."""

_NEXT: Final = "Give a trace file, a folder with traces, a glob, `-` for standard input, or jaeger://HOST:PORT/ID."
_RECORD: Final = "Record one with `spanproof run NAME` or `spanproof trace SCRIPT`, or name a trace file."
_JSON_NAMES: Final = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")


def default_root() -> Path:
    """Where traces are when nobody said it: `SPANPROOF_TRACES`, else `./traces`."""
    return Path(os.environ.get("SPANPROOF_TRACES") or "traces")


def find(paths: Sequence[str | Path], *, root: Path) -> list[Path | OnJaeger]:
    """The sources that `paths` mean, each once, in the order given; without any, the files of the newest recording below `root`.

    A path is a file, a folder (walked, hidden files and `golden` left out), a glob (expanded here, `**` too), the address of a trace on a
    Jaeger (`jaeger://HOST:PORT/ID`), or `-`, standard input, which stays `Path("-")`. From folders and globs only what is a trace by its
    content is taken, and what may be a damaged one.

    Raises:
        InputError: a path means no file.
    """
    if not paths:
        return list(_newest(root))
    found: dict[str, Path | OnJaeger] = {}
    for path in paths:
        remote = on_jaeger(str(path))
        if remote is not None:
            found.setdefault(remote.address, remote)
            continue
        for file in _meant(str(path)):
            found.setdefault(os.path.realpath(file) if str(file) != STDIN else STDIN, file)
    return list(found.values())


def _meant(path: str) -> list[Path]:
    if path == STDIN:
        return [Path(path)]
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path's, it takes a name that is too long, or has a zero byte
        return _folder(path)
    if os.path.exists(path):  # noqa: PTH110 - likewise
        return [Path(path)]
    if glob.has_magic(path):
        return _glob(path)
    if os.path.lexists(path):
        raise InputError(f"{path}: a link to a file that does not exist. {_NEXT}")
    raise InputError(f"{path!r}: no such file or folder. {_NEXT}")


def _folder(path: str) -> list[Path]:
    files = _candidates(_walk(path, golden_too=False))
    if not files:
        where = f" (folders called {GOLDEN!r} are skipped unless named)" if _has_golden(path) else ""
        raise InputError(f"{path}: a folder without traces{where}. {_RECORD}")
    return files


def _glob(pattern: str) -> list[Path]:
    golden_too = GOLDEN in Path(pattern).parts
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    files: list[Path] = []
    for match in matches:
        if Path(match).is_dir():
            files += _walk(match, golden_too=golden_too)
        elif golden_too or GOLDEN not in Path(match).parts:
            files.append(Path(match))
    candidates = _candidates(files)
    if not candidates:
        what = f"matches {len(matches)} files, none of them a trace" if matches else "matches no file"
        raise InputError(f"{pattern!r}: {what}. {_NEXT}")
    return candidates


def _walk(top: str, *, golden_too: bool) -> Iterator[Path]:
    """The files below a folder, sorted, hidden ones left out.

    Raises:
        InputError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror}). Change its permissions, or name the files.")

    for folder, folders, files in os.walk(top, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and (golden_too or name != GOLDEN))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(folder, name)


def _has_golden(path: str) -> bool:
    return any(GOLDEN in folders for _, folders, _ in os.walk(path))


def _candidates(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if _is_candidate(file)]


def _is_candidate(file: Path) -> bool:
    if not file.is_file():  # a pipe or a device would be emptied by looking
        return False
    try:
        with opened(file) as source:
            seen = look(source.head(), named_json=file.name.lower().endswith(_JSON_NAMES))
            return seen.candidate and (not isinstance(seen.format, Parquet) or _is_ours(file))
    except OSError:
        return True  # the reader will say why it cannot be read


def _is_ours(file: Path) -> bool:
    """Whether Parquet holds traces: tables of others are as frequent as JSON, and no traces either."""
    with file.open("rb") as raw:
        return is_ours(raw, file.stat().st_size)


def _newest(root: Path) -> list[Path]:
    note = root / LAST_RUN
    try:
        content: object = json.loads(note.read_bytes())
    except FileNotFoundError:
        raise InputError(f"no recording yet: there is no {note}. {_RECORD}") from None
    except OSError as error:
        raise InputError(f"{note}: cannot be read ({error.strerror}). Name the trace file.") from None
    except ValueError as error:
        raise InputError(f'{note}: expected {{"files": [...]}}, found no JSON ({error}). Name the trace file.') from None
    named = content.get("files") if is_map(content) else None
    names = named if is_list(named) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f'{note}: expected {{"files": ["name", ...]}}. Name the trace file.')
    # Parts that were dropped for room are gone; what is left is read.
    files = [root / name for name in names if (root / name).is_file()]
    if not files:
        raise InputError(f"{root / names[0]}: the newest recording (named by {note}) is gone. {_RECORD}")
    return files
