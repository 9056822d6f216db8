"""H7: Are files and connections given back?"""

from __future__ import annotations

from typing import Final

from ...advice import STOP_THEM
from ...causes import dag, interceptors
from ...model import Claim, Question

H7: Final = Question(
    "H7",
    "Resource cleanup happens on cancellation (files, network)",
    (
        Claim(
            "A file, a connection, a transaction and a child process that a timed-out stage holds in blocks are given back.",
            where=(
                "cleanup/resource_cleanup/file_and_connection",
                "cleanup/resource_cleanup/transaction",
                "cleanup/resource_cleanup/child_process",
            ),
            criteria=("C01",),
        ),
        Claim(
            "When the run is over, no stage of it has anything open.",
            where=("cleanup/resource_cleanup/beside_a_timeout",),
            criteria=("P04",),
            core=False,
            cause=(interceptors.TIMEOUT_BECOMES_OUTPUT, dag.FAILED_OUTPUT_CANCELS_NOBODY),
            hit="Whoever takes the same file, port or row when the run has failed: a stage beside the one that timed out still has it.",
            advice=STOP_THEM,
            shown_by="propagation/parallel_cancellation/workaround",
        ),
        Claim(
            "When the caller cancels the run, its stages give back what they have.",
            where=("cleanup/resource_cleanup/cancelled_from_outside",),
            criteria=("P02",),
            core=False,
            cause=(dag.CANCELLED_RUN_CANCELS_NOBODY,),
            hit="Servers whose clients go away: files and connections of requests that nobody waits for stay open.",
            advice=STOP_THEM,
            shown_by="propagation/subpipeline_cancellation/workaround",
        ),
        Claim(
            "What a stage opened without a block is given back.",
            where=("cleanup/resource_cleanup/without_a_block",),
            criteria=("C01",),
            core=False,
            own=True,
            hit="Stages that close in their last line: a timeout never lets them come to it. The fault is the stage's.",
            advice="Open it with `with` or `async with`.",
            shown_by="cleanup/resource_cleanup/file_and_connection",
        ),
        Claim(
            "Runs that are timed out again and again leave neither memory nor references nor descriptors behind.",
            where=("chaos/memory_pressure/again_and_again",),
            criteria=("L02", "L03", "L04"),
        ),
        Claim(
            "Every file of a wave of timeouts is closed.",
            where=("chaos/resource_exhaustion/waves_of_timeouts",),
            criteria=("C01",),
        ),
    ),
)
