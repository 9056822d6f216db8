"""Tables in any width, and the facts of a finding that are worth telling."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from spanproof.analyzers.finding import Evidence
from spanproof.analyzers.tinytrace_otlp import write
from spanproof.cli.listing import Column, listing, records
from spanproof.cli.report_text import STORY, spare, tellings

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from tests.cli.conftest import Command

COLUMNS = (Column("id"), Column("units", "number"), Column("says", "text", least=12))
ROWS = [["P04", "1,200", "a run was aborted and its sibling went on"], ["D01", "7", ""]]


def drawn(thing: RenderableType, width: int) -> list[str]:
    sink = io.StringIO()
    Console(file=sink, width=width, color_system=None).print(thing)
    return [line.rstrip() for line in sink.getvalue().splitlines()]


def test_a_table_where_there_is_room() -> None:
    lines = drawn(listing(COLUMNS, ROWS, 30), 30)
    assert lines == [
        "id   units  says",
        "P04  1,200  a run was aborted",
        "            and its sibling",
        "            went on",
        "D01      7",
    ]


def test_blocks_where_there_is_none_and_nothing_is_lost() -> None:
    assert drawn(listing(COLUMNS, ROWS, 20), 20) == [
        "P04  units 1,200",
        "  a run was aborted",
        "  and its sibling",
        "  went on",
        "D01  units 7",
    ]


def test_records_where_there_is_none() -> None:
    rows = [row[:2] for row in ROWS]
    assert drawn(records(COLUMNS[:2], rows, 8), 20) == [
        "id     P04",
        "units  1,200",
        "",
        "id     D01",
        "units  7",
    ]
    assert drawn(records(COLUMNS[:2], rows, 20), 20)[0] == "id   units"


@pytest.mark.parametrize(
    "command", [["criteria"], ["scenarios"], ["doctor"], ["ls", "one.json"], ["query", "-c", "from units", "one.json"]]
)
def test_no_command_loses_words_in_a_narrow_terminal(spanproof: Command, tmp_path: Path, command: list[str]) -> None:
    write(tmp_path / "one.json", "p.shop::0-60=f s.price:shop:0-52=t:d50!,!50/timer")
    wide, narrow = (spanproof(*command, env={"COLUMNS": columns}) for columns in ("2000", "50"))
    assert (wide.returncode, narrow.returncode) == (0, 0)
    assert max(map(len, narrow.stdout.splitlines())) <= 50
    assert "…" not in narrow.stdout
    # A word that is longer than its place is folded, so blanks are left out of the comparison.
    letters = "".join(narrow.stdout.split())
    assert [word for line in wide.stdout.splitlines()[1:] for word in line.split() if word not in letters] == []


def fact(event: str, span: str = "1", detail: str | None = None) -> Evidence:
    return Evidence(0, span, event, None, None, detail)


def test_creations_are_told_only_after_something_happened() -> None:
    facts = [fact("start"), fact("start", "2"), fact("deadline.set"), fact("abort"), fact("start", "3"), fact("end")]
    assert tellings(facts) == [3, 4, 5]


def test_a_timer_is_told_with_its_request() -> None:
    asked = [fact("deadline.expired"), fact("cancel.requested", detail="timer"), fact("end")]
    assert tellings(asked) == [1, 2]
    alone = [fact("deadline.expired"), fact("cancel.requested", "2", "timer"), fact("end")]
    assert tellings(alone) == [0, 1, 2]


def test_a_long_story_loses_what_tells_least_and_then_its_middle() -> None:
    kinds = ["cancel.requested", *["reported"] * STORY, "end"]
    assert spare(kinds) == [0, len(kinds) - 1]
    crowd = ["cancel.delivered"] * (3 * STORY)
    assert len(spare(crowd)) == STORY
    assert spare(crowd)[-1] == len(crowd) - 1
