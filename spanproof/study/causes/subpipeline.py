"""Statements of stageflow's `pipeline/subpipeline.py`."""

from __future__ import annotations

from typing import Final

from ..model import Statement

SPAWNER_ONLY_UNREGISTERS: Final = Statement(
    "pipeline/subpipeline.py",
    "SubpipelineSpawner.spawn",
    "except Exception as e:",
    "does not see a CancelledError, and the `finally` below only takes the child out of the tracker",
)
