"""The cleanup registry: what was registered by whom, dropped without a word, run by which run, and how it ended.

Callbacks are wrapped only while their registry runs them, so that `unregister` and the registry's own list see the user's
objects until then.
"""

from __future__ import annotations

import functools
import sys
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..deadlines import attach
from ..frames import site
from ..probe import UnitProbe
from ..taskstate import running_state
from ..texts import safe_text, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..seams import Seam
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
    """What we know of one CleanupRegistry: its number, the run that made it, what is registered."""

    __slots__ = ("entries", "number", "run")

    def __init__(self, number: int, run: Unit | None) -> None:
        self.number = number
        self.run = run
        self.entries: list[Registered] = []


def _state_of(registry: Any, recorder: Recorder) -> RegistryState:
    known = registry.__dict__.get("_spanproof")
    if not isinstance(known, RegistryState):
        known = registry.__dict__["_spanproof"] = RegistryState(recorder.number(), None)
    return known


def _callback_name(callback: Any) -> str:
    return str(getattr(callback, "__cleanup_name__", None) or getattr(callback, "__name__", type(callback).__name__))


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `CleanupRegistry` and `UnifiedStageGraph.register_cleanup`."""
    from stageflow.pipeline.cancellation import CleanupRegistry
    from stageflow.pipeline.dag import UnifiedStageGraph

    seam = recorder.seams.cleanup
    _watch_registration(recorder, seam, patches, CleanupRegistry)
    _watch_dropping(recorder, seam, patches, UnifiedStageGraph)
    _watch_running(recorder, seam, patches, CleanupRegistry)


def _where(attrs: Attributes) -> Attributes:
    where = site(sys._getframe(2))
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    return attrs


def _watch_registration(recorder: Recorder, seam: Seam, patches: Patches, cls: Any) -> None:
    init, register, unregister = cls.__init__, cls.register, cls.unregister

    @functools.wraps(init)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        if recorder.alive and seam.on:
            with seam:
                state = running_state()
                owner = state.innermost if state is not None else None
                run = owner if owner is not None and owner.kind == "pipeline" else None
                self.__dict__["_spanproof"] = RegistryState(recorder.number(), run)

    @functools.wraps(register)
    def register_(self: Any, callback: Any, *, name: str | None = None) -> None:
        register(self, callback, name=name)
        if recorder.alive and seam.on:
            with seam:
                _note_registered(recorder, self, callback)

    @functools.wraps(unregister)
    def unregister_(self: Any, callback: Any) -> bool:
        found = bool(unregister(self, callback))
        if found and recorder.alive and seam.on:
            with seam:
                _note_unregistered(recorder, self, callback)
        return found

    patches.set(cls, "__init__", __init__)
    patches.set(cls, "register", register_)
    patches.set(cls, "unregister", unregister_)


def _note_registered(recorder: Recorder, registry: Any, callback: Any) -> None:
    state = running_state()
    registrar = state.innermost if state is not None else None
    known = _state_of(registry, recorder)
    entry = Registered(id(callback), recorder.number(), _callback_name(callback), registrar)
    known.entries.append(entry)
    if state is not None and registrar is not None:
        attrs: Attributes = {v.CLEANUP_ID: entry.number, v.CLEANUP_REGISTRY: known.number, v.CLEANUP_NAME: entry.name}
        attrs[v.CLEANUP_REGISTRAR] = registrar.hex
        if known.run is not None:
            attrs[v.CLEANUP_RUN] = known.run.hex
        recorder.event(registrar, v.CLEANUP_REGISTERED, state.loop.now_ns(), _where(attrs))


def _note_unregistered(recorder: Recorder, registry: Any, callback: Any) -> None:
    known = _state_of(registry, recorder)
    for entry in known.entries:
        if entry.callback_id == id(callback):
            known.entries.remove(entry)
            state = running_state()
            if state is not None and state.innermost is not None:
                attrs: Attributes = {v.CLEANUP_ID: entry.number, v.CLEANUP_REGISTRY: known.number}
                recorder.event(state.innermost, v.CLEANUP_UNREGISTERED, state.loop.now_ns(), attrs)
            return


def _watch_dropping(recorder: Recorder, seam: Seam, patches: Patches, cls: Any) -> None:
    original = cls.register_cleanup

    @functools.wraps(original)
    def register_cleanup(self: Any, callback: Any, *, name: str | None = None) -> None:
        dropped = self.cleanup_registry is None
        original(self, callback, name=name)
        if not (dropped and recorder.alive and seam.on):
            return
        with seam:
            state = running_state()
            registrar = state.innermost if state is not None else None
            if state is not None and registrar is not None:
                attrs: Attributes = {
                    v.CLEANUP_ID: recorder.number(),
                    v.CLEANUP_NAME: name or _callback_name(callback),
                    v.CLEANUP_REGISTRAR: registrar.hex,
                }
                if registrar.run is not None:
                    attrs[v.CLEANUP_RUN] = f"{registrar.run:016x}"
                recorder.event(registrar, v.CLEANUP_DROPPED, state.loop.now_ns(), _where(attrs))

    patches.set(cls, "register_cleanup", register_cleanup)


def _watch_running(recorder: Recorder, seam: Seam, patches: Patches, cls: Any) -> None:
    original = cls.run_all

    @functools.wraps(original)
    async def run_all(self: Any, **options: Any) -> Any:
        if not (recorder.alive and seam.on) or not self._callbacks:
            return await original(self, **options)
        with seam:
            self._callbacks[:] = [_watched_callback(recorder, self, callback) for callback in self._callbacks]
        try:
            return await original(self, **options)
        finally:
            # Cut in the middle the registry keeps its list: give it back the user's own objects.
            self._callbacks[:] = [getattr(callback, "__spanproof_watched__", callback) for callback in self._callbacks]

    patches.set(cls, "run_all", run_all)


def _watched_callback(recorder: Recorder, registry: Any, callback: Any) -> Callable[[], Any]:
    known = _state_of(registry, recorder)
    entry = next((entry for entry in known.entries if entry.callback_id == id(callback)), None)
    if entry is not None:
        known.entries.remove(entry)
    else:
        entry = Registered(id(callback), recorder.number(), _callback_name(callback), None)
    registered = entry

    def watched() -> Any:
        awaitable = callback()
        if not hasattr(awaitable, "send"):
            return awaitable
        return UnitProbe(
            awaitable,
            recorder,
            lambda: _open(recorder, known, registered),
            lambda state, unit, error, _result: _close(recorder, registered, state, unit, error),
        )

    watched.__name__ = getattr(callback, "__name__", "callback")
    watched.__cleanup_name__ = registered.name  # type: ignore[attr-defined]
    watched.__spanproof_watched__ = callback  # type: ignore[attr-defined]
    return watched


def _open(recorder: Recorder, known: RegistryState, entry: Registered) -> tuple[TaskState, Unit] | None:
    state = running_state()
    if state is None:
        return None
    attrs: Attributes = {v.CLEANUP_ID_SPAN: entry.number, v.CLEANUP_REGISTRY_SPAN: known.number}
    if entry.registrar is not None:
        attrs[v.CLEANUP_REGISTRAR_SPAN] = entry.registrar.hex
    runner = state.innermost
    unit = recorder.open("cleanup", f"cleanup {entry.name}", state.loop, parent=runner, attrs=attrs)
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


def _close(recorder: Recorder, entry: Registered, state: TaskState, unit: Unit, error: BaseException | None) -> None:
    if error is None:
        recorder.event(unit, v.CLEANUP_FINISHED, state.loop.now_ns(), {v.CLEANUP_ID: entry.number})
    else:
        by_budget = any(request.scope is not None and request.scope.unit is unit for request in unit.delivered)
        how = "raised" if not isinstance(error, CancelledError) else "timed_out" if by_budget else "cancelled"
        attrs: Attributes = {
            v.CLEANUP_ID: entry.number,
            v.CLEANUP_FAILURE: how,
            v.REPORT_ERROR_TYPE: type_name(error),
            v.REPORT_ERROR: safe_text(error),
        }
        recorder.event(unit, v.CLEANUP_FAILED, state.loop.now_ns(), attrs)
    recorder.close(state, unit, error)
