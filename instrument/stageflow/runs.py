"""Which run a context, a token, a registry or a library's run id belongs to, for as long as the run lasts."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .reads import Reads

if TYPE_CHECKING:
    from ..recorder import Recorder
    from ..records import Unit

_T = TypeVar("_T")


class Run:
    """One run of a graph.

    Attributes:
        unit: its `pipeline` unit; None for stages that somebody runs without a graph.
        attempts: how many attempts of each stage have begun.
        flags: cooperative flags that were set on it.
    """

    __slots__ = ("attempts", "flags", "unit")

    def __init__(self, unit: Unit | None) -> None:
        self.unit = unit
        self.attempts: dict[str, int] = {}
        self.flags: list[Flag] = []

    def next_attempt(self, stage: str) -> int:
        """Number of the attempt of a stage that begins now, from 1."""
        number = self.attempts[stage] = self.attempts.get(stage, 0) + 1
        return number


class Flag:
    """One cooperative flag that was set on a run.

    Attributes:
        readers: span ids of the units that have read it as true.
    """

    __slots__ = ("mechanism", "number", "readers")

    def __init__(self, number: int, mechanism: str) -> None:
        self.number = number
        self.mechanism = mechanism
        self.readers: set[int | None] = set()


class Known(Generic[_T]):
    """What we know of objects of the library, without a trace of it on them; forgotten with them.

    By `id()`, since some of them cannot be hashed. A weak reference takes the entry out before the id can be used again.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], _T]] = {}

    def set(self, thing: Any, value: _T) -> None:
        """Remember this of the object."""
        key, known = id(thing), self._known
        known[key] = weakref.ref(thing, lambda _dead: known.pop(key, None)), value

    def get(self, thing: Any) -> _T | None:
        """What is remembered of the object."""
        found = self._known.get(id(thing))
        return found[1] if found is not None else None


class Runs:
    """Open runs of one recording. Contexts are known by `id()`, only while their run holds them alive.

    Attributes:
        reads: who reads the flags of these runs.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.reads = Reads(recorder)
        self._by_span: dict[int, Run] = {}
        self._by_context: dict[int, list[Run]] = {}
        self._by_uuid: dict[str, Run] = {}

    def begin(self, unit: Unit, ctx: Any) -> Run:
        """A run has begun with this context."""
        run = self._by_span[unit.span_id] = Run(unit)
        self._by_context.setdefault(id(ctx), []).append(run)
        run_uuid = getattr(ctx, "pipeline_run_id", None)
        if run_uuid is not None:
            self._by_uuid[str(run_uuid)] = run
        return run

    def finish(self, unit: Unit, ctx: Any) -> None:
        """The run has ended; later calls do nothing."""
        run = self._by_span.pop(unit.span_id, None)
        if run is None:
            return
        if run.flags:
            self.reads.over(run)
        sharing = self._by_context.get(id(ctx), [])
        if run in sharing:
            sharing.remove(run)
        if not sharing:
            self._by_context.pop(id(ctx), None)
        run_uuid = str(getattr(ctx, "pipeline_run_id", None))
        if self._by_uuid.get(run_uuid) is run:
            del self._by_uuid[run_uuid]

    def of(self, span_id: int | None) -> Run | None:
        """The open run whose `pipeline` unit has this span id."""
        return self._by_span.get(span_id) if span_id is not None else None

    def with_context(self, ctx: Any) -> list[Run]:
        """The open runs that share this context."""
        return list(self._by_context.get(id(ctx), ()))

    def with_uuid(self, run_uuid: object) -> Run | None:
        """The open run with the library's own id."""
        return self._by_uuid.get(str(run_uuid))
