"""One recording in several places: each unit goes to every sink, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .. import vocabulary as v
    from ..records import Unit
    from .base import Sink


class Tee:
    """A `Sink` that passes everything on."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = tuple(sinks)

    def opened(self, unit: Unit) -> None:
        """The unit exists now."""
        for sink in self.sinks:
            sink.opened(unit)

    def changed(self, unit: Unit) -> None:
        """The open unit was changed."""
        for sink in self.sinks:
            sink.changed(unit)

    def ended(self, unit: Unit) -> None:
        """The unit will not be changed again."""
        for sink in self.sinks:
            sink.ended(unit)

    def close(self, ended_by: v.EndedBy, open_units: list[Unit]) -> None:
        """The recording has ended."""
        for sink in self.sinks:
            sink.close(ended_by, open_units)
