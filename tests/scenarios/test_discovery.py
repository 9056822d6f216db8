"""Scenarios are found, not listed; a wrong name is answered with the closest one."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from spanproof import scenarios
from spanproof.scenarios import UnknownScenarioError, catalogue, find, select
from spanproof.scenarios.discovery import LibraryMissingError
from spanproof.scenarios.scenario import Expected, Scenario


def test_every_module_of_every_family_is_a_scenario() -> None:
    home = Path(scenarios.__file__).parent
    modules = {f"{path.parent.name}/{path.stem}" for path in home.glob("*/*.py") if path.stem != "__init__"}

    assert {scenario.name for scenario in catalogue()} == modules
    assert {family.partition("/")[0] for family in modules} >= {"baseline", "propagation", "cleanup"}


def test_the_catalogue_is_sorted_by_name() -> None:
    names = [scenario.name for scenario in catalogue()]

    assert names == sorted(names)


@pytest.mark.parametrize("scenario", catalogue(), ids=lambda scenario: scenario.name)
def test_a_scenario_tells_its_story_and_has_a_control(scenario: Scenario) -> None:
    assert scenario.title
    assert len(scenario.story) > 100
    assert scenario.must.endswith(".")
    assert scenario.hypotheses
    assert scenario.failure_modes
    assert scenario.success
    assert any(variant.control for variant in scenario.variants.values())
    assert all(not variant.expected for variant in scenario.variants.values() if variant.control)
    assert all(variant.says.endswith(".") for variant in scenario.variants.values())


def test_a_scenario_is_found_by_its_full_and_by_its_short_name() -> None:
    assert find("propagation/parallel_cancellation") is find("parallel_cancellation")


def test_a_name_means_all_variants_or_the_one_that_it_ends_with() -> None:
    whole = select("parallel_cancellation")

    assert len(whole) > 3
    assert select("propagation/parallel_cancellation/timeout") == [(scenario, each) for scenario, each in whole if each.name == "timeout"]
    assert select("parallel_cancellation/timeout") == select("parallel_cancellation", "timeout")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "paralel_cancelation",
            "no scenario 'paralel_cancelation'. Closest: 'propagation/parallel_cancellation'. `spanproof scenarios` lists them all.",
        ),
        ("qqqqqqqqqq", "no scenario 'qqqqqqqqqq'. `spanproof scenarios` lists them all."),
        ("paralel/timeout", "no scenario 'paralel/timeout'."),
        (
            "simple_timeout/in_tim",
            "scenario 'baseline/simple_timeout' has no variant 'in_tim'. Closest: 'in_time'. It has: timeout, swallowed, in_time.",
        ),
    ],
)
def test_a_wrong_name_is_answered_with_the_closest_one(name: str, told: str) -> None:
    with pytest.raises(UnknownScenarioError) as error:
        select(name)

    assert str(error.value).startswith(told)


def test_a_scenario_without_a_docstring_is_refused() -> None:
    with pytest.raises(ValueError, match=r"family\.name: it has no docstring"):
        Scenario("family.name", None, must="x", hypotheses=())


def test_a_variant_without_a_docstring_is_refused() -> None:
    scenario = Scenario("family.name", "Title.", must="x", hypotheses=())

    async def silent() -> None: ...

    with pytest.raises(ValueError, match="family/name/silent: the variant has no docstring"):
        scenario.control(silent)


def test_two_variants_of_one_name_are_refused() -> None:
    scenario = Scenario("family.name", "Title.", must="x", hypotheses=())

    async def twice() -> None:
        """Says something."""

    scenario.control(twice)
    with pytest.raises(ValueError, match="two variants are called 'twice'"):
        scenario.variant()(twice)


def test_an_expectation_travels_as_one_json_object() -> None:
    text = Expected("P04", "stage stock", "because").to_json()

    assert text == ('{"criterion": "P04", "library": ">=1.2,<1.3", "python": ">=3.11", "subject": "stage stock", "why": "because"}')


class WithoutStageflow(MetaPathFinder):
    """An environment in which stageflow is not installed."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname.partition(".")[0] == "stageflow":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def test_without_stageflow_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = tmp_path / "needs_stageflow" / "family"
    family.mkdir(parents=True)
    (family.parent / "__init__.py").write_text("")
    (family / "__init__.py").write_text("")
    (family / "one.py").write_text("import stageflow\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [WithoutStageflow(), *sys.meta_path])
    for name in [each for each in sys.modules if each.partition(".")[0] == "stageflow"]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(LibraryMissingError, match="pip install stageflow-core"):
        catalogue("needs_stageflow")


def test_anything_else_that_is_missing_is_told_as_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        catalogue("no_such_package")
