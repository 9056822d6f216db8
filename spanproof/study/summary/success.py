"""The success criteria (section 5)."""

from __future__ import annotations

from typing import Final

from ..model import Claim, Question
from . import resting
from .hypotheses import H1, H2, H3, H4, H5, H6, H7, H8, H9


def _met(number: int, says: str, *claims: Claim) -> Question:
    return Question(f"S{number}", says, tuple(dict.fromkeys(claims)), "success criterion")


SUCCESS: Final = (
    _met(1, "TimeoutInterceptor cancels stage within configured time (+/- 100ms tolerance)", *resting.on("D01", of=(H1,))),
    _met(2, "Cancellation propagates correctly to all dependent stages", *resting.all_of(H2)),
    _met(3, "Subpipeline timeouts properly cancel child pipelines", *resting.all_of(H3)),
    _met(4, "Cleanup handlers execute on timeout/cancellation", *resting.all_of(H4)),
    _met(5, "Async generator timeouts don't leak to outer scope", *resting.all_of(H6)),
    _met(6, "No resource leaks after cancellation", *resting.all_of(H7), *resting.on("C01", "L01", "L03")),
    _met(7, "Timeout overhead < 1ms for typical stages", *resting.on("T01")),
    _met(8, "1000 concurrent timeouts complete within 5 seconds total", *resting.on("T02")),
    _met(9, "No memory growth during timeout stress tests", *resting.on("L02")),
    _met(10, "No silent failures during timeout tests", *resting.on("R01", "R02", "P08")),
    _met(11, "Error messages are actionable and include stage name", *resting.on("error_names_stage")),
    _met(12, "Partial results accessible after timeout", *resting.all_of(H8)),
    _met(13, "No race conditions in concurrent timeout scenarios", *resting.on("one_outcome", "scopes_keep_their_timeouts", of=(H5, H9))),
)
