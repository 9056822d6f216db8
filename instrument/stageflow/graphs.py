"""Runs of a graph: one `pipeline` unit each, with its declared stages, and what the caller got."""

from __future__ import annotations

import functools
import sys
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..callers import HANDLE_RUN, declare_transparent
from ..frames import owner_of
from ..probe import TaskProbe, UnitProbe
from ..taskstate import running_state
from ..texts import safe_text, type_name
from . import flags, outcomes

if TYPE_CHECKING:
    from types import FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState
    from .runs import Runs

_STEP = TaskProbe.__next__.__code__


def install(recorder: Recorder, patches: Patches, runs: Runs) -> None:
    """Watch both graph classes, the deprecated one too."""
    from stageflow.pipeline import dag

    for cls in (dag.UnifiedStageGraph, dag.StageGraph):
        declare_transparent(cls._execute_node.__code__)
        patches.set(cls, "run", _watched_run(recorder, runs, cls.run))


def _watched_run(recorder: Recorder, runs: Runs, original: Any) -> Any:
    @functools.wraps(original)
    async def run(self: Any, ctx: Any) -> Any:
        seam = recorder.seams.stageflow
        if not (recorder.alive and seam.on):
            return await original(self, ctx)
        where: tuple[str, int, str] | None = None
        with seam:
            where = _caller(sys._getframe(1))
        opened: Unit | None = None

        def open_unit() -> tuple[TaskState, Unit] | None:
            nonlocal opened
            state = running_state()
            if state is None:
                return None
            opened = open_pipeline(recorder, runs, state, self, ctx, where)
            return state, opened

        def close_unit(state: TaskState, unit: Unit, error: BaseException | None, result: Any) -> None:
            close_pipeline(recorder, runs, state, unit, ctx, error, result)

        try:
            return await UnitProbe(original(self, ctx), recorder, open_unit, close_unit)
        finally:
            # Closed in the middle, as by a loop that is closed over it, it ends without a word; another context may get this one's id.
            if opened is not None:
                runs.finish(opened, ctx)

    return run


def open_pipeline(recorder: Recorder, runs: Runs, state: TaskState, graph: Any, ctx: Any, where: tuple[str, int, str] | None) -> Unit:
    """Open the unit of a run; a trace begins here when no pipeline is above."""
    specs = list(graph.stage_specs)
    name = getattr(graph, "_pipeline_name", None) or getattr(ctx, "topology", None) or "pipeline"
    attrs: Attributes = {
        v.PIPELINE: str(name),
        v.PIPELINE_STAGES: [str(spec.name) for spec in specs],
        v.PIPELINE_EDGES: [f"{dependency}>{spec.name}" for spec in specs for dependency in spec.dependencies],
    }
    run_uuid = getattr(ctx, "pipeline_run_id", None)
    if run_uuid is not None:
        attrs[v.RUN_UUID] = str(run_uuid)
    if where is not None:
        attrs[v.CODE_FILE], attrs[v.CODE_LINE], attrs[v.CODE_FUNCTION] = where
    parent = state.innermost
    begins = parent is None or parent.run is None
    unit = recorder.open("pipeline", f"pipeline {name}", state.loop, parent=parent, new_trace=begins, attrs=attrs)
    recorder.note_started(unit, unit.start_ns)
    state.enter(unit)
    run = runs.begin(unit, ctx)
    if getattr(ctx, "canceled", False) is True:
        flags.note_inherited(recorder, runs, run)
    return unit


def _caller(frame: FrameType | None) -> tuple[str, int, str] | None:
    """(file, line, function) of who awaits the run: the first frame outward that is a program's, within the task's step."""
    while frame is not None and frame.f_code is not HANDLE_RUN and frame.f_code is not _STEP:
        if owner_of(frame.f_code) not in ("stageflow", "ours", "stdlib"):
            return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname
        frame = frame.f_back
    return None


def close_pipeline(
    recorder: Recorder, runs: Runs, state: TaskState, unit: Unit, ctx: Any, error: BaseException | None, result: Any
) -> None:
    """Note what the caller gets, and end the unit."""
    runs.finish(unit, ctx)
    attrs: Attributes = {v.REPORT_CHANNEL: "caller"}
    outcome: v.Outcome | None = None
    if error is None:
        told: v.Outcome = "completed"
        attrs[v.REPORT_RESULTS] = _names(result)
    else:
        told = "failed"
        attrs[v.REPORT_ERROR_TYPE] = type_name(error)
        attrs[v.REPORT_ERROR] = safe_text(error)
        if type(error).__name__ == "UnifiedPipelineCancelled":
            # A stage's cancel output ends the run without an error: the run was cancelled from inside.
            told = outcome = "cancelled"
        elif isinstance(error, CancelledError):
            told = "cancelled"
        stage = getattr(error, "stage", None)
        if isinstance(stage, str):
            attrs[v.REPORT_STAGE] = stage
            original = getattr(error, "original", None)
            if told == "failed" and original is not None and outcomes.says_timed_out(safe_text(original)):
                told = "timed_out"
        attrs[v.REPORT_RESULTS] = _names(getattr(error, "results", None))
    attrs[v.REPORT_OUTCOME] = told
    recorder.event(unit, v.REPORTED, state.loop.now_ns(), attrs)
    unit.attrs[v.REPORTED_OUTCOME] = told
    unit.attrs[v.REPORTED_BY] = "caller"
    recorder.close(state, unit, error, outcome)


def _names(results: Any) -> list[str]:
    return sorted(str(name) for name in results) if outcomes.is_dict(results) else []
