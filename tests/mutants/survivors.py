"""Mutants that no small trace tells from the original, and why that is in order. `python -m tests.mutants` lists those that are new."""

from __future__ import annotations

import tomllib
from pathlib import Path

FOLDER = Path(__file__).parent / "survivors"


def listed(name: str) -> dict[str, str]:
    """Names of the mutants of a criterion (or shared view) that may survive, each with the reason."""
    file = FOLDER / f"{name}.toml"
    if not file.is_file():
        return {}
    found: dict[str, str] = {}
    for each in tomllib.loads(file.read_text(encoding="utf-8"))["survives"]:
        assert each["because"], f"{file.name}: {each['mutants']} without a reason"
        found |= dict.fromkeys(each["mutants"], each["because"])
    return found
