"""Finds the scenarios: every module below a family folder that has a `scenario`. Nothing is listed by hand."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import pkgutil

from .scenario import Scenario, Variant

HOME = __name__.rpartition(".")[0]
"""The package whose sub-packages are the families of scenarios that ship with Spanproof."""


class UnknownScenarioError(ValueError):
    """No scenario, or no variant of it, has this name; the message offers the closest one."""


class LibraryMissingError(ImportError):
    """The library whose pipelines the scenarios run is not installed."""


def catalogue(package: str = HOME) -> list[Scenario]:
    """All scenarios of a package, sorted by name.

    Args:
        package: importable package with one sub-package a family; modules beside the families are not looked at.

    Raises:
        LibraryMissingError: stageflow is not installed.
        ImportError: the package, or something else that one of its scenarios needs, is missing.
    """
    try:
        return _catalogue(package)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "stageflow":
            raise
        raise LibraryMissingError(
            "stageflow is not installed, and the scenarios run its pipelines. Install it with: pip install stageflow-core. "
            "Traces are judged without it.",
            name=error.name,
        ) from error


def _catalogue(package: str) -> list[Scenario]:
    root = importlib.import_module(package)
    found: list[Scenario] = []
    for family in pkgutil.iter_modules(root.__path__):
        if not family.ispkg:
            continue
        home = importlib.import_module(f"{package}.{family.name}")
        for module in pkgutil.iter_modules(home.__path__):
            scenario = getattr(importlib.import_module(f"{home.__name__}.{module.name}"), "scenario", None)
            if isinstance(scenario, Scenario):
                found.append(scenario)
    return sorted(found, key=lambda scenario: scenario.name)


def find(name: str, package: str = HOME) -> Scenario:
    """The scenario of this name: `family/name`, or the name alone where that is unambiguous.

    Raises:
        UnknownScenarioError: there is none.
    """
    scenarios = catalogue(package)
    for scenario in scenarios:
        if scenario.name == name:
            return scenario
    short = [scenario for scenario in scenarios if scenario.name.rpartition("/")[2] == name]
    if len(short) == 1:
        return short[0]
    known = [scenario.name for scenario in scenarios]
    raise UnknownScenarioError(f"no scenario {name!r}.{_closest(name, known)} `spanproof scenarios` lists them all.")


def select(name: str, variant: str | None = None, package: str = HOME) -> list[tuple[Scenario, Variant]]:
    """What `spanproof run NAME` means: all variants of a scenario, or the one that is named, also as `name/variant`.

    Raises:
        UnknownScenarioError: there is no such scenario, or it has no such variant.
    """
    scenario, variant = _split(name, variant, package)
    if variant is None:
        return [(scenario, each) for each in scenario.variants.values()]
    if variant not in scenario.variants:
        closest = _closest(variant, list(scenario.variants))
        raise UnknownScenarioError(
            f"scenario {scenario.name!r} has no variant {variant!r}.{closest} It has: {', '.join(scenario.variants)}."
        )
    return [(scenario, scenario.variants[variant])]


def _split(name: str, variant: str | None, package: str) -> tuple[Scenario, str | None]:
    """The scenario of a name, and the variant, where the name ends with one."""
    try:
        return find(name, package), variant
    except UnknownScenarioError:
        head, _, tail = name.rpartition("/")
        if variant is None and head:
            with contextlib.suppress(UnknownScenarioError):
                return find(head, package), tail
        raise


def _closest(name: str, known: list[str]) -> str:
    shorts = {each.rpartition("/")[2]: each for each in known} | {each: each for each in known}
    close = difflib.get_close_matches(name, shorts, n=1, cutoff=0.4)
    return f" Closest: {shorts[close[0]]!r}." if close else ""
