"""What the summary says of the library's interface (sections 3.1 and 7): yes means that it is as it says."""

from __future__ import annotations

from typing import Final

from ..causes import dag, interceptors
from ..model import Claim, Question

_TIMEOUTS: Final = "interface/configured_timeouts"


def _so(number: int, says: str, *claims: Claim) -> Question:
    return Question(f"A{number}", says, claims, "statement")


STATEMENTS: Final = (
    _so(
        1,
        "TimeoutInterceptor: default timeout 30 seconds",
        Claim("A stage for which nothing is configured has 30 s.", where=(f"{_TIMEOUTS}/none_configured",), fact="limit_of_30_s"),
    ),
    _so(
        2,
        'The timeout is configurable via ctx.data["_timeout_ms"]',
        Claim("The configured value is the one that is armed.", where=(f"{_TIMEOUTS}/one_for_all",), fact="limit_as_configured"),
    ),
    _so(
        3,
        "TimeoutInterceptor has priority 5, and the timeout applies to the entire stage execution including inner interceptors",
        Claim(
            "A stage whose interceptors take longer than its limit before it begins is cut.",
            where=(f"{_TIMEOUTS}/slow_interceptor",),
            fact="cut_by_its_limit",
            cause=(interceptors.WAIT_FOR_TAKES_THE_RESULT,),
            hit="Interceptors that wait (a cache, a rate limit, a lock): the time that they take is bounded by nothing.",
            advice="Put a timeout of your own around what an interceptor waits for.",
        ),
    ),
    _so(
        4,
        "StageOutput.cancel() stops the pipeline without raising an exception",
        Claim(
            "The caller of a run that a stage has cancelled gets no exception.",
            where=("interface/cancelled_by_a_stage/cancel_output",),
            fact="ends_without_exception",
            cause=(dag.CANCEL_OUTPUT_RAISES,),
            hit="Callers that take a cancel output for a quiet end: they get UnifiedPipelineCancelled.",
            advice="Catch UnifiedPipelineCancelled around a run; its `results` has what was done.",
        ),
    ),
    _so(
        5,
        "A cancelled pipeline raises UnifiedPipelineCancelled, with results access",
        Claim(
            "The exception of a run that a stage has cancelled carries the results of those that were done.",
            where=("interface/cancelled_by_a_stage/cancel_output",),
            fact="error_has_results",
        ),
    ),
    _so(
        6,
        "The default interceptors include timeout handling",
        Claim("With the default interceptors each stage has a limit.", where=(f"{_TIMEOUTS}/none_configured",), fact="limit_of_30_s"),
    ),
    _so(
        7,
        "No explicit cancellation state is exposed to stages",
        Claim(
            "No stage can read that its run was flagged as cancelled.",
            where=("interface/cancelled_by_a_stage/flag",),
            fact="flag_is_not_read",
            hit="Nobody: `StageContext.is_cancelled` is there, and tells.",
            advice="Look at `ctx.is_cancelled` between two pieces of work, or call `ctx.cancellation_checkpoint()`.",
            shown_by="interface/cancelled_by_a_stage/flag",
        ),
    ),
    _so(
        8,
        "Custom timeouts: by a BaseInterceptor, or in Stage.execute()",
        Claim(
            "A limit that an interceptor of the application's sets for a stage is the one that is armed.",
            where=(f"{_TIMEOUTS}/each_its_own",),
            fact="completed_in_time",
        ),
    ),
)
