"""The ten known failure modes (section 2.2), each as the statement that the library is free of it."""

from __future__ import annotations

from typing import Final

from ..model import Claim, Question
from . import resting
from .hypotheses import H3


def _free(number: int, says: str, *claims: Claim) -> Question:
    return Question(f"F{number}", says, claims, "failure mode")


FAILURE_MODES: Final = (
    _free(1, "Timeout Leakage: the timeout of an inner operation does not reach an outer scope", *resting.on("P07", "D02")),
    _free(2, "Orphaned Tasks: cancelled stages leave no background tasks running", *resting.on("P02", "P03", "P04", "L01")),
    _free(3, "Silent Failures: no timeout is swallowed", *resting.on("R01", "R02", "P08")),
    _free(
        4,
        "Cleanup Failure: a cancellation starts the cleanup code, and it ends",
        *resting.on("C01", "C02", "C03", "C04", "C05", "C06", "C08"),
    ),
    _free(
        5,
        "Race Conditions: a timeout and a completion at once have one outcome",
        *resting.on("one_outcome", "scopes_keep_their_timeouts"),
    ),
    _free(6, "Nested Cancellation: a cancellation reaches child pipelines", *resting.all_of(H3)),
    _free(7, "Checkpoint Loss: a cancelled pipeline keeps its checkpoints", *resting.on("R04")),
    _free(8, "Timeout Drift: stages with the same timeout behave the same", *resting.on("D01", "D04")),
    _free(9, "Stack Overflow: deeply nested timeouts do not overflow the stack", *resting.on("R06")),
    _free(10, "Memory Leak: cancelled stages keep no references alive", *resting.on("L02", "L04")),
)
