"""Sequential cancellation: stage A times out, so stage B, which depends on it, must not run.

An invoice is rendered and then mailed. Rendering takes too long. A mail without its invoice would be worse than no mail.
"""

from __future__ import annotations

from ..kit import call, pipeline, working
from ..scenario import Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="`mail` never starts when `render` has not completed, and the run ends at the deadline.",
    hypotheses=("H2",),
    failure_modes=("Nested Cancellation",),
    success=("Cancellation propagates correctly to all dependent stages",),
)

TIMEOUT_MS = 200


@scenario.variant()
async def timeout() -> None:
    """`render` takes ten times as long as it may; `mail` and `archive` depend on it."""
    await call(
        pipeline("invoice", ("render", working(2.0)), ("mail", working(0.1), ("render",)), ("archive", working(0.1), ("mail",))),
        timeout_ms=TIMEOUT_MS,
    )


@scenario.control
async def in_time() -> None:
    """All three stages take half of their time, one after the other."""
    await call(
        pipeline("invoice", ("render", working(0.1)), ("mail", working(0.1), ("render",)), ("archive", working(0.1), ("mail",))),
        timeout_ms=TIMEOUT_MS,
    )
