"""A thread that looks at the loops' threads from outside: where a step that lasts too long stands, and whose fault it is.

A step that blocks its loop cannot say where. The watchdog looks every 20 ms and notes the line of the user's code after 100 ms.
When it was late itself, either the machine stood still (no fault of the program) or somebody held Python's lock; the CPU time
of the loop's thread and the watchdog's own waits for that lock tell the two apart. On a machine that is merely busy the watchdog may be
on time and the loop's thread not: what that thread waited for a processor is the machine's doing too.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .frames import site
from .sinks.worker import Worker
from .thread_times import cpu_clock, native_id, own_waits, waited_ns, waits_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .records import Step

LOOK_NS = 20_000_000
"""Time between two looks; also how exact CPU times are."""

LONG_NS = 100_000_000
"""A step that has lasted so long gets its line noted."""

_Line = tuple[str, int, str]


class _Seen(NamedTuple):
    """What the watchdog knows of a thread; replaced as a whole, so that the loop's thread reads one moment.

    Attributes:
        started_ns: start of the step that it is about.
        cpu_ns: CPU time of the thread at the last look before the step, None when it cannot be read.
        late_ns: how late the watchdog was during the step, in all, less what the thread computed meanwhile.
        starved_ns: what the thread had waited for a processor at the last look before the step, None when it cannot be read.
        waits: the watchdog's waits at the last look before the step.
        looks: looks during the step.
        line: the user's line, once the step was long.
    """

    started_ns: int = 0
    cpu_ns: int | None = None
    late_ns: int = 0
    starved_ns: int | None = None
    waits: int = 0
    looks: int = 0
    line: _Line | None = None


class _Watched:
    """A registered step, with the clock of its thread's CPU time and the thread's number in the system."""

    __slots__ = ("cpu_clock", "cpu_ns", "native_id", "seen", "starved_ns", "step")

    def __init__(self, step: Step, cpu_clock: int | None, native_id: int | None) -> None:
        self.step = step
        self.cpu_clock = cpu_clock
        self.native_id = native_id
        self.cpu_ns = self.read_cpu()
        self.starved_ns = waited_ns(native_id)
        self.seen = _Seen()

    def first_seen(self, started_ns: int, waits: int) -> _Seen:
        """What is known of a step at its first look: the figures of the look before."""
        return _Seen(started_ns, self.cpu_ns, 0, self.starved_ns, waits)

    def late(self, now_ns: int, due_ns: int, cpu_ns: int | None) -> int:
        """How late a look is, less what the thread computed since the last one: C code that holds Python's lock is no stall."""
        computed = 0 if cpu_ns is None or self.cpu_ns is None else cpu_ns - self.cpu_ns
        return max(0, now_ns - due_ns - computed)

    def read_cpu(self) -> int | None:
        """CPU time of the thread in ns; OSError when the thread is gone."""
        return None if self.cpu_clock is None else time.clock_gettime_ns(self.cpu_clock)


