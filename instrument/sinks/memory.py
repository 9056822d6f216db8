"""A sink that keeps its units in memory, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Tick, seal, stamp
from .encode import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .. import vocabulary as v
    from ..records import Unit

_LINE = 32


class MemorySink:
    """A `Sink` that keeps what it is given.

    Attributes:
        units: every unit that was opened or ended, in the order in which the sink heard of it first.
        ended_by: how the recording ended; None as long as it goes on.
        open_units: the units that were open when it was closed.
    """

    def __init__(
        self,
        recording: Unit | None = None,
        resource: Mapping[str, object] | None = None,
        tick: Callable[[], Tick] | None = None,
    ) -> None:
        self.units: list[Unit] = []
        self.ended_by: v.EndedBy | None = None
        self.open_units: list[Unit] = []
        self._known: set[int] = set()
        self._recording = recording
        self._resource = dict(resource or {})
        self._read_tick = tick

    def start(self) -> None:
        """Nothing has to be started; here so that it can stand in a `Writer`'s place."""

    @property
    def dead(self) -> bool:
        """Memory belongs to each process alone."""
        return False

    def resource(self, attributes: Mapping[str, object]) -> None:
        """Replace the resource's attributes."""
        self._resource = dict(attributes)

    def opened(self, unit: Unit) -> None:
        """The unit exists now."""
        if unit.span_id not in self._known:
            self._known.add(unit.span_id)
            self.units.append(unit)

    def changed(self, unit: Unit) -> None:
        """The open unit was changed."""
        unit.dirty = True

    def ended(self, unit: Unit) -> None:
        """The unit will not be changed again."""
        self.opened(unit)

    def close(self, ended_by: v.EndedBy, open_units: list[Unit]) -> None:
        """The recording has ended; what is open stays unfinished."""
        if self.ended_by is not None:
            return
        self.ended_by, self.open_units = ended_by, list(open_units)
        if self._recording is not None and self._read_tick is not None:
            tick = self._read_tick()
            stamp(self._recording, tick, len(open_units), 0)
            seal(self._recording, tick, ended_by)

    def lines(self) -> list[bytes]:
        """The units as lines of a trace file, each unit once and the recording last; those open at the end as unfinished."""
        encoder = Encoder(self._resource)
        unfinished = {unit.span_id for unit in self.open_units if unit.end_ns is None}
        units = self.units if self._recording is None else [*self.units, self._recording]
        spans = [encoder.span(unit, "unfinished" if unit.span_id in unfinished else None) for unit in units]
        return [encoder.line(spans[first : first + _LINE]) for first in range(0, len(spans), _LINE)]
