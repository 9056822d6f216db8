"""The file sink: takes units from any thread, writes them from its own.

Units wait in a deque; the thread takes them out in small batches and gives way in between, for a thread that encodes holds
Python's lock and makes the loop late. Each second a tick brings what is open and changed into the file, so that a killed
process loses at most a second, and a hang writes its units once. Units hold plain data: nothing of the program dies in here.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from .. import vocabulary as v
from .base import MAX_WAITING, Tick, seal, stamp
from .base import warn as print_warning
from .encode import Encoder
from .losses import Losses
from .worker import Worker, resume_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..records import Unit
    from .file import TraceFile

BATCH = 32
"""Spans in one line."""

SLICE = 4
"""Spans encoded before the thread gives way. The loop is late by as long as the thread holds Python's lock: at 50,000 records a
second the loop's p99 lateness was 3.4 times that without a writer with 32 spans, 2.5 with 8, 2.0 with 4, 1.5 with 2."""

SLICE_LIMIT = 512
"""The same when very much is waiting. A loop that never rests gives the lock back every 5 ms only; a slice grows with what
is waiting, up to 5 ms, so that the two share the lock before anything is lost."""

WAKE_AT = 4_096
"""Waiting units that wake the thread before its time."""

PRESS_AT = 16_384
PRESS_EVERY = 256
"""With so many units waiting, the program's thread gives way once in so many units. A loop that never rests lets go of Python's
lock only for a poll, which is too short for another thread to wake; without this the writer starved for seconds, and units
were lost. It costs such a loop what encoding costs, some 10 us a unit, in pieces of at most a slice."""

PAUSE_S = 0.1
TICK_S = 1.0
PATIENCE_S = 2.0
"""How long `close` waits for a thread that makes no progress (a hung disk)."""

KEPT_WHILE_BROKEN = 4_096
"""Ended units kept while the file cannot be written; those beyond are lost and counted."""

_NAP_S = 0.000_001
_SETTLE_S = 0.001


