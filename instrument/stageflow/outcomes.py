"""stageflow's own words for how a stage went, as outcomes of our vocabulary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..vocabulary import Outcome

# The text that run_with_interceptors gives a stage whose wait_for raised TimeoutError.
_TIMED_OUT = re.compile(r"Stage timed out after .*ms")

_OUTPUTS: dict[str, Outcome] = {
    "ok": "completed",
    "skip": "skipped",
    "cancel": "cancelled",
    "fail": "failed",
    "retry": "failed",
}


def of_output(output: Any) -> Outcome:
    """Outcome that a stage's return value stands for: a StageOutput, a dict or None."""
    status = getattr(output, "status", None)
    if status is None:
        return "completed"
    value = str(getattr(status, "value", status))
    if value in ("fail", "failed") and says_timed_out(getattr(output, "error", None)):
        return "timed_out"
    return _OUTPUTS.get(value, "failed" if value == "failed" else "completed")


def of_result(result: Any) -> Outcome:
    """Outcome that a StageResult tells."""
    if str(getattr(result, "status", "completed")) == "failed":
        return "timed_out" if says_timed_out(getattr(result, "error", None)) else "failed"
    return "completed"


def says_timed_out(text: object) -> bool:
    """Whether an error text is stageflow's report of a timeout."""
    return isinstance(text, str) and _TIMED_OUT.fullmatch(text) is not None
