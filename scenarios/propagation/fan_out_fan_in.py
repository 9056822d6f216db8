"""Fan-out, fan-in: several workers time out, and the stage that adds up must handle it.

A statement is split over workers, one a ledger, and added up. A sum over a part of the ledgers is a wrong sum: `total` may only
run when every worker has completed. And when the run is given up, no worker may go on.

    split ──┬── ledger_1 ──┬── total
            ├── ledger_2 ──┤
            ├── ledger_3 ──┤
            └── open ── late ledger_4
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from ..kit import StageBody, call, pipeline, working
from ..known import results_lost
from ..scenario import Expected, Scenario

if TYPE_CHECKING:
    from stageflow import Pipeline

scenario = Scenario(
    __name__,
    __doc__,
    must="`total` runs once, after all workers, or never; and no worker is at work after the run has ended.",
    hypotheses=("H2",),
    failure_modes=("Orphaned Tasks", "Silent Failures"),
    success=("Cancellation propagates correctly to all dependent stages", "No race conditions in concurrent timeout scenarios"),
)

TIMEOUT_MS = 400
HANGS = working(2.0)
QUICK = working(0.1)


def statement(*ledgers: StageBody) -> Pipeline:
    """The pipeline of the drawing. The order in which workers are declared, and so started, is shuffled by the seed."""
    names = [f"ledger_{number}" for number in range(1, len(ledgers) + 1)]
    workers = list(zip(names, ledgers, strict=True))
    random.shuffle(workers)
    return pipeline(
        "statement",
        ("split", working(0.02)),
        ("open", working(0.3), ("split",)),
        *((name, body, ("split",)) for name, body in workers),
        ("late", working(0.3), ("open",)),
        ("total", working(0.05), (*names, "late")),
    )


WHY = "a timed-out stage comes back as a failed *output*, and for that the graph cancels nobody"


@scenario.variant(expected=[*(Expected(criterion, "stage late", WHY) for criterion in ("P04", "P03", "O03")), results_lost("statement")])
async def some_time_out() -> None:
    """Two of three workers hang and are timed out together at 420 ms; `late` is at work from 320 to 620 ms."""
    await call(statement(HANGS, QUICK, HANGS), timeout_ms=TIMEOUT_MS)


@scenario.variant(expected=[results_lost("statement")])
async def all_time_out() -> None:
    """Three workers hang, nothing else is at work, and one deadline ends all of them."""
    names = ("ledger_1", "ledger_2", "ledger_3")
    await call(
        pipeline("statement", ("split", working(0.02)), *((name, HANGS, ("split",)) for name in names), ("total", QUICK, names)),
        timeout_ms=TIMEOUT_MS,
    )


@scenario.control
async def in_time() -> None:
    """All workers answer in time, and `total` adds up once."""
    await call(statement(QUICK, QUICK, QUICK), timeout_ms=TIMEOUT_MS)