class Watchdog:
    """Watches registered steps. `clock` is the one that their `started_ns` is taken from, in ns."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._watched: dict[int, _Watched] = {}
        self._due_ns = 0
        self._waits = 0
        self._worker = Worker("spanproof-watchdog", self._run, self._watched.clear)

    def register(self, step: Step) -> None:
        """Watch this step's thread, which must be alive; best called in that thread. Starts the watchdog with the first one."""
        self._watched[id(step)] = _Watched(step, cpu_clock(step.thread_id), native_id(step.thread_id))
        if not self._worker.running and not self._worker.dead:
            self._due_ns = self._clock() + LOOK_NS
            self._worker.start()
        self._worker.bell.ring()

    def unregister(self, step: Step) -> None:
        """Watch it no more. Unknown steps are in order."""
        self._watched.pop(id(step), None)

    def stop(self) -> None:
        """Stop watching anything."""
        self._watched.clear()
        self._worker.stop(0.5, lambda: 0)

    def settle(self, step: Step, now_ns: int) -> None:
        """Fill in what is known of a step that ends now: `blocked_at`, `cpu_ns`, `starved_ns` and `stalled`.

        Called in its thread, before `started_ns` is reset. `cpu_ns` and `starved_ns` are exact to a look's
        time, and never more than the step's duration.
        """
        step.blocked_at, step.cpu_ns, step.starved_ns, step.stalled = None, None, None, False
        watched = self._watched.get(id(step))
        if watched is None or self._worker.dead:
            return
        started_ns, due_ns = step.started_ns, self._due_ns
        seen = watched.seen
        if seen.started_ns != started_ns:  # never looked at: too short, or the watchdog is late just now
            seen = watched.first_seen(started_ns, self._waits)
        duration_ns = now_ns - started_ns
        cpu_ns = None if watched.cpu_clock is None else time.thread_time_ns()
        if cpu_ns is not None and seen.cpu_ns is not None:
            step.cpu_ns = max(0, min(duration_ns, cpu_ns - seen.cpu_ns))
        step.blocked_at = seen.line
        late_ns = seen.late_ns + watched.late(now_ns, max(due_ns, started_ns), cpu_ns)
        if 2 * late_ns > duration_ns:
            step.stalled = not self._somebody_held_the_lock(late_ns, seen)
        starved_ns = None if seen.starved_ns is None else waited_ns(watched.native_id)
        if starved_ns is not None and seen.starved_ns is not None:
            step.starved_ns = max(0, min(duration_ns, starved_ns - seen.starved_ns))
            step.stalled = step.stalled or 2 * step.starved_ns > duration_ns

    def _somebody_held_the_lock(self, late_ns: int, seen: _Seen) -> bool:
        # A thread that wants the lock wakes every switch interval to ask for it; on a machine that stands still nobody wakes.
        waits = waits_of(self._worker.native_id)
        if waits is None:
            return False
        asked = max(0, waits - seen.waits - seen.looks)
        return 2 * asked * int(sys.getswitchinterval() * 1e9) >= late_ns

    def _run(self, worker: Worker) -> None:
        pause_s = LOOK_NS / 1e9
        while not worker.stopping:
            if not self._watched:
                worker.bell.wait(3600.0)
                self._due_ns = self._clock() + LOOK_NS
                continue
            time.sleep(pause_s)
            with suppress(Exception):  # a look is missed; nobody is hurt
                self._look()

    def _look(self) -> None:
        now_ns = self._clock()
        waits = own_waits()
        for key, watched in list(self._watched.items()):
            try:
                cpu_ns = watched.read_cpu()
            except OSError:  # the thread has ended
                self._watched.pop(key, None)
                continue
            self._look_at(watched, now_ns, cpu_ns)
            if cpu_ns != watched.cpu_ns:  # a thread that does nothing waits for no processor
                watched.starved_ns = waited_ns(watched.native_id)
            watched.cpu_ns = cpu_ns
        self._waits = waits
        self._due_ns = self._clock() + LOOK_NS

    def _look_at(self, watched: _Watched, now_ns: int, cpu_ns: int | None) -> None:
        started_ns = watched.step.started_ns
        if started_ns == 0:
            return
        seen = watched.seen
        if seen.started_ns != started_ns:
            seen = watched.first_seen(started_ns, self._waits)
        line = seen.line
        if line is None and now_ns - started_ns > LONG_NS:
            line = _line_of(watched.step.thread_id)
        late_ns = watched.late(now_ns, max(self._due_ns, started_ns), cpu_ns)
        watched.seen = seen._replace(late_ns=seen.late_ns + late_ns, looks=seen.looks + 1, line=line)


def _line_of(thread_id: int) -> _Line | None:
    frame = sys._current_frames().get(thread_id)
    try:
        return site(frame)
    finally:
        del frame  # a frame keeps the program's objects alive
