"""Units to an OTLP endpoint, beside the file: each once, when it has ended or the recording does.

A thread of its own sends, so that the program waits for the network at the recording's end alone, and there only for a moment. The
endpoint may be dead, slow or lying: what it did not take is counted and told in one warning, and the file has everything.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.utils import suppress_instrumentation

from ..exporting import wait_at_exit_s
from .base import MAX_WAITING, Tick, seal, stamp
from .base import warn as print_warning
from .otlp_exporter import Exporter
from .otlp_spans import Shared, readable
from .worker import Worker, resume_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .. import vocabulary as v
    from ..exporting import Endpoint
    from ..records import Unit

BATCH = 256
"""Spans in one request. What puts it together holds Python's lock for a millisecond or two."""

BATCH_EVENTS = 2_048
"""Events in one request: units with many go in smaller company, since servers limit a request (gRPC: 4 MiB)."""

SLICE = 2
"""Spans encoded before the thread gives way; see `writer.SLICE`."""

CROWD = 4_096
"""With so many units waiting a slice grows, as the writer's does: beside a loop that never rests each pause lasts 5 ms."""

PAUSE_S = 0.5
FORK_WAIT_S = 0.1
"""How long a fork waits for a request that is under way."""

WHY_LIMIT = 300
"""Characters of a reason that are told."""

_NAP_S = 0.000_001


