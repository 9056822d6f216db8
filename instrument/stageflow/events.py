"""What the library emits to event sinks about stages and runs: one `reported` with channel `event` each.

A sink is the user's own object, so it is watched where the library speaks to it. Which functions of 1.2.0 emit about the life of a
stage or a run, and nothing else does: the deprecated graph's stage events, the skip event (noted where `_run_stage` returns such an
output), guard retries, wide events, and the spawner's.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..taskstate import running_state
from . import outcomes

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from .runs import Runs

_STAGE_WORDS: dict[str, v.Outcome] = {"completed": "completed", "failed": "failed", "cancelled": "cancelled"}
_SPAWNER: dict[str, tuple[str, v.Outcome | None]] = {
    "_emit_spawned": ("pipeline.spawned_child", None),
    "_emit_completed": ("pipeline.child_completed", "completed"),
    "_emit_failed": ("pipeline.child_failed", "failed"),
}


def install(recorder: Recorder, patches: Patches, runs: Runs) -> None:
    """Watch the functions that emit."""
    from stageflow.core import StageContext
    from stageflow.observability.wide_events import WideEventEmitter
    from stageflow.pipeline import dag
    from stageflow.pipeline.subpipeline import SubpipelineSpawner
    from stageflow.stages.context import PipelineContext

    _watch_stage_events(recorder, patches, PipelineContext, vars(dag.StageGraph)["_run_stage"])
    _watch_guard_retries(recorder, patches, StageContext)
    _watch_wide_events(recorder, patches, WideEventEmitter)
    for name, (type_, outcome) in _SPAWNER.items():
        patches.set(SubpipelineSpawner, name, _watched_emit(recorder, vars(SubpipelineSpawner)[name], type_, outcome))
    _watch_canceled(recorder, patches, runs, SubpipelineSpawner)


def _report(
    recorder: Recorder, unit: Unit | None, type_: str, outcome: v.Outcome | None, error: object = None, *, stage: object = None
) -> None:
    if unit is None or unit.end_ns is not None:
        return
    attrs: Attributes = {v.REPORT_CHANNEL: "event", v.REPORT_STATUS: type_}
    if outcome is not None:
        attrs[v.REPORT_OUTCOME] = outcome
    if error:
        attrs[v.REPORT_ERROR] = outcomes.text_of(error)
    if stage is not None:
        attrs[v.REPORT_STAGE] = str(stage)
    recorder.event(unit, v.REPORTED, recorder.now_on(unit), attrs)


def _innermost() -> Unit | None:
    state = running_state()
    return state.innermost if state is not None else None


def _watch_stage_events(recorder: Recorder, patches: Patches, cls: Any, emitter: Any) -> None:
    original = cls.record_stage_event
    # The wrapper of `_run_stage` hides the function that emits: below it is the library's own.
    code = getattr(emitter, "__wrapped__", emitter).__code__

    @functools.wraps(original)
    def record_stage_event(self: Any, *, stage: str, status: str, payload: dict[str, Any] | None = None) -> None:
        original(self, stage=stage, status=status, payload=payload)
        # A stage's own events of progress are its own affair.
        if recorder.alive and recorder.seams.stageflow.on and sys._getframe(1).f_code is code:
            with recorder.seams.stageflow:
                state = running_state()
                if state is not None and state.stage is not None:
                    error = payload.get("error") if payload else None
                    outcome = _STAGE_WORDS.get(status)
                    if outcome == "failed" and outcomes.says_timed_out(error):
                        outcome = "timed_out"
                    state.stage.report_event(f"stage.{stage}.{status}", outcome, error)

    patches.set(cls, "record_stage_event", record_stage_event)


def _watch_guard_retries(recorder: Recorder, patches: Patches, cls: Any) -> None:
    original = cls.try_emit_event

    @functools.wraps(original)
    def try_emit_event(self: Any, type: str, data: dict[str, Any]) -> None:
        original(self, type, data)
        if recorder.alive and recorder.seams.stageflow.on and type.startswith("guard_retry."):
            with recorder.seams.stageflow:
                # Emitted by the run, about one of its stages.
                _report(recorder, _innermost(), type, None, stage=data.get("guard"))

    patches.set(cls, "try_emit_event", try_emit_event)


def _watch_wide_events(recorder: Recorder, patches: Patches, cls: Any) -> None:
    of_stage, of_pipeline = cls.emit_stage_event, cls.emit_pipeline_event

    @functools.wraps(of_stage)
    def emit_stage_event(self: Any, *, ctx: Any, result: Any, **more: Any) -> None:
        of_stage(self, ctx=ctx, result=result, **more)
        if recorder.alive and recorder.seams.stageflow.on:
            with recorder.seams.stageflow:
                # The run tells it of a stage whose unit has been written by now.
                told = outcomes.of_result(result)
                _report(recorder, _innermost(), str(self.stage_event_type), told, result.error, stage=result.name)

    @functools.wraps(of_pipeline)
    def emit_pipeline_event(self: Any, *, ctx: Any, stage_results: Any, status: str | None = None, **more: Any) -> None:
        of_pipeline(self, ctx=ctx, stage_results=stage_results, status=status, **more)
        if recorder.alive and recorder.seams.stageflow.on:
            with recorder.seams.stageflow:
                told: v.Outcome | None = _STAGE_WORDS.get(status) if status is not None else None
                _report(recorder, _innermost(), str(self.pipeline_event_type), told)

    patches.set(cls, "emit_stage_event", emit_stage_event)
    patches.set(cls, "emit_pipeline_event", emit_pipeline_event)


def _watched_emit(recorder: Recorder, original: Any, type_: str, outcome: v.Outcome | None) -> Any:
    @functools.wraps(original)
    async def emit(self: Any, *arguments: Any, **options: Any) -> None:
        await original(self, *arguments, **options)
        if recorder.alive and recorder.seams.stageflow.on:
            with recorder.seams.stageflow:
                # The error's text is the fourth of what `_emit_failed` is given.
                error = arguments[3] if outcome == "failed" and len(arguments) > 3 else None
                _report(recorder, _innermost(), type_, outcome, error)

    return emit


def _watch_canceled(recorder: Recorder, patches: Patches, runs: Runs, cls: Any) -> None:
    original = cls._emit_canceled

    @functools.wraps(original)
    async def _emit_canceled(self: Any, run_id: Any, *arguments: Any, **options: Any) -> None:
        await original(self, run_id, *arguments, **options)
        if recorder.alive and recorder.seams.stageflow.on:
            with recorder.seams.stageflow:
                run = runs.with_uuid(run_id)
                _report(recorder, run.unit if run is not None else _innermost(), "pipeline.canceled", "cancelled")

    patches.set(cls, "_emit_canceled", _emit_canceled)
