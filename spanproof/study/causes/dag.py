"""Statements of stageflow's `pipeline/dag.py`."""

from __future__ import annotations

from typing import Final

from ..model import Statement

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
ONE_REGISTRY_A_GRAPH: Final = Statement(
    "pipeline/dag.py",
    "UnifiedStageGraph.run",
    "self._cleanup_registry = CleanupRegistry()",
    "keeps the registry on the graph, not with the run: the run that begins second replaces the first one's, and the first to end calls "
    "what the other has registered",
)
CANCEL_OUTPUT_RAISES: Final = Statement(
    "pipeline/dag.py",
    "UnifiedStageGraph.run",
    "raise UnifiedPipelineCancelled(",
    "raises for a cancel output, after it has cancelled and awaited the stages at work",
    after="if stage_output.status == StageStatus.CANCEL:",
)