class Writer:
    """Writes one process's recording to a file. A `Sink`; its methods never raise and never wait, `close` apart.

    Args:
        file: where the lines go.
        recording: the recorder's own record; its ids are fixed, its tick attributes are set here.
        resource: attributes of the resource.
        tick: tells how far the recorder has got.
        warn: prints one line to the user.

    Attributes:
        dead: True in the child of a fork, where this writer does nothing; the recorder may start one of its own.
    """

    def __init__(
        self,
        file: TraceFile,
        recording: Unit,
        resource: Mapping[str, object],
        tick: Callable[[], Tick],
        *,
        warn: Callable[[str], None] = print_warning,
    ) -> None:
        self.file = file
        self._recording = recording
        self._encoder = Encoder(resource)
        self._read_tick = tick
        self._warn = warn
        self._open: dict[int, Unit] = {}
        self._waiting: deque[Unit] = deque()
        self._crowded = False
        self._pressed = 0
        self._overflow = 0
        self._overflow_lock = Lock()
        self._losses = Losses(recording, warn)
        self._broken = ""
        self._deleted = 0
        self._progress = 0
        self._slice = SLICE
        self._next_tick = 0.0
        self._last_tick = Tick(recording.start_ns, recording.start_seq)
        self._ending: tuple[v.EndedBy, list[Unit]] | None = None
        self._new_part = False
        self._last_part = False
        self._finished = False
        self._worker = Worker("spanproof-writer", self._run, self._in_child)

    def start(self) -> None:
        """Create the file, write the first tick and start the thread."""
        self._guarded(self._tick)
        if not self._worker.start():
            self._warn("no thread can be started; the trace is written when the recording ends")

    @property
    def dead(self) -> bool:
        """Whether this is the child of a fork, to which the file does not belong."""
        return self._worker.dead

    @property
    def dropped(self) -> int:
        """Records lost so far."""
        return self._losses.total

    def resource(self, attributes: Mapping[str, object]) -> None:
        """Replace the resource's attributes, for the lines from now on."""
        self._encoder.resource(attributes)

    # --- from the program's threads ------------------------------------------------------------------------------

    def opened(self, unit: Unit) -> None:
        """The unit exists now."""
        self._open[unit.span_id] = unit
        if self._worker.paused:
            resume_all()

    def changed(self, unit: Unit) -> None:
        """The open unit was changed."""
        unit.dirty = True

    def ended(self, unit: Unit) -> None:
        """The unit will not be changed again."""
        self._open.pop(unit.span_id, None)
        if self._worker.paused:
            resume_all()
        waiting = self._waiting
        waiting.append(unit)
        if len(waiting) >= WAKE_AT:
            self._crowd()

    def _crowd(self) -> None:
        crowd = len(self._waiting)
        if self._finished or self._worker.dead:
            self._waiting.clear()
        elif crowd > MAX_WAITING:
            _take(self._waiting, 1)
            with self._overflow_lock:
                self._overflow += 1
        elif crowd > PRESS_AT:
            self._pressed += 1
            if self._pressed % PRESS_EVERY == 0 and not self._broken:
                time.sleep(_NAP_S)
        elif not self._crowded:
            self._crowded = True
            self._worker.bell.ring()

    def close(self, ended_by: v.EndedBy, open_units: list[Unit]) -> None:
        """Write all that waits, `open_units` as unfinished and the recording's end, and bring it to the disk."""
        if self._ending is not None or self._worker.dead:
            return
        self._ending = (ended_by, open_units)
        if not self._worker.running:
            self._guarded(self._finish)
        elif not self._worker.stop(PATIENCE_S, lambda: self._progress):
            self._warn(f"{self.file.path} cannot be finished: its disk does not answer. The trace ends as that of a killed process")

    # --- in the writer's thread ----------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        while not worker.stopping:
            worker.bell.wait(PAUSE_S)
            self._guarded(self._turn)
        if self._ending is not None:
            self._guarded(self._finish)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the thread must not die, and not speak through excepthook
            self._lose(0, f"the writer failed: {type(error).__name__}: {error}")

    def _in_child(self) -> None:
        self._overflow_lock = Lock()
        self._open = {}
        self._waiting.clear()
        self.file.forget()

    def _turn(self) -> None:
        self._crowded = False
        self._drain()
        if time.monotonic() >= self._next_tick:
            self._tick()

    def _tick(self) -> None:
        self._catch_up()
        still_open = list(self._open.values())
        self._write_open([unit for unit in still_open if unit.dirty])
        stamp(self._recording, self._last_tick, len(still_open), self.dropped)
        if self._write([self._recording]) and self._next_tick:
            self.file.settled()

    def _finish(self) -> None:
        ended_by, named = self._ending or ("process", [])
        self._catch_up()
        self._last_part = True  # what is open is told once more below, and would have to be in every further part
        # Both lists, so that a unit is not lost because one side forgot it.
        open_units = list({**self._open, **{unit.span_id: unit for unit in named}}.values())
        self._write_open([unit for unit in open_units if unit.end_ns is None], "unfinished")
        self._write_open([unit for unit in open_units if unit.end_ns is not None])
        stamp(self._recording, self._last_tick, len(open_units), self.dropped)
        seal(self._recording, self._last_tick, ended_by)
        self._write([self._recording])
        self._finished = True
        self._open = {}
        try:
            self.file.close()
        except OSError as error:
            self._warn(f"{self.file.path} may be incomplete: {error.strerror or error}")

    def _catch_up(self) -> None:
        """Bring all that had ended when the recorder's state was read into the file."""
        self._next_tick = time.monotonic() + TICK_S
        self._broken = ""
        self._last_tick = self._read_tick()
        # A thread that has its seq but has not noted it yet gets the time to: the tick promises all up to that seq.
        time.sleep(_SETTLE_S)
        self._drain()
        with self._overflow_lock:
            overflow, self._overflow = self._overflow, 0
        if overflow:
            self._lose(overflow, "too many units were waiting to be written")

    def _drain(self) -> None:
        waiting = self._waiting
        left = len(waiting)
        while left > 0 and not self._broken:
            crowd = len(waiting)  # more may have come since: a loop that never rests makes each nap last 5 ms
            self._slice = SLICE if crowd < WAKE_AT else min(SLICE_LIMIT, crowd // 64)
            batch = _take(waiting, max(BATCH, self._slice))
            if not self._write(batch):
                waiting.extendleft(reversed(batch))
            elif self._new_part:
                self._repeat()
            left -= len(batch) or left
        self._slice = SLICE
        if self._broken and len(waiting) > KEPT_WHILE_BROKEN:
            self._lose(len(_take(waiting, len(waiting) - KEPT_WHILE_BROKEN)), self._broken)

    def _repeat(self) -> None:
        """Tell in a new part what it needs to be read alone, so that its size is limited while much more is waiting."""
        self._new_part = False
        still_open = list(self._open.values())
        self._write_open([unit for unit in still_open if unit.dirty])
        stamp(self._recording, self._last_tick, len(still_open), self.dropped)
        if self._write([self._recording]):
            self.file.settled()

    def _write_open(self, units: Iterable[Unit], outcome: v.Outcome | None = None) -> None:
        rest = deque(units)
        while rest and not self._broken:
            batch = _take(rest, BATCH)
            for unit in batch:
                unit.dirty = False  # before it is encoded: a change from now on comes with the next tick
            if not self._write(batch, outcome):
                for unit in batch:
                    unit.dirty = True

    def _write(self, units: list[Unit], outcome: v.Outcome | None = None) -> bool:
        """Write these units as one line and give way; False: the file could not be written, and the units are still due."""
        file, encoder = self.file, self._encoder
        try:
            if file.ready(rotate=not self._last_part):
                self._begin_part()
            spans: list[str] = []
            for number, unit in enumerate(units, 1):
                if (span := self._span(unit, outcome)) is not None:
                    spans.append(span)
                if number % self._slice == 0 and number < len(units) and self._ending is None:  # the write gives way too
                    time.sleep(_NAP_S if self._slice == SLICE else 0)
            file.write(encoder.line(spans), len(spans))
        except OSError as error:
            self._broken = f"cannot write the trace to {file.root}: {error.strerror or error}"
            self._lose(0, self._broken)
            return False
        self._progress += 1
        return True

    def _span(self, unit: Unit, outcome: v.Outcome | None) -> str | None:
        try:
            return self._encoder.span(unit, outcome)
        except Exception as error:  # noqa: BLE001 - one bad unit must not cost the others
            self._lose(1, f"a unit could not be encoded: {type(error).__name__}: {error}")
            return None

    def _begin_part(self) -> None:
        self._encoder.part = self.file.part
        # Each part can be read alone, also when older ones are deleted: what is open comes again, soon.
        for unit in list(self._open.values()):
            unit.dirty = True
        if self.file.part:
            self._new_part, self._next_tick = True, 0.0
        deleted = self.file.deleted - self._deleted
        if deleted:
            self._deleted += deleted
            self._recording.attrs[v.PARTS_DELETED] = self.file.deleted_parts
            self._lose(deleted, "the oldest parts were deleted to stay below --max-bytes")

    def _lose(self, records: int, why: str) -> None:
        self._losses.add(records, why, self._last_tick)


def _take(units: deque[Unit], most: int) -> list[Unit]:
    """The first units, at most so many; fewer when another thread takes some too."""
    taken: list[Unit] = []
    try:
        while len(taken) < most:
            taken.append(units.popleft())
    except IndexError:
        pass
    return taken
