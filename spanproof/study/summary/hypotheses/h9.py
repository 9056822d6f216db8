"""H9: Do timeouts at the same time race?"""

from __future__ import annotations

from typing import Final

from ...advice import STOP_THEM
from ...causes import dag, interceptors
from ...model import Claim, Question

_MANY: Final = "edge/concurrent_timeouts"

H9: Final = Question(
    "H9",
    "Concurrent timeouts don't cause race conditions",
    (
        Claim(
            "A hundred stages whose deadlines come one upon the other are each cut within 100 ms of their own.",
            where=(f"{_MANY}/a_hundred_runs",),
            criteria=("D01",),
            clock="real",
        ),
        Claim(
            "A stage that ends in the moment of its deadline, or close beside it, has one outcome, and everybody is told it.",
            where=(f"{_MANY}/a_hundred_runs", "chaos/race_condition_injection/swept_around_the_deadline"),
            fact="one_outcome",
        ),
        Claim(
            "A thousand timeouts that come one upon the other are through within five seconds.",
            where=(f"{_MANY}/a_thousand_requests",),
            criteria=("T02",),
            clock="real",
        ),
        Claim(
            "A limit that is not reached costs less than a millisecond.",
            where=(f"{_MANY}/cost_of_a_timeout",),
            criteria=("T01",),
            clock="real",
        ),
        Claim(
            "Of several stages of one run with different deadlines each is ended by its own, or by the end of the run.",
            where=(f"{_MANY}/limits_of_their_own",),
            criteria=("P04",),
            core=False,
            cause=(interceptors.TIMEOUT_BECOMES_OUTPUT, dag.FAILED_OUTPUT_CANCELS_NOBODY),
            hit="Runs with many stages side by side: the first timeout ends the run, and all others work on without it.",
            advice=STOP_THEM,
            shown_by="propagation/parallel_cancellation/workaround",
        ),
    ),
)
