"""Cleanup callbacks while their registry runs them: one `cleanup` unit each, with its budget, its runner and its end.

Callbacks are wrapped only for that time, so that `unregister` and the registry's own list see the user's objects until then; a
wrapper equals what it wraps and passes its attributes through, for the registry's list is searched and their names are read.
"""

from __future__ import annotations

import functools
import inspect
from asyncio import CancelledError
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..deadlines import attach
from ..probe import UnitProbe
from ..taskstate import running_state
from ..texts import safe_text, type_name
from .runs import Known

if TYPE_CHECKING:
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState


class Registered:
    """One registration. Callbacks are known by `id()`: the registry itself holds them alive."""

    __slots__ = ("callback_id", "name", "number", "registrar")

    def __init__(self, callback_id: int, number: int, name: str, registrar: Unit | None) -> None:
        self.callback_id = callback_id
        self.number = number
        self.name = name
        self.registrar = registrar


class RegistryState:
    """What we know of one CleanupRegistry: its number, the run that made it, what is registered and not started."""

    __slots__ = ("entries", "number", "run")

    def __init__(self, number: int, run: Unit | None) -> None:
        self.number = number
        self.run = run
        self.entries: list[Registered] = []

    def take(self, callback: Any) -> Registered | None:
        """The first registration of this object, taken out."""
        for entry in self.entries:
            if entry.callback_id == id(callback):
                self.entries.remove(entry)
                return entry
        return None


class Registries(Known[RegistryState]):
    """The registries that we know."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._number = recorder.number

    def of(self, registry: Any) -> RegistryState:
        """What is known of a registry; made for one that was there before the session."""
        known = self.get(registry)
        if known is None:
            known = RegistryState(self._number(), None)
            self.set(registry, known)
        return known


def callback_name(callback: Any) -> str:
    """The name by which the library calls a callback, or its type's where that has none."""
    return str(getattr(callback, "__cleanup_name__", None) or getattr(callback, "__name__", type(callback).__name__))


def watched_run_all(recorder: Recorder, registries: Registries, original: Any) -> Any:
    """`CleanupRegistry.run_all` with a unit around each callback."""
    seam = recorder.seams.cleanup

    @functools.wraps(original)
    async def run_all(self: Any, **options: Any) -> Any:
        if not (recorder.alive and seam.on) or not self._callbacks:
            return await original(self, **options)
        ended: list[WatchedCallback] = []
        with seam:
            known = registries.of(self)
            names = {entry.callback_id: entry for entry in known.entries}
            self._callbacks[:] = [WatchedCallback(recorder, known, names.get(id(each)), each, ended) for each in self._callbacks]
        failed: Any = ()
        try:
            answer = await original(self, **options)
            failed = answer[1]
            return answer
        finally:
            # Cut in the middle the registry keeps its list: give it back the user's own objects.
            self._callbacks[:] = [each.callback if isinstance(each, WatchedCallback) else each for each in self._callbacks]
            if recorder.alive:
                with seam:
                    for each in ended:
                        each.release(failed)

    return run_all


