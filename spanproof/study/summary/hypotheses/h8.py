"""H8: What is left of a run that failed?"""

from __future__ import annotations

from typing import Final

from ...causes import dag
from ...model import Claim, Question

H8: Final = Question(
    "H8",
    "Partial results are accessible after timeout",
    (
        Claim(
            "The error of a run in which a stage was timed out carries the results of those that were done.",
            where=("edge/timeout_during_output/half_written", "propagation/parallel_cancellation/timeout"),
            criteria=("R03",),
            cause=(dag.FAILED_OUTPUT_CANCELS_NOBODY, dag.EXCEPTION_CANCELS),
            hit="Every caller of a run of several stages: when one is timed out, what the others have done is lost, and done again.",
            advice="Let a stage that sees its limit coming return a cancel output: UnifiedPipelineCancelled has the results. Or save "
            "what is done outside of the run.",
            shown_by="edge/timeout_during_output/cancelled_with_results",
        ),
        Claim(
            "The exception of a run that a stage has cancelled carries them.",
            where=("edge/timeout_during_output/cancelled_with_results", "interface/cancelled_by_a_stage/cancel_output"),
            fact="error_has_results",
        ),
    ),
)
