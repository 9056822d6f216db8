"""Statements of stageflow's `pipeline/cancellation.py`."""

from __future__ import annotations

from typing import Final

from ..model import Statement

SLOW_CALLBACK_IS_CUT: Final = Statement(
    "pipeline/cancellation.py",
    "CleanupRegistry.run_all",
    "await asyncio.wait_for(callback(), timeout=per_callback_timeout)",
    "gives each callback an equal share of the budget; one that needs longer is cut, and only the log says so",
)
