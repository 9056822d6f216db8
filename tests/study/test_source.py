"""The lines that explain a finding are looked for in the installed library, every time."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.scenarios import catalogue
from spanproof.study import causes, source, words
from spanproof.study.facts import FACTS
from spanproof.study.model import Claim, Statement
from spanproof.study.summary import HYPOTHESES, QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAIMS = list(dict.fromkeys(claim for question in QUESTIONS for claim in question.claims))
STATEMENTS = [
    value
    for module in pkgutil.iter_modules(causes.__path__)
    for value in vars(importlib.import_module(f"{causes.__name__}.{module.name}")).values()
    if isinstance(value, Statement)
]


def library_lines(statement: Statement) -> list[str]:
    spec = importlib.util.find_spec("stageflow")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / statement.module).read_text().splitlines()


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: f"{statement.function}: {statement.text}")
def test_every_cause_is_found_where_it_is_said_to_be(statement: Statement) -> None:
    place = source.locate(statement)

    assert place.line is not None
    assert library_lines(statement)[place.line - 1].strip().startswith(statement.text)
    assert place.library.startswith("stageflow-core 1.")


def test_the_first_of_several_below_a_line_is_meant() -> None:
    anywhere = source.locate(Statement("pipeline/dag.py", "UnifiedStageGraph.run", "t.cancel()", ""))
    below = source.locate(
        Statement("pipeline/dag.py", "UnifiedStageGraph.run", "t.cancel()", "", after="if stage_output.status == StageStatus.CANCEL:")
    )

    assert anywhere.line is not None
    assert below.line is not None
    assert below.line > anywhere.line


@pytest.mark.parametrize(
    "statement",
    [
        Statement("pipeline/dag.py", "UnifiedStageGraph.run", "no such line", ""),
        Statement("pipeline/dag.py", "UnifiedStageGraph.gone", "if", ""),
        Statement("pipeline/gone.py", "f", "if", ""),
    ],
    ids=["no such line", "no such function", "no such file"],
)
def test_a_statement_that_this_version_lacks_says_so(statement: Statement) -> None:
    place = source.locate(statement)

    assert place.line is None
    assert f"was not found in {statement.function} of stageflow-core" in words.place(place)


def test_without_the_library_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PACKAGE", "no_such_package")
    monkeypatch.setattr(source, "DISTRIBUTION", "no-such-distribution")

    place = source.locate(STATEMENTS[0])

    assert (place.line, place.library) == (None, "no-such-distribution (not installed)")


def names() -> Iterator[str]:
    for scenario in catalogue():
        yield from (f"{scenario.name}/{variant}" for variant in scenario.variants)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.says)
def test_a_claim_names_only_what_there_is(claim: Claim) -> None:
    known = set(names())

    assert set(claim.where) <= known
    assert not claim.shown_by or claim.shown_by in known
    assert bool(claim.criteria) != bool(claim.fact)
    assert not claim.fact or claim.fact in FACTS


def test_the_ten_hypotheses_of_the_research_summary_are_all_there() -> None:
    assert [each.id for each in HYPOTHESES] == [f"H{number}" for number in range(1, 11)]
    assert all(any(each.id in scenario.hypotheses for scenario in catalogue()) == bool(each.claims) for each in HYPOTHESES)


@pytest.mark.skipif(source.library() != "stageflow-core 1.2.0", reason="the page has the lines of 1.2.0")
def test_the_page_that_explains_the_findings_has_the_right_lines_and_names_real_experiments(checkout: Path) -> None:
    page = (checkout / "docs/explanation/what-stageflow-does.md").read_text(encoding="utf-8")
    places = [source.locate(each) for each in STATEMENTS]
    variants = {f"{each.name.rpartition('/')[2]}/{variant}" for each in catalogue() for variant in each.variants}

    assert set(re.findall(r"`(stageflow/[^`]+:\d+)`", page)) == {f"{place.file}:{place.line}" for place in places}
    scenarios = "|".join(each.name.rpartition("/")[2] for each in catalogue())
    named = set(re.findall(rf"`((?:{scenarios})/\w+)`", page))
    assert len(named) > 6
    assert named <= variants
    with_findings = {
        f"{each.name.rpartition('/')[2]}/{name}" for each in catalogue() for name, variant in each.variants.items() if variant.expected
    }
    assert with_findings <= named
