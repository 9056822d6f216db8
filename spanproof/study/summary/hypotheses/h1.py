"""H1: Is a stage cut in time, and is everybody told?"""

from __future__ import annotations

from typing import Final

from ...causes import interceptors
from ...model import Claim, Question

H1: Final = Question(
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
            "The error that the caller gets names the stage.",
            where=("baseline/simple_timeout/timeout", "interface/configured_timeouts/one_for_all"),
            fact="error_names_stage",
            core=False,
        ),
        Claim(
            "Only the stage's own deadline is reported as its timeout.",
            where=("baseline/no_timeout/timeout_of_a_client",),
            criteria=("D02",),
            core=False,
            cause=(interceptors.ANY_TIMEOUT_ERROR,),
            hit="Stages that call clients which raise TimeoutError by themselves (HTTP, databases, `asyncio.timeout` in the stage): "
            "metrics and `after()` hooks are told of a timeout of the stage that never was, with the stage's own limit as its figure.",
            advice="Catch TimeoutError inside the stage and raise an error of your own in its place.",
        ),
        Claim(
            "A stage that catches its cancellation and goes on past its deadline is reported as late.",
            where=("baseline/simple_timeout/swallowed",),
            criteria=("R01",),
            core=False,
            cause=(interceptors.WAIT_FOR_TAKES_THE_RESULT,),
            hit="Stages with `except BaseException`, a bare `except:` or a retry loop that catches CancelledError: they run on past their "
            "deadline for as long as they like, and nobody is told.",
            advice="Let CancelledError through: catch `Exception`, and end a handler of CancelledError with `raise`.",
            shown_by="baseline/simple_timeout/timeout",
        ),
    ),
)
