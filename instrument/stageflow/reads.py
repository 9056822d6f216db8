"""Reads of cooperative flags: looked at only while a run is flagged, and noted once for each unit that read true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..frames import owner_of, site
from ..taskstate import running_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes
    from .runs import Flag, Run


class Reads:
    """The properties that stand for flags, switched between the library's getter and one that looks."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._properties: list[tuple[Any, str, property, Any, Any]] = []
        self._flagged: list[Run] = []
        self._readers: set[CodeType] = set()
        self._mechanisms: dict[CodeType, str] = {}

    def declare_readers(self, *classes: Any) -> None:
        """Functions by which the library hands a flag's value on: who calls them is who reads."""
        for cls in classes:
            attributes: dict[str, Any] = cls.__dict__
            for thing in attributes.values():
                code = getattr(getattr(thing, "fget", thing), "__code__", None)
                if code is not None and code.co_name in ("is_canceled", "is_cancelled", "raise_if_cancelled", "cancellation_checkpoint"):
                    self._readers.add(code)
                if code is not None:
                    self._readers.update(each for each in code.co_consts if getattr(each, "co_name", "") == "<lambda>")

    def declare_mechanism(self, name: str, function: Any) -> None:
        """A flag that is set from inside this function is set by this mechanism."""
        self._mechanisms[function.__code__] = name
        for each in function.__code__.co_consts:
            if hasattr(each, "co_name"):
                self._mechanisms[each] = name

    def mechanism_of(self, frame: FrameType | None) -> str | None:
        """The declared mechanism of a calling frame."""
        return self._mechanisms.get(frame.f_code) if frame is not None and owner_of(frame.f_code) == "stageflow" else None

    def caller_of(self, frame: FrameType | None) -> FrameType | None:
        """Who called the function of a declared mechanism, from a frame inside it."""
        while frame is not None and (owner_of(frame.f_code) == "ours" or frame.f_code in self._mechanisms):
            frame = frame.f_back
        return frame

    def watch(self, patches: Patches, owner: Any, name: str, made: property, looking: Callable[[Any], Any]) -> None:
        """Put this property in place; `looking` is its getter while a run is flagged."""
        self._properties.append((owner, name, made, made.fget, looking))
        patches.set(owner, name, made)

    def flagged(self, run: Run) -> None:
        """A run has been flagged: look at reads."""
        if run not in self._flagged:
            self._flagged.append(run)
        if len(self._flagged) == 1:
            self._switch(look=True)

    def over(self, run: Run) -> None:
        """A flagged run is over; with the last of them nobody looks any longer."""
        if run in self._flagged:
            self._flagged.remove(run)
            if not self._flagged:
                self._switch(look=False)

    def _switch(self, *, look: bool) -> None:
        for owner, name, made, plain, looking in self._properties:
            # The property stays the same object: what stands on the class is what was put there.
            made.__init__(looking if look else plain, made.fset, made.fdel, made.__doc__)  # type: ignore[misc]
            # Code that has often read it remembers the getter until the class is changed. After the recording it is no more on the class.
            if vars(owner).get(name) is made:
                setattr(owner, name, made)

    def note(self, run: Run, frame: FrameType | None, which: Callable[[Flag], bool]) -> None:
        """A unit read the run's flags of this kind as true."""
        recorder, unit = self._recorder, run.unit
        if unit is None or unit.end_ns is not None:
            return
        state = running_state()
        reader = state.innermost if state is not None else None
        for flag in run.flags:
            key = reader.span_id if reader is not None else None
            if not which(flag) or key in flag.readers:
                continue
            flag.readers.add(key)
            attrs: Attributes = {v.FLAG_ID: flag.number, v.FLAG_RUN: unit.hex, v.FLAG_MECHANISM: flag.mechanism}
            if reader is not None:
                attrs[v.FLAG_READER] = reader.hex
            where = site(self._outward(frame))
            if where is not None:
                attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
            noted_on = reader if reader is not None and reader.end_ns is None else unit
            recorder.event(noted_on, v.CANCEL_FLAG_READ, recorder.now_on(noted_on), attrs)

    def _outward(self, frame: FrameType | None) -> FrameType | None:
        while frame is not None and (owner_of(frame.f_code) == "ours" or frame.f_code in self._readers):
            frame = frame.f_back
        return frame
