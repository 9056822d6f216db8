"""The ten hypotheses of the research summary, and the claims that decide those that this build has scenarios for."""

from __future__ import annotations

from typing import Final

from . import causes
from .model import Claim, Hypothesis

_STOP_THEM: Final = (
    "Run pipelines by a helper that notes the tasks of the stages at work and cancels them when the run ends in any way; "
    "`spanproof/scenarios/workaround.py` has one to copy, of 30 lines."
)

H1: Final = Hypothesis(
    "H1",
    "TimeoutInterceptor properly cancels stage within configured time",
    (
        Claim(
            "A stage that runs past its deadline has its cancellation, and is over, within 100 ms of it.",
            where=(
                "baseline/simple_timeout/timeout",
                "baseline/exact_timeout/just_after",
                "propagation/sequential_cancellation/timeout",
                "propagation/fan_out_fan_in/all_time_out",
            ),
            criteria=("D01",),
            clock="real",
        ),
        Claim(
            "The caller is told: the run of a timed-out stage ends with an error.",
            where=("baseline/simple_timeout/timeout", "baseline/exact_timeout/just_after", "propagation/sequential_cancellation/timeout"),
            criteria=("R01",),
        ),
        Claim(
            "A stage that ends in good time is neither cut nor called late.",
            where=(
                "baseline/no_timeout/in_time",
                "baseline/no_timeout/default_timeout",
                "baseline/simple_timeout/in_time",
                "baseline/exact_timeout/just_before",
            ),
            fact="completed_in_time",
        ),
        Claim(
            "When the result is ready in the instant of the deadline, there is one outcome, and everybody is told the same.",
            where=("baseline/exact_timeout/exact",),
            fact="one_outcome",
        ),
        Claim(
            "Only the stage's own deadline is reported as its timeout.",
            where=("baseline/no_timeout/timeout_of_a_client",),
            criteria=("D02",),
            core=False,
            cause=(causes.ANY_TIMEOUT_ERROR,),
            hit="Stages that call clients which raise TimeoutError by themselves (HTTP, databases, `asyncio.timeout` in the stage): "
            "metrics and `after()` hooks are told of a timeout of the stage that never was, with the stage's own limit as its figure.",
            advice="Catch TimeoutError inside the stage and raise an error of your own in its place.",
        ),
        Claim(
            "A stage that catches its cancellation and goes on past its deadline is reported as late.",
            where=("baseline/simple_timeout/swallowed",),
            criteria=("R01",),
            core=False,
            cause=(causes.WAIT_FOR_TAKES_THE_RESULT,),
            hit="Stages with `except BaseException`, a bare `except:` or a retry loop that catches CancelledError: they run on past their "
            "deadline for as long as they like, and nobody is told.",
            advice="Let CancelledError through: catch `Exception`, and end a handler of CancelledError with `raise`.",
            shown_by="baseline/simple_timeout/timeout",
        ),
    ),
)

H2: Final = Hypothesis(
    "H2",
    "Cancellation propagates to all parallel branches correctly",
    (
        Claim(
            "A stage that times out stops the stages beside it.",
            where=("propagation/parallel_cancellation/timeout", "propagation/fan_out_fan_in/some_time_out"),
            criteria=("P04",),
            cause=(causes.TIMEOUT_BECOMES_OUTPUT, causes.FAILED_OUTPUT_CANCELS_NOBODY, causes.EXCEPTION_CANCELS),
            hit="Every pipeline with parallel stages: after the caller has its error, the others work on, unseen, until they end by "
            "themselves or by their own timeout (30 s by default). What they write, send or pay for still happens.",
            advice=_STOP_THEM,
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
            cause=(causes.FAILED_OUTPUT_CANCELS_NOBODY, causes.EXCEPTION_CANCELS),
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
            cause=(causes.CANCELLED_RUN_CANCELS_NOBODY,),
            hit="Everybody who puts a timeout around a run (`asyncio.timeout`, `wait_for`), and every server whose client has gone away: "
            "all stages work on without a caller.",
            advice=_STOP_THEM,
            shown_by="propagation/subpipeline_cancellation/workaround",
        ),
    ),
)

H3: Final = Hypothesis(
    "H3",
    "Subpipeline cancellation is properly propagated",
    (
        Claim(
            "When the stage that runs a child pipeline is timed out, the child's stages are asked to stop.",
            where=("propagation/subpipeline_cancellation/timeout", "propagation/subpipeline_cancellation/plain_await"),
            criteria=("P02",),
            cause=(causes.CANCELLED_RUN_CANCELS_NOBODY, causes.SPAWNER_ONLY_UNREGISTERS),
            hit="Every stage that runs a pipeline inside it, by the spawner or by awaiting it: when it is cut, the child's stages that are "
            "at work go on as zombies until they end by themselves or by their own timeout, 30 s unless the child is given another one.",
            advice=_STOP_THEM,
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

HYPOTHESES: Final = (
    H1,
    H2,
    H3,
    Hypothesis("H4", "Cleanup handlers are called on timeout"),
    Hypothesis("H5", "Nested timeouts don't cause race conditions"),
    Hypothesis("H6", "Timeout during async generator doesn't leak to outer scope"),
    Hypothesis("H7", "Resource cleanup happens on cancellation (files, network)"),
    Hypothesis("H8", "Partial results are accessible after timeout"),
    Hypothesis("H9", "Concurrent timeouts don't cause race conditions"),
    Hypothesis("H10", "Long-running stage can extend timeout via heartbeat"),
)
