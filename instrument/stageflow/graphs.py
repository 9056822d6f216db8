"""Runs of a graph: one `pipeline` unit each, with its declared stages, and what the caller got."""

from __future__ import annotations

import functools
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..callers import declare_transparent
from ..probe import UnitProbe
from ..taskstate import running_state
from ..texts import safe_text, type_name
from . import outcomes
from .runs import Runs

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch both graph classes, the deprecated one too."""
    from stageflow.pipeline import dag

    runs = Runs.of(recorder)
    for cls in (dag.UnifiedStageGraph, dag.StageGraph):
        declare_transparent(cls._execute_node.__code__)
        patches.set(cls, "run", _watched_run(recorder, runs, cls.run))


def _watched_run(recorder: Recorder, runs: Runs, original: Any) -> Any:
    @functools.wraps(original)
    async def run(self: Any, ctx: Any) -> Any:
        seam = recorder.seams.stageflow
        if not (recorder.alive and seam.on):
            return await original(self, ctx)

        def open_unit() -> tuple[TaskState, Unit] | None:
            state = running_state()
            return None if state is None else (state, open_pipeline(recorder, runs, state, self, ctx))

        def close_unit(state: TaskState, unit: Unit, error: BaseException | None, result: Any) -> None:
            close_pipeline(recorder, runs, state, unit, ctx, error, result)

        return await UnitProbe(original(self, ctx), recorder, open_unit, close_unit)

    return run


def open_pipeline(recorder: Recorder, runs: Runs, state: TaskState, graph: Any, ctx: Any) -> Unit:
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
    parent = state.innermost
    begins = parent is None or parent.run is None
    unit = recorder.open("pipeline", f"pipeline {name}", state.loop, parent=parent, new_trace=begins, attrs=attrs)
    recorder.note_started(unit, unit.start_ns)
    state.enter(unit)
    runs.begin(unit, ctx)
    return unit


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
    try:
        return sorted(str(name) for name in results) if results else []
    except TypeError:
        return []
