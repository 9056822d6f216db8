"""The known limitations (section 3.2): yes means that the library has it."""

from __future__ import annotations

from typing import Final

from ..model import Claim, Question


def _has(number: int, says: str, *claims: Claim) -> Question:
    return Question(f"K{number}", says, claims, "limitation")


LIMITATIONS: Final = (
    _has(
        1,
        "DX-020: StageOutput.cancel() cancels entire pipeline (not just branch)",
        Claim(
            "A cancel output of one branch stops the stages of the other one.",
            where=("interface/cancelled_by_a_stage/cancel_output", "propagation/parallel_cancellation/cancel_output"),
            criteria=("P04",),
        ),
    ),
    _has(
        2,
        "No built-in timeout per stagekind (all stages share same timeout config)",
        Claim("All stages of a run have the same limit.", where=("interface/configured_timeouts/one_for_all",), fact="one_limit_for_all"),
    ),
    _has(
        3,
        "Limited control over timeout behavior (hard timeout vs soft timeout)",
        Claim(
            "A timeout asks the stage once; one that catches it works on past its limit, and nothing harder follows.",
            where=("baseline/simple_timeout/swallowed",),
            fact="ran_past_its_limit",
        ),
    ),
    _has(
        4,
        "No heartbeat mechanism to prevent premature timeout",
        Claim("A stage that says that it is alive is cut all the same.", where=("interface/heartbeat/unheard",), fact="cut_by_its_limit"),
    ),
    _has(
        5,
        "No partial result return on timeout",
        Claim(
            "The error that the caller of a timed-out run gets carries no results.",
            where=("propagation/fan_out_fan_in/all_time_out", "propagation/parallel_cancellation/timeout"),
            fact="error_has_no_results",
        ),
    ),
)
