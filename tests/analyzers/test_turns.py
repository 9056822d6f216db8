"""Whoever is told in the next turn of the loop was told in time, however long that turn was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import check
from tests.analyzers.test_nothing_left import HELD
from tests.analyzers.traces import delivered, loaded, recording, requested, sid, table, unit, write

if TYPE_CHECKING:
    from pathlib import Path


def asked_at_10_told_at_400(turn: int | None, told: int | None) -> list[dict[str, Any]]:
    def numbered(event: dict[str, Any], number: int | None) -> dict[str, Any]:
        if number is not None:
            event["attributes"].append({"key": "spanproof.turn", "value": {"intValue": str(number)}})
        return event

    events = (numbered(requested(1, 10, addressee_span_id=sid(1), live=True), turn), numbered(delivered(400, 1), told))
    return [unit("task", 1, 0, 401, *events, outcome="cancelled"), recording(500)]


@pytest.mark.parametrize(
    ("turn", "told", "verdict"),
    [(7, 8, "holds"), (7, 9, "holds"), (7, 10, "violated"), (None, None, "violated"), (7, None, "violated")],
)
def test_two_turns_are_two_turns(tmp_path: Path, turn: int | None, told: int | None, verdict: str) -> None:
    report = check([write(tmp_path / "t.json", *asked_at_10_told_at_400(turn, told), resource=HELD)]).to_dict()
    assert [criterion["verdict"] for criterion in report["criteria"] if criterion["id"] == "P01"] == [verdict]


def test_turns_stand_in_the_tables(tmp_path: Path) -> None:
    con = loaded(tmp_path, *asked_at_10_told_at_400(7, 8))
    assert table(con, "select r.turn, d.turn, c.turn, c.delivered_turn from requests r, deliveries d, cancellations c") == "7 | 8 | 7 | 8"
