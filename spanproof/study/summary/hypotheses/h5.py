"""H5: Do nested timeouts race?"""

from __future__ import annotations

from typing import Final

from ...advice import STOP_THEM
from ...causes import dag, interceptors
from ...model import Claim, Question

_NESTED: Final = "edge/nested_timeouts"

H5: Final = Question(
    "H5",
    "Nested timeouts don't cause race conditions",
    (
        Claim(
            "A timeout inside a stage ends its own block, and what is around that is asked for nothing.",
            where=(f"{_NESTED}/inner_first", f"{_NESTED}/outer_first", f"{_NESTED}/a_hundred_deep"),
            fact="scopes_keep_their_timeouts",
        ),
        Claim(
            "Whichever of several timeouts comes first, also in one moment, the stage ends once, and everybody is told the same.",
            where=(f"{_NESTED}/inner_first", f"{_NESTED}/outer_first", f"{_NESTED}/all_at_once", f"{_NESTED}/stage_first"),
            fact="one_outcome",
        ),
        Claim(
            "Fifty runs, one in the other, end by the timeout of the innermost stage.",
            where=(f"{_NESTED}/runs_fifty_deep",),
            criteria=("R06",),
        ),
        Claim(
            "A limit of 0 or below is in force.",
            where=("edge/zero_timeout/zero", "edge/zero_timeout/negative"),
            fact="limit_is_armed",
            core=False,
            cause=(interceptors.ZERO_MEANS_NONE,),
            hit="Whoever writes 0 for `at once`, or computes what is left of a budget and comes to 0 or less: the stage has no limit.",
            advice="Do not run a stage for which no time is left; a limit of 1 ms is the shortest there is.",
            shown_by="edge/zero_timeout/one_millisecond",
        ),
        Claim(
            "When the caller's timeout comes before the stage's, the stage ends with it.",
            where=(f"{_NESTED}/caller_first",),
            criteria=("P02",),
            core=False,
            cause=(dag.CANCELLED_RUN_CANCELS_NOBODY,),
            hit="Callers whose time is shorter than that of their stages.",
            advice=STOP_THEM,
            shown_by="propagation/subpipeline_cancellation/workaround",
        ),
    ),
)
