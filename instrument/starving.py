"""How long a thread that could run had to wait for a processor: time that a busy machine took, and no fault of the program."""

from __future__ import annotations

from pathlib import Path


def waited_ns(native_id: int | None) -> int | None:
    """Time for which a thread of this process stood ready and had no processor, in ns since the thread began.

    None where the system does not tell. The second figure of Linux' `schedstat` (Documentation/scheduler/sched-stats.rst): the time
    spent waiting on a run queue.
    """
    try:
        return int(Path(f"/proc/self/task/{native_id}/schedstat").read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return None
