"""Statements of stageflow's `pipeline/interceptors.py`."""

from __future__ import annotations

from typing import Final

from ..model import Statement

TIMEOUT_BECOMES_OUTPUT: Final = Statement(
    "pipeline/interceptors.py",
    "run_with_interceptors",
    "except TimeoutError:",
    "turns the timeout into a failed *result*; the stage's task therefore ends normally, with a failed output",
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
LIMIT_IS_READ_ONCE: Final = Statement(
    "pipeline/interceptors.py",
    "run_with_interceptors",
    "timeout_ms = ctx.data.get(",
    "reads the stage's limit once, before the stage begins",
)
ZERO_MEANS_NONE: Final = Statement(
    "pipeline/interceptors.py",
    "run_with_interceptors",
    "if timeout_seconds > 0:",
    "arms no timer for a limit of 0 or below",
)
