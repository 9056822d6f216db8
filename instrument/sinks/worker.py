"""A daemon thread that is not there while the process forks.

A fork copies locks in whatever state they are, and Python 3.12 warns the program that forks beside a thread that it never
started. Python 3.13 counts threads after the hooks behind a fork have run. So our threads end before a fork, start again in the
parent with the next record, and stay away in the child.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORK_WAIT_S = 1.0
"""How long a fork waits for a thread of ours that hangs in a write."""

_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class Bell:
    """Wakes one waiting thread. `ring` costs a lock's release; rings are not counted."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread, or let its next wait return at once."""
        try:
            self._lock.release()
        except RuntimeError:  # rung already
            return

    def wait(self, seconds: float) -> None:
        """Wait for a ring, at most so long."""
        self._lock.acquire(timeout=seconds)


class Worker:
    """Runs `body(worker)` in a daemon thread; the body waits on `bell` and returns soon after `stopping` is set."""

    def __init__(
        self, name: str, body: Callable[[Worker], None], in_child: Callable[[], None], *, fork_wait_s: float = FORK_WAIT_S
    ) -> None:
        self.name = name
        self._fork_wait_s = fork_wait_s
        self.bell = Bell()
        self.stopping = False
        self.dead = False
        """True in the child of a fork: nothing runs here any more."""
        self._body = body
        self._in_child = in_child
        self._thread: threading.Thread | None = None
        self.paused = False
        """A fork ended the thread; `resume` starts it again."""
        _workers.add(self)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def native_id(self) -> int | None:
        """The thread's id at the operating system."""
        thread = self._thread
        return None if thread is None else thread.native_id

    def start(self) -> bool:
        """Start the thread; False where no thread can be had (limits, interpreter's end)."""
        self.stopping = False
        thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        # Debuggers (pydevd) leave such threads alone; a breakpoint must not stop the writer.
        thread.__dict__.update(pydev_do_not_trace=True, is_pydev_daemon_thread=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def stop(self, patience_s: float, progress: Callable[[], int]) -> bool:
        """End the thread. Waits as long as `progress` grows, and `patience_s` beyond; False: it hangs and was left behind."""
        self.stopping = True
        self.bell.ring()
        thread = self._thread
        if thread is None:
            return True
        seen, since = progress(), time.monotonic()
        while thread.is_alive():
            thread.join(0.05)
            if progress() != seen:
                seen, since = progress(), time.monotonic()
            elif time.monotonic() - since > patience_s:
                return not thread.is_alive()
        return True

    def _run(self) -> None:
        self._body(self)

    def before_fork(self) -> None:
        """End the thread for the time of the fork."""
        if self.running:
            self.paused = True
            self.stop(self._fork_wait_s, lambda: 0)

    def resume(self) -> None:
        """Go on after a fork, in the parent."""
        if self.paused and not self.dead:
            self.paused = False
            if self.running:  # it hung over the fork: let it go on
                self.stopping = False
            else:
                self.start()

    def after_fork_in_child(self) -> None:
        """Stay away: locks and file belong to the parent."""
        self.dead = True
        self.bell = Bell()
        self._thread = None
        self._in_child()


def resume_all() -> None:
    """Start every thread again that a fork has ended."""
    for worker in list(_workers):
        worker.resume()


def _each(what: Callable[[Worker], None]) -> Callable[[], None]:
    def hook() -> None:
        for worker in list(_workers):
            if not worker.dead:
                what(worker)

    return hook


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each(Worker.before_fork),
        after_in_child=_each(Worker.after_fork_in_child),
    )
