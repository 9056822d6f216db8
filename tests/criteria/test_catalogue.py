"""The catalogue closes on itself: ids in the source, in the reference and in the tests are one set, and the pages are fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import criteria_docs
from spanproof.analyzers.cataloguing import HOME, SHARED, catalogue
from spanproof.analyzers.implies import IMPLIES
from tests.criteria.cases import HOME as CASES
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = ROOT / "docs" / "reference" / "criteria"
BUILT = {
    "C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "D01", "D02", "D03", "D04",
    "D05", "D06", "D07", "D08", "L01", "L02", "L03", "L04", "O01", "O02", "O03", "O04",
    "P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P09", "P10", "P11", "R01",
    "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "T01", "T02", "T03",
}  # fmt: skip
"""Ids are for ever: one that is here never goes, and means what it means."""


def test_ids_are_one_set() -> None:
    source = {path.name[:3] for path in HOME.rglob("*.sql") if path.parent != SHARED}
    assert source == set(catalogue())
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == source
    assert {path.stem for path in CASES.glob("*.traces")} == source
    assert source >= BUILT


def test_a_file_is_called_by_its_id_and_name_and_stands_in_its_family() -> None:
    letters = {"deadline": "D", "propagation": "P", "order": "O", "cleanup": "C", "leak": "L", "report": "R", "throughput": "T"}
    for criterion in catalogue().values():
        assert criterion.path.stem == f"{criterion.id}_{criterion.header.name.replace('-', '_')}"
        assert letters[criterion.family] == criterion.id[0]


@pytest.mark.parametrize("name", sorted(criteria_docs.pages()))
def test_the_pages_are_fresh(name: str) -> None:
    assert (PAGES / name).read_text(encoding="utf-8") == criteria_docs.pages()[name], "`make reference` writes them anew"


def test_the_readme_says_what_each_is_worth() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == criteria_docs.marked(text), "`make reference` writes it anew"


def test_pages_of_criteria_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "X99.md").write_text("old")
    criteria_docs.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(criteria_docs.pages())


def test_what_is_told_once_has_no_circle() -> None:
    """A consequence is never, by way of others, the cause of its cause: every finding would hide behind another."""
    below = {cause: {other for other in others if other != cause} for cause, others in IMPLIES.items()}
    while True:
        wider = {cause: others.union(*(below.get(other, set[str]()) for other in others)) for cause, others in below.items()}
        if wider == below:
            break
        below = wider
    assert [cause for cause, others in below.items() if cause in others] == []


@pytest.mark.parametrize("criterion", sorted(catalogue()))
def test_every_parameter_is_used(criterion: str) -> None:
    found = catalogue()[criterion]
    query = "\n".join(line for line in found.sql.splitlines() if not line.startswith("--"))
    assert [name for name in found.header.parameters if f"${name}" not in query] == []
