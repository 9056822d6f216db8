"""Headers: what a complete one gives, and what is said of one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.header import HeaderError, parse

PATH = Path("X01_not_ours.sql")
GOOD = """\
-- id: X01
-- name: not-ours
-- severity: warning
-- says: It says
--   more.
-- rule: a rule
-- why: It matters.
-- judges: unit
-- message: {subject} did
-- fix: Do not.
-- bad:
--   if x:
--       y()
-- good:
--   y()
-- covers: H1; 2.2 Orphaned Tasks
-- parameter tolerance_ms: 100 ms; why
-- parameter share: 0.5 units; why
-- certain given: it was seen
-- cannot see: what was not
-- unknown when: never
-- torn: certain
-- clock: real
-- scope: set
-- needs: task, cancel
-- fault: code
select 1
-- id: not a header any more
"""


def test_a_complete_header() -> None:
    header = parse(GOOD, PATH)
    assert (header.id, header.name, header.severity, header.torn, header.clock, header.scope) == (
        "X01",
        "not-ours",
        "warning",
        "certain",
        "real",
        "set",
    )
    assert header.texts["says"] == "It says more."
    assert header.texts["bad"] == "if x:\n    y()"
    assert header.needs == ("task", "cancel")
    assert header.covers == ("H1", "2.2 Orphaned Tasks")
    assert header.parameters["tolerance_ms"].default == 100
    assert header.parameters["tolerance_ms"].expects == "a whole number of milliseconds, 0 or more"
    assert header.parameters["share"].expects == "a number of units, 0 or more"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-- why: It matters.\n", "", "the header lacks 'why'. Add a line `-- why: ...`"),
        ("-- why: It matters.", "-- why:", "the header lacks 'why'"),
        ("-- why: It matters.", "-- why: It matters.\n-- why: Again.", "field 'why' is there twice"),
        ("-- why: It matters.", "-- hue: red\n-- why: It matters.", "unknown field 'hue'"),
        ("-- why: It matters.", "-- Why? It matters.", "expected `-- field: text`"),
        ("id: X01", "id: X1", "id 'X1' must be a capital letter and two digits"),
        ("name: not-ours", "name: Not ours", "name 'Not ours' must be lower-case words"),
        ("severity: warning", "severity: bad", "severity must be one of error, warning, info, got 'bad'"),
        ("needs: task, cancel", "needs: tusk", "needs 'tusk', which is no seam"),
        ("100 ms; why", "100ms", "parameter tolerance_ms must read `<default> <unit>; <reason>`"),
    ],
)
def test_what_is_wrong_with_a_header(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(HeaderError) as caught:
        parse(GOOD.replace(old, new, 1), PATH)
    assert message in str(caught.value)
    assert str(caught.value).startswith("X01_not_ours.sql")


@pytest.mark.parametrize("criterion", sorted(catalogue()))
def test_examples_of_ours_are_python(criterion: str) -> None:
    header = catalogue()[criterion].header
    for name in ("bad", "good"):
        example = header.texts[name]
        compile("async def example():\n" + "\n".join(f"    {line}" for line in example.splitlines()), f"{criterion} {name}", "exec")
