"""The cleanup registry: what was registered by whom, taken back, or dropped without a word. `callbacks` has what runs of it."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..frames import owner_of, site
from ..taskstate import running_state
from . import callbacks
from .callbacks import Registered, Registries, RegistryState, callback_name

if TYPE_CHECKING:
    from types import FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes
    from ..seams import Seam
    from .runs import Runs


def install(recorder: Recorder, patches: Patches, _runs: Runs) -> None:
    """Watch `CleanupRegistry` and `UnifiedStageGraph.register_cleanup`."""
    from stageflow.pipeline.cancellation import CleanupRegistry
    from stageflow.pipeline.dag import UnifiedStageGraph

    seam = recorder.seams.cleanup
    registries = Registries(recorder)
    _watch_registration(recorder, registries, patches, CleanupRegistry)
    _watch_dropping(recorder, seam, patches, UnifiedStageGraph)
    patches.set(CleanupRegistry, "run_all", callbacks.watched_run_all(recorder, registries, CleanupRegistry.run_all))


def _where(attrs: Attributes) -> Attributes:
    frame: FrameType | None = sys._getframe(2)
    # `graph.register_cleanup` passes it on: who called that is who registers.
    while frame is not None and (owner_of(frame.f_code) == "ours" or frame.f_code.co_name == "register_cleanup"):
        frame = frame.f_back
    where = site(frame)
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    return attrs


def _watch_registration(recorder: Recorder, registries: Registries, patches: Patches, cls: Any) -> None:
    init, register, unregister = cls.__init__, cls.register, cls.unregister
    seam = recorder.seams.cleanup

    @functools.wraps(init)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        if recorder.alive and seam.on:
            with seam:
                state = running_state()
                owner = state.innermost if state is not None else None
                run = owner if owner is not None and owner.kind == "pipeline" else None
                registries.set(self, RegistryState(recorder.number(), run))

    @functools.wraps(register)
    def register_(self: Any, callback: Any, *, name: str | None = None) -> None:
        register(self, callback, name=name)
        if recorder.alive and seam.on:
            with seam:
                _note_registered(recorder, registries.of(self), callback)

    @functools.wraps(unregister)
    def unregister_(self: Any, callback: Any) -> bool:
        before = list(self._callbacks)
        found = bool(unregister(self, callback))
        if found and recorder.alive and seam.on:
            with seam:
                # Equal is enough for the library, as for two bound methods of one object: the one that is gone was meant.
                left = self._callbacks
                gone = next((each for each, other in zip(before, left, strict=False) if each is not other), before[-1])
                _note_unregistered(recorder, registries.of(self), gone)
        return found

    patches.set(cls, "__init__", __init__)
    patches.set(cls, "register", register_)
    patches.set(cls, "unregister", unregister_)


def _note_registered(recorder: Recorder, known: RegistryState, callback: Any) -> None:
    state = running_state()
    registrar = state.innermost if state is not None else None
    entry = Registered(id(callback), recorder.number(), callback_name(callback), registrar)
    known.entries.append(entry)
    if state is not None and registrar is not None:
        attrs: Attributes = {v.CLEANUP_ID: entry.number, v.CLEANUP_REGISTRY: known.number, v.CLEANUP_NAME: entry.name}
        attrs[v.CLEANUP_REGISTRAR] = registrar.hex
        if known.run is not None:
            attrs[v.CLEANUP_RUN] = known.run.hex
        recorder.event(registrar, v.CLEANUP_REGISTERED, state.loop.now_ns(), _where(attrs))


def _note_unregistered(recorder: Recorder, known: RegistryState, gone: Any) -> None:
    entry = known.take(gone)
    state = running_state()
    if entry is not None and state is not None and state.innermost is not None:
        attrs: Attributes = {v.CLEANUP_ID: entry.number, v.CLEANUP_REGISTRY: known.number}
        recorder.event(state.innermost, v.CLEANUP_UNREGISTERED, state.loop.now_ns(), attrs)


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
                    v.CLEANUP_NAME: name or callback_name(callback),
                    v.CLEANUP_REGISTRAR: registrar.hex,
                }
                if registrar.run is not None:
                    attrs[v.CLEANUP_RUN] = f"{registrar.run:016x}"
                recorder.event(registrar, v.CLEANUP_DROPPED, state.loop.now_ns(), _where(attrs))

    patches.set(cls, "register_cleanup", register_cleanup)
