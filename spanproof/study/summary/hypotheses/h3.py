"""H3: Does it reach child pipelines?"""

from __future__ import annotations

from typing import Final

from ...advice import STOP_THEM
from ...causes import dag, subpipeline
from ...model import Claim, Question

H3: Final = Question(
    "H3",
    "Subpipeline cancellation is properly propagated",
    (
        Claim(
            "When the stage that runs a child pipeline is timed out, the child's stages are asked to stop.",
            where=("propagation/subpipeline_cancellation/timeout", "propagation/subpipeline_cancellation/plain_await"),
            criteria=("P02",),
            cause=(dag.CANCELLED_RUN_CANCELS_NOBODY, subpipeline.SPAWNER_ONLY_UNREGISTERS),
            hit="Every stage that runs a pipeline inside it, by the spawner or by awaiting it: when it is cut, the child's stages that are "
            "at work go on as zombies until they end by themselves or by their own timeout, 30 s unless the child is given another one.",
            advice=STOP_THEM,
            shown_by="propagation/subpipeline_cancellation/workaround",
        ),
        Claim(
            "When a stage of the child times out, the child ends, and the parent and the caller are told.",
            where=("propagation/subpipeline_cancellation/child_times_out",),
            criteria=("D01", "R01"),
        ),
        Claim(
            "A child that ends before its parent's deadline is left in peace.",
            where=("propagation/subpipeline_cancellation/child_in_time",),
            fact="completed_in_time",
        ),
    ),
)
