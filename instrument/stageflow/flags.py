"""Cooperative flags: `mark_canceled`, the cancellation token, `cancel_with_children`. A flag asks nobody; it waits to be read."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..frames import site
from ..taskstate import running_state
from .runs import Runs

if TYPE_CHECKING:
    from types import FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch the three ways to set a flag."""
    from stageflow.pipeline.cancellation import CancellationToken
    from stageflow.pipeline.subpipeline import SubpipelineSpawner
    from stageflow.stages.context import PipelineContext

    runs = Runs.of(recorder)
    _watch_contexts(recorder, runs, patches, PipelineContext)
    _watch_tokens(recorder, patches, CancellationToken)
    _watch_children(recorder, runs, patches, SubpipelineSpawner)


def _note(recorder: Recorder, run: Unit | None, mechanism: str, frame: FrameType | None) -> None:
    """Note a flag on the run that it flags."""
    if run is None or run.end_ns is not None:
        return
    state = running_state()
    by = state.innermost if state is not None else None
    attrs: Attributes = {
        v.FLAG_ID: recorder.number(),
        v.FLAG_RUN: run.hex,
        v.FLAG_MECHANISM: mechanism,
    }
    if by is not None:
        attrs[v.FLAG_BY] = by.hex
    where = site(frame)
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    at_ns = state.loop.now_ns() if state is not None else recorder.now_on(run)
    recorder.event(run, v.CANCEL_FLAGGED, at_ns, attrs)


def _watch_contexts(recorder: Recorder, runs: Runs, patches: Patches, cls: Any) -> None:
    original = cls.mark_canceled

    @functools.wraps(original)
    def mark_canceled(self: Any, *arguments: Any, **options: Any) -> None:
        before = bool(self.canceled)
        original(self, *arguments, **options)
        if not before and recorder.alive and recorder.seams.flag.on:
            with recorder.seams.flag:
                _note(recorder, runs.with_context(self), "mark_canceled", sys._getframe(1))

    patches.set(cls, "mark_canceled", mark_canceled)


def _watch_tokens(recorder: Recorder, patches: Patches, cls: Any) -> None:
    init, cancel = cls.__init__, cls.cancel

    @functools.wraps(init)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        if recorder.alive and recorder.seams.flag.on:
            with recorder.seams.flag:
                state = running_state()
                if state is not None and state.innermost is not None and state.innermost.kind == "pipeline":
                    # The graph makes its token inside its run.
                    self.__dict__["_spanproof"] = state.innermost

    @functools.wraps(cancel)
    def cancel_(self: Any, *arguments: Any, **options: Any) -> None:
        before = bool(self.is_cancelled)
        cancel(self, *arguments, **options)
        if not before and recorder.alive and recorder.seams.flag.on:
            with recorder.seams.flag:
                _note(recorder, self.__dict__.get("_spanproof"), "token", sys._getframe(1))

    patches.set(cls, "__init__", __init__)
    patches.set(cls, "cancel", cancel_)


def _watch_children(recorder: Recorder, runs: Runs, patches: Patches, cls: Any) -> None:
    original = cls.cancel_with_children

    @functools.wraps(original)
    async def cancel_with_children(self: Any, *arguments: Any, **options: Any) -> Any:
        frame = sys._getframe(1)
        flagged = await original(self, *arguments, **options)
        if recorder.alive and recorder.seams.flag.on:
            with recorder.seams.flag:
                for run_uuid in flagged:
                    _note(recorder, runs.with_uuid(run_uuid), "cancel_with_children", frame)
        return flagged

    patches.set(cls, "cancel_with_children", cancel_with_children)
