"""What the summary says of the library's interface (sections 3.1 and 7): yes means that it is as it says."""

from __future__ import annotations

from typing import Final

from ..model import Question

STATEMENTS: Final = (
    Question("A1", "TimeoutInterceptor: default timeout 30 seconds", kind="statement"),
    Question("A2", 'The timeout is configurable via ctx.data["_timeout_ms"]', kind="statement"),
    Question("A3", "TimeoutInterceptor has priority 5, and the timeout applies to the entire stage execution", kind="statement"),
    Question("A4", "StageOutput.cancel() stops the pipeline without raising an exception", kind="statement"),
    Question("A5", "A cancelled pipeline raises UnifiedPipelineCancelled, with results access", kind="statement"),
    Question("A6", "The default interceptors include timeout handling", kind="statement"),
    Question("A7", "No explicit cancellation state is exposed to stages", kind="statement"),
    Question("A8", "Custom timeouts: by a BaseInterceptor, or in Stage.execute()", kind="statement"),
)
