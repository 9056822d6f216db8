"""H2: Does a cancellation reach all branches?"""

from __future__ import annotations

from typing import Final

from ...advice import STOP_THEM
from ...causes import dag, interceptors
from ...model import Claim, Question

H2: Final = Question(
    "H2",
    "Cancellation propagates to all parallel branches correctly",
    (
        Claim(
            "A stage that times out stops the stages beside it.",
            where=("propagation/parallel_cancellation/timeout", "propagation/fan_out_fan_in/some_time_out"),
            criteria=("P04",),
            cause=(interceptors.TIMEOUT_BECOMES_OUTPUT, dag.FAILED_OUTPUT_CANCELS_NOBODY, dag.EXCEPTION_CANCELS),
            hit="Every pipeline with parallel stages: after the caller has its error, the others work on, unseen, until they end by "
            "themselves or by their own timeout (30 s by default). What they write, send or pay for still happens.",
            advice=STOP_THEM,
            shown_by="propagation/parallel_cancellation/workaround",
        ),
        Claim(
            "A stage that returns a cancel output stops the stages beside it.",
            where=("propagation/parallel_cancellation/cancel_output",),
            criteria=("P04",),
        ),
        Claim(
            "A stage that raises stops the stages beside it.",
            where=("propagation/parallel_cancellation/raised",),
            criteria=("P04",),
        ),
        Claim(
            "Stages that depend on one that timed out never start.",
            where=(
                "propagation/sequential_cancellation/timeout",
                "propagation/fan_out_fan_in/some_time_out",
                "propagation/fan_out_fan_in/all_time_out",
                "propagation/parallel_cancellation/timeout",
            ),
            fact="dependents_idle",
        ),
        Claim(
            "A stage that returns a failed output stops the stages beside it.",
            where=("propagation/parallel_cancellation/fail_output",),
            criteria=("P04",),
            core=False,
            cause=(dag.FAILED_OUTPUT_CANCELS_NOBODY, dag.EXCEPTION_CANCELS),
            hit="The same as for a timeout: a stage that tells its failure by `StageOutput.fail` leaves the others running; one that "
            "raises does not.",
            advice="Raise where a stage returns `StageOutput.fail`, or run the pipeline by the helper of the first claim.",
            shown_by="propagation/parallel_cancellation/raised",
        ),
        Claim(
            "A run that is cancelled from outside stops its stages.",
            where=("propagation/parallel_cancellation/outside",),
            criteria=("P02",),
            core=False,
            cause=(dag.CANCELLED_RUN_CANCELS_NOBODY,),
            hit="Everybody who puts a timeout around a run (`asyncio.timeout`, `wait_for`), and every server whose client has gone away: "
            "all stages work on without a caller.",
            advice=STOP_THEM,
            shown_by="propagation/subpipeline_cancellation/workaround",
        ),
    ),
)
