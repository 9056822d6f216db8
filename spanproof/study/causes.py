"""The statements of stageflow 1.2 that explain what the traces show. Found by reading it, and checked against the traces."""

from __future__ import annotations

from typing import Final

from .model import Statement

TIMEOUT_BECOMES_OUTPUT: Final = Statement(
    "pipeline/interceptors.py",
    "run_with_interceptors",
    "except TimeoutError:",
    "turns the timeout into a failed *result*; the stage's task therefore ends normally, with a failed output",
)
FAILED_OUTPUT_CANCELS_NOBODY: Final = Statement(
    "pipeline/dag.py",
    "UnifiedStageGraph.run",
    "if stage_output.status == StageStatus.FAIL:",
    "raises for a failed output straight away, without cancelling `active_tasks`",
)
EXCEPTION_CANCELS: Final = Statement(
    "pipeline/dag.py",
    "UnifiedStageGraph.run",
    "if task.exception():",
    "is the branch that a stage that *raises* takes: here `active_tasks` are cancelled and awaited before the error goes on",
)
CANCELLED_RUN_CANCELS_NOBODY: Final = Statement(
    "pipeline/dag.py",
    "UnifiedStageGraph.run",
    "done, _ = await asyncio.wait(active_tasks",
    "is where a cancellation of the run arrives; `asyncio.wait` does not cancel what it waits for, and none of the `except` and "
    "`finally` below does either",
)
SPAWNER_ONLY_UNREGISTERS: Final = Statement(
    "pipeline/subpipeline.py",
    "SubpipelineSpawner.spawn",
    "except Exception as e:",
    "does not see a CancelledError, and the `finally` below only takes the child out of the tracker",
)
ANY_TIMEOUT_ERROR: Final = Statement(
    "pipeline/interceptors.py",
    "run_with_interceptors",
    "except TimeoutError:",
    "cannot tell a TimeoutError of its own `wait_for` from one that the stage's code raised, and reports both as the stage's timeout",
)
WAIT_FOR_TAKES_THE_RESULT: Final = Statement(
    "pipeline/interceptors.py",
    "run_with_interceptors",
    "result = await asyncio.wait_for(stage_run()",
    "asks once and then takes whatever the stage returns, however late: that is how `asyncio.wait_for` works",
)
