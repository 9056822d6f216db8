"""Flows: arrows from slice to slice in Chrome's traces, which become links."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..notes import Notes
    from .chrome_slices import Key, Slice


class _Step(NamedTuple):
    time: int
    order: int
    phase: str
    slice: Slice
    line: int


class Flows:
    """The flows of one file."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._steps: defaultdict[Key, list[_Step]] = defaultdict(list)

    def step(self, key: Key, phase: str, time: int, order: int, one: Slice, line: int) -> None:
        """A flow goes through a slice. `phase`: `s` where it begins, `t` where it goes on, `f` where it ends."""
        self._steps[key].append(_Step(time, order, phase, one, line))

    def join(self) -> None:
        """Give each slice those from which a flow came to it."""
        for steps in self._steps.values():
            steps.sort(key=lambda step: step[:2])
            source: Slice | None = None
            for step in steps:
                if step.phase == "s":
                    source = step.slice
                elif source is None:
                    self._notes.add("a flow without a beginning", "it became no link", "notice", line=step.line)
                elif source is not step.slice:
                    step.slice.came_from(source)
                if step.phase == "t":
                    source = step.slice
            if len(steps) == 1 and source is not None:
                self._notes.add("a flow that ends nowhere", "it became no link", "notice", line=steps[0].line)