class OtlpExport:
    """Sends one process's recording to an endpoint. A `Sink`; its methods never raise and never wait, `close` apart.

    Args:
        endpoint: where to.
        recording: the recorder's own record; sent last.
        resource: tells the attributes of the resource, as of now.
        tick: tells how far the recorder has got.
        elsewhere: tells where the units are too: a path, empty for nowhere.
        warn: prints one line to the user.

    Attributes:
        sent: units that the endpoint took.
        unsent: units that it did not take; complete when the sink is closed.
        why: the reason, in a few words.

    Raises:
        EndpointError: the exporter cannot be made of what the environment says.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        recording: Unit,
        resource: Callable[[], Mapping[str, object]],
        tick: Callable[[], Tick],
        *,
        elsewhere: Callable[[], str] = str,
        warn: Callable[[str], None] = print_warning,
    ) -> None:
        self.endpoint = endpoint
        self.sent = self.unsent = 0
        self.why = ""
        self._wait_s = wait_at_exit_s()
        self._exporter = Exporter(endpoint)
        self._recording = recording
        self._read_resource = resource
        self._read_tick = tick
        self._elsewhere = elsewhere
        self._warn = warn
        self._shared = Shared({})
        self._waiting: deque[Unit] = deque()
        self._under_way = 0
        self._lock = Lock()
        self._started = self._closed = self._given_up = False
        self._worker = Worker("spanproof-export", self._run, self._in_child, fork_wait_s=FORK_WAIT_S)

    def start(self) -> None:
        """Start the thread."""
        self._started = True
        if not self._worker.start():
            self._fail(0, "no thread could be started")

    @property
    def dead(self) -> bool:
        """Whether this is the child of a fork; the parent sends."""
        return self._worker.dead

    # --- from the program's threads ------------------------------------------------------------------------------

    def opened(self, unit: Unit) -> None:
        """A unit is sent at its end."""

    def changed(self, unit: Unit) -> None:
        """A unit is sent at its end."""

    def ended(self, unit: Unit) -> None:
        """The unit will not be changed again."""
        if self._closed or self._worker.dead:
            return
        if self._worker.paused:
            resume_all()
        waiting = self._waiting
        waiting.append(unit)
        crowd = len(waiting)
        if crowd == BATCH:
            self._worker.bell.ring()
        elif crowd > MAX_WAITING:
            self._fail(len(self._take(1)), "too many were waiting to be sent")

    def close(self, ended_by: v.EndedBy, open_units: list[Unit]) -> None:
        """Send what waits, `open_units` and the recording's own record. Waits 0.8 s at most, or OTEL_EXPORTER_OTLP_TIMEOUT."""
        if self._closed or self._worker.dead:
            return
        self._closed = True
        if not self._started:  # the recording never began
            self._waiting.clear()
            self._exporter.close()
            return
        if self._recording.end_ns is None:  # no file has sealed it
            tick = self._read_tick()
            stamp(self._recording, tick, len(open_units), 0)
            seal(self._recording, tick, ended_by)
        self._waiting.extend(open_units)
        self._waiting.append(self._recording)
        self._exporter.hurried = True
        self._worker.stop(self._wait_s, lambda: 0)
        self._given_up = True
        with self._lock:
            self.unsent += len(self._waiting) + self._under_way
            self._waiting.clear()
        self._exporter.close()
        if self.unsent:
            self.why = _in_one_line(self.why or self._exporter.trouble) or f"it did not answer within {self._wait_s:g} s"
            where = self._elsewhere()
            kept = f"{where} has everything" if where else "they are lost"
            self._warn(f"{self.unsent} of {self.sent + self.unsent} units were not sent to {self.endpoint}: {self.why}; {kept}")

    # --- in the exporting thread ---------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        # Else a program that instruments its HTTP client would trace our requests, and send those again.
        with suppress_instrumentation(), self._exporter.quietly():
            while not worker.stopping:
                worker.bell.wait(PAUSE_S)
                self._send(worker)
            if self._closed:
                self._send(worker)

    def _send(self, worker: Worker) -> None:
        """Send all that waits; when a fork is near, only the request that is under way."""
        while self._waiting and not self._given_up and not (worker.stopping and not self._closed):
            with self._lock:
                batch = self._take(BATCH, BATCH_EVENTS)
                self._under_way = len(batch)
            self._settle(len(batch), *self._export(batch))

    def _export(self, batch: list[Unit]) -> tuple[int, str]:
        """How many of these were not taken, and why."""
        try:
            resource = self._read_resource()
            if resource != self._shared.attributes:
                self._shared = Shared(resource)
            spans = Paced(batch, self._shared, self._pace)
            refused, why = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - the thread must not die, and not speak through excepthook
            return len(batch), f"{type(error).__name__}: {error}"
        return min(len(batch), refused + spans.broken), why or spans.why

    def _pace(self) -> int:
        crowd = len(self._waiting)
        return BATCH if self._closed else SLICE if crowd < CROWD else crowd // 64

    def _settle(self, sent: int, refused: int, why: str) -> None:
        with self._lock:
            if self._given_up:  # counted as not sent by now
                return
            self._under_way = 0
            self.sent += sent - refused
        if refused:
            self._fail(refused, why)

    def _fail(self, units: int, why: str) -> None:
        with self._lock:
            self.unsent += units
            self.why = self.why or why

    def _take(self, most: int, events: int = BATCH_EVENTS) -> list[Unit]:
        taken: list[Unit] = []
        try:
            while len(taken) < most and events > 0:
                taken.append(self._waiting.popleft())
                events -= len(taken[-1].events)
        except IndexError:
            pass
        return taken

    def _in_child(self) -> None:
        self._lock = Lock()
        self._waiting.clear()


def _in_one_line(text: str) -> str:
    # An endpoint's own words may be among it.
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))[:WHY_LIMIT]


class Paced(list[Any]):
    """Units that turn into spans while they are iterated, with a pause after so many: encoding holds Python's lock.

    The exporters encode a span as soon as the iteration gives it to them, so the pause falls between two of them.

    Attributes:
        broken: units that no span could be made of, in the last iteration.
        why: the error of the first.
    """

    def __init__(self, units: list[Unit], shared: Shared, pace: Callable[[], int]) -> None:
        super().__init__(units)
        self._shared = shared
        self._pace = pace
        self.broken = 0
        self.why = ""

    def __iter__(self) -> Iterator[Any]:
        self.broken = 0  # a request that is repeated is encoded anew
        for number, unit in enumerate(super().__iter__(), 1):
            try:
                yield readable(unit, self._shared)
            except Exception as error:  # noqa: BLE001 - one bad unit must not cost the others
                self.broken += 1
                self.why = self.why or f"a unit could not be encoded: {type(error).__name__}: {error}"
            if number % self._pace() == 0:
                time.sleep(_NAP_S)
