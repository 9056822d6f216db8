"""The parts of one process's trace on the disk: whole lines or none, rotation, and a limit for all of them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from .base import warn as print_warning
from .placement import create, create_somewhere, note_last_run, root_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PART_BYTES = 256 * 1024 * 1024
PART_SECONDS = 3600.0
MAX_BYTES = 1024 * 1024 * 1024
_LOOK_S = 0.05
_HIGH_DESCRIPTOR = 700


class Part(NamedTuple):
    """A closed part: its path, size and number of records."""

    path: Path
    size: int
    records: int


class TraceFile:
    """Appends lines to the current part. Used by one thread at a time; every method may raise OSError.

    Attributes:
        root: the folder, absolute; a temporary one when the wanted one could not be written.
        path: the current part; None as long as none could be created.
        part: number of the current part, from 0.
        deleted: records in parts that were deleted to stay below `max_bytes`.
        deleted_parts: number of those parts.
    """

    def __init__(
        self,
        out: str | Path | None,
        name: str,
        recording_id: str,
        *,
        part_bytes: int = PART_BYTES,
        part_seconds: float = PART_SECONDS,
        max_bytes: int = MAX_BYTES,
        joins: bool = False,
        warn: Callable[[str], None] = print_warning,
    ) -> None:
        self.root = root_for(out, warn)
        self.path: Path | None = None
        self.part = -1
        self.deleted = self.deleted_parts = 0
        self._name = name
        self._recording_id = recording_id
        # Only closed parts can be dropped, so several have to fit below the limit.
        self._part_bytes = max(1, min(part_bytes, max_bytes // 4))
        self._part_seconds = part_seconds
        self._max_bytes = max_bytes
        # A child process adds its file to its parent's recording; it does not make that one the newest again.
        self._begins = not joins
        self._warn = warn
        self._descriptor = -1
        self._identity = (0, 0)
        self._size = self._records = 0
        self._base: int | None = None
        self._too_big = False
        self._opened_at = self._looked_at = 0.0
        self._closed: deque[Part] = deque()

    def ready(self, *, rotate: bool = True) -> bool:
        """Make sure that there is a part to write to; True when it is a new one.

        A new part begins at the start, when the last one is full or old, and when it was deleted or its descriptor closed by
        somebody else; that is looked at now and then, since each look makes the thread queue for Python's lock.
        """
        if self._descriptor >= 0:
            if not self._is_ours():
                self._let_go()
            elif not (rotate and self._is_full()):
                return False
        # The new one first: when it cannot be created, the old one stays in use.
        path, descriptor = create_somewhere(self.root, self._name, self._warn) if self.path is None else create(self.root, self._name)
        self._end_part()
        descriptor = _out_of_the_way(descriptor)
        about = os.fstat(descriptor)
        self._descriptor, self._identity = descriptor, (about.st_dev, about.st_ino)
        self.path, self.root = path, path.parent
        self.part += 1
        self._size = self._records = 0
        self._base, self._too_big = None, False
        self._opened_at = self._looked_at = time.monotonic()
        with contextlib.suppress(OSError):  # a convenience of `spanproof check` without a path
            note_last_run(self.root, self._recording_id, add=path.name, begin=self._begins and self.part == 0)
        self._delete_oldest()
        return True

    def settled(self) -> None:
        """What a new part has to repeat is in it; what comes now counts against its size. Else many open units could fill it."""
        if self._base is None:
            self._base = self._size

    def write(self, line: bytes, records: int) -> None:
        """Append one line, whole or not at all, with so many records in it."""
        written = 0
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:] if written else line)
        except OSError as error:
            if written:
                self._take_back()
            # A limit on the size of files (ulimit -f) leaves room for another file.
            self._too_big = error.errno == errno.EFBIG
            raise
        self._size += len(line)
        self._records += records

    def close(self) -> None:
        """Bring the last part to the disk and let go of it."""
        if self._descriptor >= 0:
            try:
                os.fsync(self._descriptor)
            finally:
                self._end_part()

    def forget(self) -> None:
        """Give the descriptor back without touching the file: it belongs to the parent of this process."""
        if self._descriptor >= 0:
            self._let_go()

    def _is_full(self) -> bool:
        if self._too_big or time.monotonic() - self._opened_at >= self._part_seconds:
            return True
        return self._base is not None and self._size - self._base >= self._part_bytes

    def _is_ours(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return True
        self._looked_at = now
        about = self._about()
        return about is not None and about.st_nlink > 0

    def _let_go(self) -> None:
        # A number that belongs to somebody else by now is not ours to close.
        if self._about() is not None:
            os.close(self._descriptor)
        self._descriptor = -1

    def _about(self) -> os.stat_result | None:
        """What the descriptor stands for, None when that is not our file any more."""
        try:
            about = os.fstat(self._descriptor)
        except OSError:
            return None
        return about if (about.st_dev, about.st_ino) == self._identity and stat.S_ISREG(about.st_mode) else None

    def _take_back(self) -> None:
        # Half a line in the middle of the file would make the reader lose the next line too.
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            with contextlib.suppress(OSError):
                self._size += os.write(self._descriptor, b"\n")

    def _end_part(self) -> None:
        path = self.path
        if path is None:
            return
        self._closed.append(Part(path, self._size, self._records))
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _delete_oldest(self) -> None:
        total = self._part_bytes + sum(part.size for part in self._closed)
        while self._closed and total > self._max_bytes:
            oldest = self._closed.popleft()
            total -= oldest.size
            with contextlib.suppress(OSError):  # gone already: lost all the same
                oldest.path.unlink()
            self.deleted += oldest.records
            self.deleted_parts += 1
            with contextlib.suppress(OSError):
                note_last_run(self.root, self._recording_id, drop=oldest.path.name)


def _out_of_the_way(descriptor: int) -> int:
    """The same file under a high number, if one is to be had.

    A program that closes all descriptors (a daemon) closes ours too, and the next file it opens gets the lowest free number. With
    a high one our next write fails, instead of going into that file.
    """
    if sys.platform == "win32":
        return descriptor
    import fcntl

    try:
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)
    except OSError:  # the limit of open files is lower
        return descriptor
    os.close(descriptor)
    return high
