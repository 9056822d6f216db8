"""A recorder whose units are live spans of an application's TracerProvider too.

A class of its own, so that a recording without a provider pays nothing for it and touches no context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import ProxyTracerProvider

from . import vocabulary as v
from .recorder import Recorder
from .sinks.live import LiveSpans
from .taskstate import running_state

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from .records import Unit
    from .sinks.base import Sink
    from .taskstate import TaskState


class LiveRecorder(Recorder):
    """A `Recorder` whose units get the ids of live spans, and make them current while their code runs.

    Units of a virtual loop stay out: an application's other spans know nothing of such times.

    Attributes:
        live: the spans; has to be one of the recording's sinks.
    """

    def __init__(self, provider: TracerProvider, *, sequential_ids: bool = False) -> None:
        super().__init__(sequential_ids=sequential_ids)
        self.live = LiveSpans(provider, self.seams.export)
        none_yet = isinstance(provider, ProxyTracerProvider)
        self.seams.export.install("live spans until the application sets a TracerProvider: there was none" if none_yet else "")

    def begin(self, sink: Sink) -> None:
        """Units go to this sink from now on, each after its span was started."""
        with self.seams.export:
            self.live.start(self.program, alone=True)
            self.recording.trace_id = self.program.trace_id
        super().begin(sink)
        self._opened = self._open_live

    def _open_live(self, unit: Unit) -> None:
        seam = self.seams.export
        if seam.on and unit.origin.attrs.get(v.CLOCK) != "virtual":
            former = unit.span_id
            with seam:
                self.live.start(unit)
            if unit.span_id != former:
                del self._open[former]
                self._open[unit.span_id] = unit
                if unit.run == former:
                    unit.run = unit.span_id
        self.sink.opened(unit)

    def note_started(self, unit: Unit, at_ns: int) -> None:
        """The unit makes its first step: from here on its span is the current one in its task."""
        super().note_started(unit, at_ns)
        if self.seams.export.on:
            with self.seams.export:
                if unit.kind == "task":
                    # A task that was running when the session began gets its unit from outside: its context is out of reach.
                    state = running_state()
                    if state is None or state.unit is not unit:
                        return
                self.live.enter(unit)

    def complete(self, unit: Unit, at_ns: int) -> None:
        """A unit that nobody asked has returned."""
        self._leave(unit)
        super().complete(unit, at_ns)

    def close(
        self,
        state: TaskState,
        unit: Unit,
        error: BaseException | None,
        outcome: v.Outcome | None = None,
        *,
        release: bool = True,
    ) -> None:
        """A unit of a task ends by return or by an exception."""
        self._leave(unit)
        super().close(state, unit, error, outcome, release=release)

    def _leave(self, unit: Unit) -> None:
        # Also when the seam is lost: a span that was made current must not stay it.
        with self.seams.export:
            self.live.leave(unit)