class WatchedCallback:
    """A callback with a unit around its run."""

    __slots__ = ("_ended", "_entry", "_known", "_plain", "_recorder", "_unit", "callback")

    def __init__(
        self, recorder: Recorder, known: RegistryState, entry: Registered | None, callback: Any, ended: list[WatchedCallback]
    ) -> None:
        self._recorder = recorder
        self._known = known
        self._entry = entry or Registered(id(callback), recorder.number(), callback_name(callback), None)
        self._ended = ended
        self.callback = callback
        self._unit: Unit | None = None
        self._plain = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.callback, name)

    def __eq__(self, other: object) -> bool:
        return self is other or bool(self.callback == other)

    def __hash__(self) -> int:
        return hash(self.callback)

    def __call__(self) -> Any:
        """Open the unit with the callback's first step; at once where it is a plain function."""
        callback, recorder = self.callback, self._recorder
        if inspect.iscoroutinefunction(callback):
            return _CallbackProbe(callback(), recorder, self._open, self._close)
        seam = recorder.seams.cleanup
        opened: tuple[TaskState, Unit] | None = None
        if recorder.alive and seam.on:
            with seam:
                opened = self._open()
        try:
            answer = callback()
        except BaseException as error:
            if opened is not None and recorder.alive:
                with seam:
                    self._close(*opened, error, None)
            raise
        if opened is None:
            return answer
        if hasattr(answer, "__await__"):
            body: Any = answer if CoroutineType is type(answer) else _awaited(answer)
            return _CallbackProbe(body, recorder, lambda: self._go_on(*opened), self._close)
        if recorder.alive:
            with seam:
                self._returned(*opened)
        return answer

    def _go_on(self, state: TaskState, unit: Unit) -> tuple[TaskState, Unit]:
        """What a plain function gave to wait for is begun: its time is counted from here."""
        deadline, state.armed = state.armed, None
        if deadline is not None:
            attach(self._recorder, unit, deadline)
        return state, unit

    def _returned(self, state: TaskState, unit: Unit) -> None:
        """A plain function is done. The registry will say what it makes of that: it can only wait for awaitables."""
        self._close(state, unit, None, None)
        self._plain = True

    def release(self, failed: list[tuple[str, BaseException]]) -> None:
        """The registry is through: note what it told of a plain function."""
        unit = self._unit
        if unit is None:
            return
        for name, error in failed if self._plain else ():
            if name == self._entry.name and isinstance(error, TypeError):
                attrs: Attributes = {
                    v.REPORT_CHANNEL: "result",
                    v.REPORT_OUTCOME: "failed",
                    v.REPORT_ERROR_TYPE: type_name(error),
                    v.REPORT_ERROR: safe_text(error),
                }
                self._recorder.event(unit, v.REPORTED, self._recorder.now_on(unit), attrs)
                unit.attrs[v.REPORTED_OUTCOME], unit.attrs[v.REPORTED_BY] = "failed", "result"
                break
        self._recorder.release(unit)

    def _open(self) -> tuple[TaskState, Unit] | None:
        state, recorder, known, entry = running_state(), self._recorder, self._known, self._entry
        if state is None:
            return None
        known.take(self.callback)
        attrs: Attributes = {v.CLEANUP_ID_SPAN: entry.number, v.CLEANUP_REGISTRY_SPAN: known.number}
        if entry.registrar is not None:
            attrs[v.CLEANUP_REGISTRAR_SPAN] = entry.registrar.hex
        runner = state.innermost
        self._unit = unit = recorder.open("cleanup", f"cleanup {entry.name}", state.loop, parent=runner, attrs=attrs)
        recorder.note_started(unit, unit.start_ns)
        started: Attributes = {v.CLEANUP_ID: entry.number, v.CLEANUP_REGISTRY: known.number, v.CLEANUP_NAME: entry.name}
        if known.run is not None:
            started[v.CLEANUP_RUN] = known.run.hex
        if runner is not None:
            started[v.CLEANUP_RUNNER] = runner.hex
        deadline, state.armed = state.armed, None
        if deadline is not None and isinstance(budget := deadline.attrs.get(v.DEADLINE_TIMEOUT), int):
            started[v.CLEANUP_BUDGET] = budget
        recorder.event(unit, v.CLEANUP_STARTED, state.loop.now_ns(), started)
        state.enter(unit)
        if deadline is not None:
            attach(recorder, unit, deadline)
        return state, unit

    def _close(self, state: TaskState, unit: Unit, error: BaseException | None, _result: Any) -> None:
        recorder, number = self._recorder, self._entry.number
        if error is None:
            recorder.event(unit, v.CLEANUP_FINISHED, state.loop.now_ns(), {v.CLEANUP_ID: number})
        else:
            by_budget = any(request.scope is not None and request.scope.unit is unit for request in unit.delivered)
            how = "raised" if not isinstance(error, CancelledError) else "timed_out" if by_budget else "cancelled"
            attrs: Attributes = {
                v.CLEANUP_ID: number,
                v.CLEANUP_FAILURE: how,
                v.REPORT_ERROR_TYPE: type_name(error),
                v.REPORT_ERROR: safe_text(error),
            }
            recorder.event(unit, v.CLEANUP_FAILED, state.loop.now_ns(), attrs)
        # Kept until the registry is through: the timeout around it is left after its end.
        recorder.close(state, unit, error, release=False)
        self._ended.append(self)


class _CallbackProbe(UnitProbe):
    """A `UnitProbe` whose failures are those of this seam."""

    __slots__ = ()

    def _begin(self) -> None:
        open_unit, self._open = self._open, None
        recorder = self._recorder
        if open_unit is None or not (recorder.alive and recorder.seams.cleanup.on):
            return
        with recorder.seams.cleanup:
            opened = open_unit()
            if opened is not None:
                self._state, self._unit = opened

    def _finish(self, error: BaseException | None, result: Any) -> None:
        state, unit, recorder = self._state, self._unit, self._recorder
        if state is None or unit is None or not recorder.alive:
            return
        self._state = self._unit = None
        with recorder.seams.cleanup:
            self._close(state, unit, error, result)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
