"""Runs: when and from where each was aborted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.analyzers.traces import delivered, event, loaded, recording, requested, sid, table, unit

if TYPE_CHECKING:
    from pathlib import Path

OWN = (requested(1, 20, by_span_id=sid(9)), delivered(21, 1))
TIMER = (requested(1, 20, "timer", addressee_span_id=sid(7)), delivered(21, 1))
OWN_TIMER = (requested(1, 20, "timer", addressee_span_id=sid(1)), delivered(21, 1))
FAILED = unit("stage", 2, 5, 18, parent=1, outcome="failed")
ASKED = unit("stage", 3, 5, 40, requested(2, 19, "stageflow", by_span_id=sid(1)), parent=1, outcome="cancelled")
ASKED_FOR_MEMBER = unit(
    "stage", 3, 5, 40, requested(2, 19, "stageflow", by_span_id=sid(1), member_span_id=sid(5)), parent=1, outcome="cancelled"
)
ASKED_BY_ANOTHER = unit(
    "stage", 3, 5, 40, requested(2, 3, "task_cancel", by_span_id=sid(1)), requested(3, 4, "stageflow", by_span_id=sid(9)), parent=1
)
CLEANED = unit("cleanup", 4, 15, 16, event("cleanup.started", 15, cleanup__id=1, cleanup__run_span_id=sid(1)), parent=1, cleanup__id=1)


@pytest.mark.parametrize(
    ("outcome", "end", "events", "others", "expected"),
    [
        pytest.param("completed", 50, (), (), "no | - | - | - | -", id="completed"),
        pytest.param("completed", 50, OWN, (ASKED, CLEANED), "no | - | - | - | -", id="completed though cancelled"),
        pytest.param("failed", 50, (), (), "yes | 50 | 509 | inside | -", id="its end"),
        pytest.param("failed", 50, (), (FAILED,), "yes | 50 | 509 | inside | 2", id="its end, a stage failed"),
        pytest.param("cancelled", 50, OWN, (), "yes | 21 | 215 | outside | 9", id="own delivery"),
        pytest.param("cancelled", 50, TIMER, (), "yes | 21 | 215 | outside | 7", id="the timer of a scope around it"),
        pytest.param("cancelled", 50, OWN_TIMER, (), "yes | 21 | 215 | outside | -", id="its own timer"),
        pytest.param("cancelled", 50, OWN, (FAILED, ASKED), "yes | 19 | 195 | inside | 2", id="a stage was asked first"),
        pytest.param("cancelled", 50, OWN, (FAILED, ASKED_FOR_MEMBER), "yes | 19 | 195 | inside | 5", id="for a member"),
        pytest.param("failed", 50, (), (FAILED, ASKED, CLEANED), "yes | 15 | 155 | inside | -", id="cleanup came first"),
        pytest.param("cancelled", 50, OWN, (ASKED_BY_ANOTHER,), "yes | 21 | 215 | outside | 9", id="asked by somebody else"),
        pytest.param("cancelled", 50, (delivered(7), *OWN), (), "yes | 21 | 215 | outside | 9", id="borrowed is not own"),
        pytest.param("unfinished", None, (), (CLEANED,), "no | - | - | - | -", id="open"),
        pytest.param("unfinished", None, OWN, (), "yes | 21 | 215 | outside | 9", id="open and cancelled"),
        pytest.param("unfinished", None, (), (ASKED,), "yes | 19 | 195 | inside | -", id="open, stages asked"),
        pytest.param("unfinished", None, (), (ASKED, CLEANED), "yes | 15 | 155 | inside | -", id="open, stages asked, cleanup first"),
    ],
)
def test_when_a_run_was_aborted(
    tmp_path: Path, outcome: str, end: float | None, events: tuple[dict[str, Any], ...], others: tuple[dict[str, Any], ...], expected: str
) -> None:
    con = loaded(tmp_path, unit("pipeline", 1, 0, end, *events, outcome=outcome, pipeline="buy"), *others, recording(60))
    assert table(con, "select aborted, ms(abort_at_ns), abort_at_seq, abort_from, abort_cause_span_id from runs") == expected
    assert (
        table(con, "select span_id, pipeline, ms(start_ns), ms(end_ns), outcome from runs")
        == f"1 | buy | 0 | {'-' if end is None else end} | {outcome}"
    )


def test_an_inner_run_is_one_of_its_own(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("pipeline", 1, 0, 50, outcome="completed"),
        unit("stage", 2, 5, 40, parent=1),
        unit("pipeline", 3, 6, 30, parent=2, outcome="failed"),
        unit("stage", 4, 7, 20, parent=3, outcome="failed"),
        unit("stage", 5, 7, 25, requested(1, 21, "stageflow", by_span_id=sid(3)), parent=3, outcome="cancelled"),
        recording(60),
    )
    assert (
        table(con, "select span_id, aborted, ms(abort_at_ns), abort_cause_span_id from runs order by span_id")
        == "1 | no | - | -\n3 | yes | 21 | 4"
    )
    assert table(con, "select span_id, run_id from units order by span_id") == "1 | 1\n2 | 1\n3 | 3\n4 | 3\n5 | 3"
