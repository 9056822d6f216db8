"""Drive a stage's body: the unit of the attempt opens at its first step and ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..probe import UnitProbe

if TYPE_CHECKING:
    from .stages import StageRun


class BodyProbe(UnitProbe):
    """A `UnitProbe` of one stage. Written out, because each step of each stage pays for every call in here."""

    __slots__ = ("_fresh", "_stage")

    def __init__(self, coro: Any, stage: StageRun) -> None:
        self._coro = coro
        self._stage = stage
        self._recorder = stage.recorder
        self._fresh = True
        self._open = None
        self._state = None
        self._unit = None

    def __next__(self) -> Any:
        if self._fresh:
            self._begin()
        try:
            return self._coro.send(None)
        except StopIteration as stop:
            self._finish(None, stop.value)
            raise
        except BaseException as error:
            self._finish(error, None)
            raise

    def send(self, value: Any, /) -> Any:
        if self._fresh:
            self._begin()
        return super().send(value)

    def fail(self, error: BaseException) -> None:
        """The body raised before there was anything to drive."""
        self._coro.close()
        self._begin()
        self._finish(error, None)

    def _begin(self) -> None:
        self._fresh = False
        recorder, stage = self._recorder, self._stage
        if not (recorder.alive and recorder.seams.stageflow.on):
            return
        try:
            self._unit = stage.open()
            self._state = stage.state
        except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
            recorder.seams.stageflow.fail(fault)

    def _finish(self, error: BaseException | None, result: Any) -> None:
        unit, recorder = self._unit, self._recorder
        if unit is None or not recorder.alive:
            return
        self._state = self._unit = None
        try:
            self._stage.close(unit, error, result)
        except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
            recorder.seams.stageflow.fail(fault)
