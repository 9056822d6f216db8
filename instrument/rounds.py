"""Rounds: the same thing again and again, measured after each, to see whether something grows, and what a timeout costs.

    rounds = Rounds("cancelled runs")
    for _ in range(40):
        rounds.watch(context)
        await one(context)
        await rounds.over()

What a round leaves behind is measured when its garbage has been collected: memory, descriptors, and which of the watched objects
are alive. Of the memory the recorder's own records are left out. A measurement takes a fifth of a second or so, in which the loop
stands still; that is not noted as blocked, for the program did nothing. Without a recording nothing is measured.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import weakref
from collections import deque
from time import monotonic_ns, sleep
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from . import vocabulary as v
from .attach import active
from .threads import owner_here

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clocks import LoopState
    from .recorder import Recorder
    from .records import Attributes, Unit

_OPEN_FILES: Final = ("/proc/self/fd", "/dev/fd")
"""Folders that list the process's descriptors."""

_PLAIN: Final = (dict, list, tuple, set, frozenset, deque, str, bytes, int, float)
"""What records are made of; whatever else they refer to is not theirs."""

_CHUNK: Final = 10_000
_STEPS: Final = 2
_REST_S: Final = 0.12
"""In this time the recorder's writer comes to rest: texts that it is at would be taken for the program's."""

_NOT_OURS: Final = (asyncio.Future, type)
"""Classes of the recorder that stand in for the program's own objects, which count."""


class Rounds:
    """One series of rounds. The unit that measures first and the series' name tell it apart from others.

    Args:
        name: what is repeated.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._watched: list[weakref.ref[Any]] = []

    def watch(self, *things: object) -> None:
        """These must be gone when the round is over. Only weak references are kept.

        Raises:
            TypeError: one of them cannot be referred to weakly.
        """
        self._watched.extend(weakref.ref(thing) for thing in things)

    async def over(self) -> None:
        """The round is over, and the caller has dropped what it got: collect the garbage, measure what is left, and note it.

        The task makes two steps first: in the step that a CancelledError came with, asyncio itself still holds its frames.
        """
        watched, self._watched = self._watched, []
        here = _here()
        if here is None:
            return
        recorder, unit, loop = here
        for _ in range(_STEPS):
            await asyncio.sleep(0)
        if recorder.alive:
            with recorder.seams.resource:
                self._measure(recorder, unit, loop, watched)

    def _measure(self, recorder: Recorder, unit: Unit, loop: LoopState, watched: list[weakref.ref[Any]]) -> None:
        recorder.note_blocked(loop, unit)
        sleep(_REST_S)
        gc.collect()
        attrs: Attributes = {v.ROUND_NAME: self.name}
        if watched:
            attrs[v.ROUND_WATCHED] = len(watched)
            attrs[v.ROUND_ALIVE] = sum(ref() is not None for ref in watched)
        if (descriptors := open_descriptors()) is not None:
            attrs[v.ROUND_DESCRIPTORS] = descriptors
        if (memory := memory_bytes()) is not None:
            attrs[v.ROUND_MEMORY] = memory
        recorder.event(unit, v.ROUND, loop.now_ns(), attrs)
        # The step begins anew as far as standing still goes: it was the measurement that took so long.
        loop.step.noted_ns = monotonic_ns()

    def sample(self, seconds: float, *, armed: bool) -> None:
        """One of two that belong together took so long: once with a timeout that was armed and taken off, once without.

        The n-th with a timeout is compared with the n-th without.
        """
        here = _here()
        if here is None:
            return
        recorder, unit, loop = here
        attrs: Attributes = {v.ROUND_NAME: self.name, v.ROUND_TOOK: round(seconds * 1e9), v.ROUND_ARMED: armed}
        recorder.event(unit, v.ROUND, loop.now_ns(), attrs)


def _here() -> tuple[Recorder, Unit, LoopState] | None:
    """Who notes a round: the running unit that is no scope; None without a recording."""
    owner, recorder = owner_here(), active()
    return None if owner is None or recorder is None else (recorder, *owner)


def open_descriptors() -> int | None:
    """Descriptors that the process has open; None where the system does not list them."""
    for folder in _OPEN_FILES:
        try:
            return len(os.listdir(folder)) - 1  # noqa: PTH208 - one of them is the listing's own, and a Path would cost more
        except OSError:
            continue
    return None


def memory_bytes() -> int | None:
    """Sizes of all Python objects that are reachable for the garbage collector, the recorder's own left out, in bytes.

    None where Python does not tell (PyPy). Exact for what Python's objects take themselves: what a C library takes elsewhere, what the
    allocator keeps for later and what freed objects left in between are not in it, so that equal states give equal numbers.
    """
    if sys.implementation.name != "cpython":
        return None
    tracked = gc.get_objects()
    ours = _recorder_s(tracked)
    total = sum(_size(thing) for thing in tracked if id(thing) not in ours)
    # What the collector does not know (texts, numbers, tuples of them) hangs on what it knows.
    known: set[int] = ours
    front = _untracked(tracked, known)
    while front:
        total += sum(map(_size, front))
        front = _untracked(front, known)
    return total


def _untracked(things: list[Any], known: set[int]) -> list[Any]:
    """What these refer to and the collector does not know, once each; `known` learns of it."""
    found: list[Any] = []
    for start in range(0, len(things), _CHUNK):
        # A module's namespace is among `things`. Asking the module itself crashes 3.12: that of asyncio's tasks shows freed objects.
        askable = [thing for thing in things[start : start + _CHUNK] if not isinstance(thing, ModuleType)]
        for thing in gc.get_referents(*askable):
            if not gc.is_tracked(thing) and id(thing) not in known:
                known.add(id(thing))
                found.append(thing)
    return found


def _recorder_s(tracked: Iterable[Any]) -> set[int]:
    """Ids of the recorder's records and of what these are made of."""
    classes = {cls for cls in set(map(type, tracked)) if _is_record(cls)}
    front = [thing for thing in tracked if type(thing) in classes]
    ids = {id(thing) for thing in front}
    while front:
        further = gc.get_referents(*front)
        front = []
        for thing in further:
            if id(thing) not in ids and (type(thing) in _PLAIN or type(thing) in classes):
                ids.add(id(thing))
                front.append(thing)
    return ids


def _is_record(cls: type) -> bool:
    module = cls.__dict__.get("__module__")
    return isinstance(module, str) and module.startswith(__package__ or "spanproof") and not issubclass(cls, _NOT_OURS)


def _size(thing: Any) -> int:
    try:
        return sys.getsizeof(thing, 0)
    except Exception:  # noqa: BLE001 - a class of the program's own whose __sizeof__ fails
        return 0
