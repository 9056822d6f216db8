"""Child pipelines: one `subpipeline` unit a spawn, between the parent stage and the child's run."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..probe import UnitProbe
from ..taskstate import running_state

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState
    from .runs import Runs


def install(recorder: Recorder, patches: Patches, _runs: Runs) -> None:
    """Watch `SubpipelineSpawner.spawn`."""
    from stageflow.pipeline.subpipeline import SubpipelineSpawner

    original = SubpipelineSpawner.spawn

    @functools.wraps(original)
    async def spawn(self: Any, pipeline_name: str, *arguments: Any, **options: Any) -> Any:
        if not (recorder.alive and recorder.seams.stageflow.on):
            return await original(self, pipeline_name, *arguments, **options)

        def open_unit() -> tuple[TaskState, Unit] | None:
            state = running_state()
            if state is None:
                return None
            unit = recorder.open(
                "subpipeline",
                f"subpipeline {pipeline_name}",
                state.loop,
                parent=state.innermost,
                attrs={v.PIPELINE: str(pipeline_name)},
            )
            recorder.note_started(unit, unit.start_ns)
            state.enter(unit)
            return state, unit

        def close_unit(state: TaskState, unit: Unit, error: BaseException | None, result: Any) -> None:
            outcome: v.Outcome | None = None
            if error is None:
                # spawn() turns the child's exception into a result: its own code did not succeed.
                outcome = "completed" if result.success else "failed"
                attrs: Attributes = {v.REPORT_CHANNEL: "result", v.REPORT_OUTCOME: outcome, v.REPORT_HAS_DATA: bool(result.data)}
                if result.error:
                    attrs[v.REPORT_ERROR] = str(result.error)[:1_000]
                recorder.event(unit, v.REPORTED, state.loop.now_ns(), attrs)
                unit.attrs[v.REPORTED_OUTCOME] = outcome
                unit.attrs[v.REPORTED_BY] = "result"
            recorder.close(state, unit, error, outcome)

        return await UnitProbe(original(self, pipeline_name, *arguments, **options), recorder, open_unit, close_unit)

    patches.set(SubpipelineSpawner, "spawn", spawn)
