"""What the system tells of a thread: its number, its CPU time, how often it waited, and how long it had no processor."""

from __future__ import annotations

import sys
import threading
import time

if sys.platform != "win32":
    import resource


def native_id(thread_id: int) -> int | None:
    """The thread's number in the system, None when it is not a thread of `threading`."""
    if thread_id == threading.get_ident():
        return threading.get_native_id()
    return next((thread.native_id for thread in threading.enumerate() if thread.ident == thread_id), None)


def cpu_clock(thread_id: int) -> int | None:
    """The number of the clock of a thread's CPU time, for `time.clock_gettime_ns`; None: no such clock, or the thread has ended."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return None
    # Asked for a thread that has ended, the C library crashes the process.
    if thread_id != threading.get_ident() and thread_id not in sys._current_frames():
        return None
    try:
        return time.pthread_getcpuclockid(thread_id)
    except OSError:
        return None


def own_waits() -> int:
    """How often the calling thread gave up its processor of its own accord."""
    if sys.platform == "win32" or not hasattr(resource, "RUSAGE_THREAD"):
        return 0
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def waits_of(native_id: int | None) -> int | None:
    """The same number for another thread of this process; None where the system does not tell."""
    try:
        text = _told(native_id, "status").decode("ascii")
    except (OSError, ValueError):
        return None
    for line in text.splitlines():
        if line.startswith("voluntary_ctxt_switches:"):
            return int(line.split(":")[1])
    return None


def waited_ns(native_id: int | None) -> int | None:
    """Time for which a thread of this process stood ready and had no processor, in ns since the thread began.

    None where the system does not tell. The second figure of Linux' `schedstat` (Documentation/scheduler/sched-stats.rst): the time
    spent waiting on a run queue.
    """
    try:
        return int(_told(native_id, "schedstat").split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _told(native_id: int | None, name: str) -> bytes:
    # Opened from here, by our own code: what `pathlib` opens in a unit's step counts as the unit's.
    with open(f"/proc/self/task/{native_id}/{name}", "rb") as file:  # noqa: PTH123
        return file.read()
