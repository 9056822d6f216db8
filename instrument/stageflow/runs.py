"""Which run a context, a token or a library's run id belongs to, for as long as the run lasts."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..recorder import Recorder
    from ..records import Unit

_all: weakref.WeakKeyDictionary[Recorder, Runs] = weakref.WeakKeyDictionary()


class Runs:
    """Open runs of one recording. Contexts are known by `id()`, only while their run holds them alive."""

    def __init__(self) -> None:
        self._by_context: dict[int, Unit] = {}
        self._by_uuid: dict[str, Unit] = {}
        self._attempts: dict[tuple[int, str], int] = {}

    @staticmethod
    def of(recorder: Recorder) -> Runs:
        """The runs of a recording."""
        return _all.setdefault(recorder, Runs())

    def begin(self, unit: Unit, ctx: Any) -> None:
        """A run has begun with this context."""
        self._by_context[id(ctx)] = unit
        run_uuid = getattr(ctx, "pipeline_run_id", None)
        if run_uuid is not None:
            self._by_uuid[str(run_uuid)] = unit

    def finish(self, unit: Unit, ctx: Any) -> None:
        """The run has ended."""
        if self._by_context.get(id(ctx)) is unit:
            del self._by_context[id(ctx)]
        run_uuid = getattr(ctx, "pipeline_run_id", None)
        if run_uuid is not None and self._by_uuid.get(str(run_uuid)) is unit:
            del self._by_uuid[str(run_uuid)]
        self._attempts = {key: value for key, value in self._attempts.items() if key[0] != unit.span_id}

    def with_context(self, ctx: Any) -> Unit | None:
        """The open run of a context."""
        return self._by_context.get(id(ctx))

    def with_uuid(self, run_uuid: object) -> Unit | None:
        """The open run with the library's own id."""
        return self._by_uuid.get(str(run_uuid))

    def next_attempt(self, run: int | None, stage: str) -> int:
        """Number of the attempt of a stage that begins now in this run, from 1."""
        key = (run or 0, stage)
        number = self._attempts[key] = self._attempts.get(key, 0) + 1
        return number
